import socket
import threading

paper = threading.Lock()


def take(client):
    with client:
        job = b""
        while piece := client.recv(4096):
            job += piece
        with paper, open("/root/printed.txt", "ab") as out:
            out.write(job)


with socket.socket() as server:
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind(("", 9100))
    server.listen(5)
    print("printer is ready")
    while True:
        threading.Thread(target=take, args=(server.accept()[0],)).start()
