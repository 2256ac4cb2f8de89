import socket
import sys

with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
    client.sendto(sys.argv[2].encode(), (sys.argv[1], 11267))
