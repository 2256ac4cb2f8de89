import contextlib
import os
import socket

PATH = "/tmp/exercise.sock"
with contextlib.suppress(FileNotFoundError):
    os.unlink(PATH)
with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
    server.bind(PATH)
    server.listen(2)
    client, _ = server.accept()
    print("server received ", client.recv(80).decode())
