import socket
import sys

with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
    client.connect("/tmp/exercise.sock")
    client.sendall(sys.argv[1].encode())
