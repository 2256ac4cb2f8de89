"""Times conversations over TCP: to connect, to the first byte, and until the whole message is with the server.

    python3 -m lab.apps.message_meter take --port P --count N --sizes BYTES,BYTES
    python3 -m lab.apps.message_meter give HOST --port P --count N --sizes BYTES,BYTES [--rest SECONDS]

A round is a message of each size, one after another, each on a connection of its own; there are N rounds. Each side
says a line of JSON for each message, when all are over: who reads it would take the machine's time meanwhile. The
server says `ready` before. Times are CLOCK_REALTIME in ns, which is the same on all nodes of one machine, so that the
two sides can be held against each other.

What the server tells is when its kernel had the segments, not when its program heard of them: that is for the
scheduler to say, which wakes a program after 30 µs or after 150, with one segment or with all. A call of recvmsg()
tells the stamp of the furthest segment that it read. So the first byte is read by itself, and the rest in pieces that
no two whole segments fit into, of which the latest counts: one that was sent again comes after those behind it.

What Linux joins to a segment that nobody has read yet gives that its own stamp (`tcp_try_coalesce()`). A FIN does, so
the server closes first. So does a short last segment, of 150 bytes or so; and more where links are not made by the
software wire, whose frames are not joined. Then the first of two segments counts as later than it was.
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

from lab.apps.meter import ANCILLARY, SO_TIMESTAMPNS, stamps

PIECE = 1 << 16
PATIENCE_SECONDS = 170.0  # of a server for the next call, or for more of a message; of a client for the call's answer
_UNTIL_ACKNOWLEDGED = struct.pack("ii", 1, int(PATIENCE_SECONDS))  # struct linger, socket(7)
_RETRANSMISSIONS = struct.Struct("=100xI")  # tcpi_total_retrans in struct tcp_info (linux/tcp.h)


def take(port: int, count: int, sizes: Sequence[int]) -> None:
    """Take so many rounds of messages, each on a connection of its own, and close when all of it is there."""
    with socket.create_server(("", port), backlog=1) as listener:
        listener.settimeout(PATIENCE_SECONDS)
        listener.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)  # whom it accepts has it, too
        print("ready", flush=True)
        said = []
        for size in list(sizes) * count:
            with listener.accept()[0] as client:
                client.settimeout(PATIENCE_SECONDS)
                said.append(_taken(client, size))
    _say(said)


def _say(messages: Sequence[dict[str, int]]) -> None:
    for each in messages:
        print(json.dumps(each))


def _taken(client: socket.socket, size: int) -> dict[str, int]:
    segment = client.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG)
    received, told = 0, []
    while received < size:
        piece, ancillary, _, _ = client.recvmsg(min(size - received, segment) if received else 1, ANCILLARY)
        if not piece:
            raise ConnectionError("the client closed before the message was there")
        received += len(piece)
        told.append(stamps(ancillary)[0])
    if not any(told):
        raise OSError("the kernel does not stamp what comes over TCP")
    return {"first": next(filter(None, told)), "last": max(told)}  # where part of a segment has none, its end has


def give(place: tuple[str, int], count: int, sizes: Sequence[int], rest: float) -> None:
    """Bring so many rounds of messages, each `rest` seconds after the last acknowledgement of the one before."""
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
        begun = time.time_ns()
        server.connect(place)
        connected = time.time_ns()
        server.settimeout(None)  # who called this program knows how long a message may take
        server.sendall(message)
        while server.recv(PIECE):
            pass
        server.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _UNTIL_ACKNOWLEDGED)
        info = server.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _RETRANSMISSIONS.size)
    [again] = _RETRANSMISSIONS.unpack(info)
    return {"begun": begun, "connected": connected, "again": again}


def _sizes(words: str) -> tuple[int, ...]:
    found = tuple(int(word) for word in words.split(","))
    if min(found) < 1:
        raise ValueError(words)
    return found


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description="Times conversations over TCP.")
    sides = parser.add_subparsers(dest="side", required=True)
    for side in ("take", "give"):
        own = sides.add_parser(side)
        if side == "give":
            own.add_argument("host")
            own.add_argument("--rest", type=float, default=0.0, help="seconds before each message")
        own.add_argument("--port", type=int, required=True)
        own.add_argument("--count", type=int, required=True, help="rounds")
        own.add_argument("--sizes", type=_sizes, required=True, help="bytes of a round's messages, with commas between")
    words = parser.parse_args()
    try:
        if words.side == "take":
            take(words.port, words.count, words.sizes)
        else:
            give((words.host, words.port), words.count, words.sizes, words.rest)
    except OSError as error:
        sys.exit(f"message_meter: {error}")


if __name__ == "__main__":
    main()
