"""Passes on what clients and a server say to each other, a byte at a time: TCP is a stream, and knows no messages.

    python3 -m lab.apps.chop --port 11269 --to 21269 [--host ADDRESS]

Says `chop is ready` once it can be called. A client that takes each piece for a whole message works on a quiet
network and fails here. Serves one client after another, until it is told to end.
"""

from __future__ import annotations

import contextlib
import select
import socket
import sys
from collections.abc import Sequence

from lab.apps import endpoint
from lab.apps.common import DONE, AppError, Parser, perform, port, say

PIECE = 4096


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program; returns its exit code."""
    parser = Parser("Passes on what a client and a server say to each other, a byte at a time.")
    endpoint.add_words(parser, host="0.0.0.0", timeout="the longest wait for the server")
    parser.add_argument("--to", type=port, required=True, help="the server's port on this computer")
    words = parser.parse_args(argv)
    here = endpoint.from_words(parser, words, socket.SOCK_STREAM)
    there = endpoint.Endpoint(socket.SOCK_STREAM, "127.0.0.1", words.to)

    def serve() -> None:
        with endpoint.bound(here, backlog=2) as listener:
            say("chop is ready")
            while True:
                client, _ = listener.accept()
                with client, contextlib.suppress(AppError), endpoint.connected(there, words.timeout) as server:
                    carry(client, server)

    return perform("chop", serve, interrupted=DONE)


def carry(one: socket.socket, two: socket.socket) -> None:
    """Carry bytes both ways until one side is gone."""
    others = {one: two, two: one}
    for sock in others:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with contextlib.suppress(OSError):
        while True:
            for sock in select.select(list(others), [], [])[0]:
                piece = sock.recv(PIECE)
                if not piece:
                    return
                for byte in piece:
                    others[sock].sendall(bytes([byte]))


if __name__ == "__main__":
    sys.exit(main())
