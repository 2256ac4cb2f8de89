import socket
import sys

with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as client:
    client.connect((sys.argv[1], 11267))
    print("client is connected")
    client.sendall(sys.argv[2].encode())
