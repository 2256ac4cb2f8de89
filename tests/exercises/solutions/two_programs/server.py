import socket

with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as server:
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind(("", 11267))
    server.listen(2)
    print("server waits for connection")
    client, address = server.accept()
    print("server accepted connection request from ", address)
    print("server waits for data")
    data = client.recv(80).decode()
    print("server received ", data)
    client.close()
