"""Times conversations over TCP: to connect, to the first byte, and until the whole message is with the server.

    python3 -m lab.apps.message_meter take --port P --count N [--echoes BYTES,BYTES]
    python3 -m lab.apps.message_meter give HOST --port P --count N --size BYTES [--echoes BYTES,BYTES] [--rest SECONDS]

Each says a line of JSON for each conversation, when all are over: who reads it would take the machine's time
meanwhile. The server says `ready` before. Times are CLOCK_MONOTONIC in ns, which
is the same on all nodes of one machine, so that the two sides can be held against each other.

After each conversation follow the echoes, which tell what the machine itself takes: so many bytes each, over a
connection of their own, which the server answers with one.
"""

from __future__ import annotations

import argparse
import json
import socket
import struct
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

PIECE = 1 << 16
PATIENCE_SECONDS = 170.0  # a connection that makes no progress for so long is lost
_RETRANSMISSIONS = struct.Struct("=100xI")  # tcpi_total_retrans in struct tcp_info (linux/tcp.h)


def take(port: int, count: int, echoes: Sequence[int]) -> None:
    """Take so many messages, each on a connection of its own, and close when the client has; then answer the echoes."""
    with socket.create_server(("", port), backlog=1) as listener:
        listener.settimeout(PATIENCE_SECONDS)
        print("ready", flush=True)
        said: list[dict[str, object]] = []
        for _ in range(count):
            with listener.accept()[0] as client:
                client.settimeout(PATIENCE_SECONDS)
                taken = _taken(client)
            heard: list[int] = []
            for size in echoes:
                with listener.accept()[0] as client:
                    client.settimeout(PATIENCE_SECONDS)
                    heard.append(_answer(client, size))
            said.append({**taken, "heard": heard})
    _say(said)


def _say(rounds: Sequence[dict[str, object]]) -> None:
    for each in rounds:
        print(json.dumps(each))


def _taken(client: socket.socket) -> dict[str, int]:
    first = last = received = 0
    while piece := client.recv(PIECE):
        last = time.monotonic_ns()
        first = first or last
        received += len(piece)
    return {"first": first, "last": last, "received": received}


def _answer(client: socket.socket, size: int) -> int:
    """Answer so many bytes with one, and wait until the client has closed; when the first was there."""
    first = 0
    while size:
        piece = client.recv(PIECE)
        first = first or time.monotonic_ns()
        if not piece:
            raise ConnectionResetError("the client has gone away")
        size -= len(piece)
    client.sendall(b".")
    client.recv(1)
    return first


def give(place: tuple[str, int], count: int, size: int, echoes: Sequence[int], rest: float) -> None:
    """Bring so many messages, one after another, each with its echoes, and `rest` seconds after whatever was before.

    By then its last acknowledgement has left the links, of which nobody is told.
    """
    message, pause = bytes(size), threading.Event()
    said: list[dict[str, object]] = []
    for _ in range(count):
        pause.wait(rest)
        given = _given(place, message)
        found: list[tuple[int, int, int]] = []
        for burst in echoes:
            pause.wait(rest)
            found.append(_echo(place, bytes(burst)))
        said.append({**given, "echoes": found})
    _say(said)


@contextmanager
def _connected(place: tuple[str, int]) -> Iterator[tuple[socket.socket, int, int]]:
    """A connection, and when it was begun and there."""
    with socket.socket() as server:
        server.settimeout(PATIENCE_SECONDS)
        server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # the last segment shall not wait
        begun = time.monotonic_ns()
        server.connect(place)
        yield server, begun, time.monotonic_ns()


def _given(place: tuple[str, int], message: bytes) -> dict[str, int]:
    with _connected(place) as (server, begun, connected):
        server.sendall(message)
        server.shutdown(socket.SHUT_WR)
        while server.recv(PIECE):
            pass
        info = server.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _RETRANSMISSIONS.size)
    [again] = _RETRANSMISSIONS.unpack(info)
    return {"begun": begun, "connected": connected, "again": again}


def _echo(place: tuple[str, int], burst: bytes) -> tuple[int, int, int]:
    """When it was begun, when connected, and when a burst was answered."""
    with _connected(place) as (server, begun, connected):
        server.sendall(burst)
        server.recv(1)
        answered = time.monotonic_ns()
    return begun, connected, answered


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
            own.add_argument("--size", type=int, required=True, help="bytes of the message, 1 or more")
            own.add_argument("--rest", type=float, default=0.0, help="seconds before each")
        own.add_argument("--port", type=int, required=True)
        own.add_argument("--count", type=int, required=True, help="conversations")
        own.add_argument("--echoes", type=_sizes, default=(), help="bytes of each echo, with commas between")
    words = parser.parse_args()
    try:
        if words.side == "take":
            take(words.port, words.count, words.echoes)
        else:
            give((words.host, words.port), words.count, words.size, words.echoes, words.rest)
    except OSError as error:
        sys.exit(f"message_meter: {error}")


if __name__ == "__main__":
    main()
