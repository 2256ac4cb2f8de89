"""A message over UDP, in numbered pieces, each sent again until it is acknowledged.

python3 reliable.py receive PORT | python3 reliable.py send HOST PORT COUNT
"""

import socket
import sys

AGAIN_SECONDS = 0.1
GIVE_UP_AFTER = 50


def receive(port: int) -> None:
    """Print each piece once, in order, and acknowledge it every time that it comes."""
    with socket.socket(type=socket.SOCK_DGRAM) as here:
        here.bind(("", port))
        wanted = 0
        while True:
            piece, sender = here.recvfrom(2048)
            number, _, text = piece.partition(b" ")
            if int(number) > wanted:
                continue
            here.sendto(number, sender)
            if int(number) == wanted:
                wanted += 1
                print(text.decode(), flush=True)


def send(host: str, port: int, count: int) -> None:
    """Send so many pieces, one after the other."""
    with socket.socket(type=socket.SOCK_DGRAM) as here:
        here.connect((host, port))
        here.settimeout(AGAIN_SECONDS)
        for number in range(count):
            for _ in range(GIVE_UP_AFTER):
                here.send(b"%d piece %d" % (number, number))
                try:
                    while here.recv(64) != b"%d" % number:
                        pass
                    break
                except TimeoutError:
                    continue
            else:
                sys.exit(f"piece {number} was never acknowledged")


if __name__ == "__main__":
    if sys.argv[1] == "receive":
        receive(int(sys.argv[2]))
    else:
        send(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
