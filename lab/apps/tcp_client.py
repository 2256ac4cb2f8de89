"""The lecture's TCP client: connects, asks for a message, sends it, and ends.

After the last byte it closes its direction and waits until the server has closed the other. So exit code 0
means that the server took everything; a server that was lost half-way, or that ended while this client was
still in its queue, is noticed.
"""

from __future__ import annotations

import errno
import socket
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from lab.apps import endpoint
from lab.apps.common import AppError, Parser, ask, perform, reason, say


@dataclass(frozen=True, slots=True)
class Settings:
    """What the words on the command line come to; without a message the person is asked."""

    endpoint: endpoint.Endpoint
    message: str | None
    timeout: float | None


def read_words(argv: Sequence[str] | None) -> Settings:
    """Read the command line; wrong words end the program with exit code 2."""
    parser = Parser("Connects, asks for a message, sends it, and ends.")
    endpoint.add_words(parser, host="127.0.0.1", timeout="the longest wait for the server at each step")
    parser.add_argument("--message", help="what to send, instead of asking for it")
    words = parser.parse_args(argv)
    return Settings(endpoint.from_words(parser, words, socket.SOCK_STREAM), words.message, words.timeout)


def talk(settings: Settings) -> None:
    """Send one message.

    Raises:
        AppError: no server was found, it was lost, or there is no message.
    """
    with endpoint.connected(settings.endpoint, settings.timeout) as server:
        say("client is connected")
        message = ask("Give message : ") if settings.message is None else settings.message
        try:
            server.sendall(message.encode("utf-8", "surrogateescape"))
            _close_our_direction(server)
            while server.recv(4096):
                pass  # this conversation goes one way; whatever comes back is not for us
        except OSError as error:
            raise AppError(f"lost the server at {settings.endpoint}: {reason(error, settings.timeout)}") from error


def _close_our_direction(server: socket.socket) -> None:
    """Say that no more is to come. After a reset there is no direction left to close; recv then tells why."""
    try:
        server.shutdown(socket.SHUT_WR)
    except OSError as error:
        if error.errno != errno.ENOTCONN:
            raise


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program; returns its exit code."""
    return perform("client", partial(talk, read_words(argv)))


if __name__ == "__main__":
    sys.exit(main())
