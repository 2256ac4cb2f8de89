import socket

with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
    server.bind(("", 11267))
    data, address = server.recvfrom(80)
    print("server received ", data.decode(), "from ", address)
