"""Times conversations over TCP: to connect, to the first byte, and until the whole message is with the server.

    python3 -m lab.apps.message_meter take --port P --count N
    python3 -m lab.apps.message_meter give HOST --port P --count N --sizes BYTES,BYTES [--rest SECONDS]

A round is a message of each size, one after another, each on a connection of its own. `take` counts messages, `give`
rounds. Each says a line of JSON for each message, when all are over: who reads it would take the machine's time
meanwhile. The server says `ready` before. Times are CLOCK_MONOTONIC in ns, which is the same on all nodes of one
machine, so that the two sides can be held against each other.
"""

from __future__ import annotations

import argparse
import json
import socket
import struct
import sys
import threading
import time
from collections.abc import Sequence

PIECE = 1 << 16
PATIENCE_SECONDS = 170.0  # a connection that makes no progress for so long is lost
_RETRANSMISSIONS = struct.Struct("=100xI")  # tcpi_total_retrans in struct tcp_info (linux/tcp.h)


def take(port: int, count: int) -> None:
    """Take so many messages, each on a connection of its own, and close when the client has."""
    with socket.create_server(("", port), backlog=1) as listener:
        listener.settimeout(PATIENCE_SECONDS)
        print("ready", flush=True)
        said = []
        for _ in range(count):
            with listener.accept()[0] as client:
                client.settimeout(PATIENCE_SECONDS)
                said.append(_taken(client))
    _say(said)


def _say(messages: Sequence[dict[str, int]]) -> None:
    for each in messages:
        print(json.dumps(each))


def _taken(client: socket.socket) -> dict[str, int]:
    first = last = received = 0
    while piece := client.recv(PIECE):
        last = time.monotonic_ns()
        first = first or last
        received += len(piece)
    return {"first": first, "last": last, "received": received}


def give(place: tuple[str, int], count: int, sizes: Sequence[int], rest: float) -> None:
    """Bring so many rounds of messages, each `rest` seconds after whatever was before.

    By then its last acknowledgement has left the links, of which nobody is told.
    """
    pause = threading.Event()
    said = []
    for size in list(sizes) * count:
        message = bytes(size)
        pause.wait(rest)
        said.append(_given(place, message))
    _say(said)


def _given(place: tuple[str, int], message: bytes) -> dict[str, int]:
    with socket.socket() as server:
        server.settimeout(PATIENCE_SECONDS)
        server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # the last segment shall not wait
        begun = time.monotonic_ns()
        server.connect(place)
        connected = time.monotonic_ns()
        server.sendall(message)
        server.shutdown(socket.SHUT_WR)
        while server.recv(PIECE):
            pass
        info = server.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _RETRANSMISSIONS.size)
    [again] = _RETRANSMISSIONS.unpack(info)
    return {"begun": begun, "connected": connected, "again": again}


def _sizes(words: str) -> tuple[int, ...]:
    return tuple(int(word) for word in words.split(","))


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description="Times conversations over TCP.")
    sides = parser.add_subparsers(dest="side", required=True)
    for side in ("take", "give"):
        own = sides.add_parser(side)
        if side == "give":
            own.add_argument("host")
            own.add_argument("--sizes", type=_sizes, required=True, help="bytes of each message, with commas between")
            own.add_argument("--rest", type=float, default=0.0, help="seconds before each")
        own.add_argument("--port", type=int, required=True)
        own.add_argument("--count", type=int, required=True, help="messages to take, or rounds to give")
    words = parser.parse_args()
    try:
        if words.side == "take":
            take(words.port, words.count)
        else:
            give((words.host, words.port), words.count, words.sizes, words.rest)
    except OSError as error:
        sys.exit(f"message_meter: {error}")


if __name__ == "__main__":
    main()
