"""Your server."""
