"""The rules of what servers and clients say to each other, apart from any socket: they decide, and send nothing."""
