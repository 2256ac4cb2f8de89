import socket
import sys

for port in range(20000, 20100):
    with socket.socket() as knock:
        if knock.connect_ex((sys.argv[1], port)) == 0:
            print(port)
