"""The lecture's client over UDP: asks for a message, sends it as one datagram, and ends.

It establishes no connection and just carries on: exit code 0 means sent, not received. With a time limit it
listens that long for the one thing that the network may say: nobody is at that port (ICMP port unreachable).
"""

from __future__ import annotations

import contextlib
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
    broadcast: bool


def read_words(argv: Sequence[str] | None) -> Settings:
    """Read the command line; wrong words end the program with exit code 2."""
    parser = Parser("Asks for a message, sends it as one datagram, and ends.")
    endpoint.add_words(parser, host="127.0.0.1", timeout="listen this long for news that no server is there")
    parser.add_argument("--message", help="what to send, instead of asking for it")
    parser.add_argument("--broadcast", action="store_true", help="allow a broadcast address as the host")
    words = parser.parse_args(argv)
    where = endpoint.from_words(parser, words, socket.SOCK_DGRAM)
    if words.broadcast and where.path:
        parser.error("--broadcast belongs to --family inet")
    return Settings(where, words.message, words.timeout, words.broadcast)


def talk(settings: Settings) -> None:
    """Send one datagram.

    Raises:
        AppError: the host is unknown or out of reach, the message does not fit a datagram, or there is none.
    """
    with endpoint.connected(settings.endpoint, settings.timeout, broadcast=settings.broadcast) as server:
        say("client needs no connection")
        message = ask("Give message : ") if settings.message is None else settings.message
        data = message.encode("utf-8", "surrogateescape")
        try:
            server.send(data)
            if settings.timeout is not None and not settings.endpoint.path:
                _listen_for_refusal(server)
        except OSError as error:
            if error.errno == errno.EMSGSIZE:
                raise AppError(f"cannot send {len(data)} bytes: one datagram does not hold them") from error
            raise AppError(f"found no server at {settings.endpoint}: {reason(error, settings.timeout)}") from error


def _listen_for_refusal(server: socket.socket) -> None:
    """Wait for the network's news; silence until the time is up is the good news."""
    with contextlib.suppress(TimeoutError):
        server.recv(1)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program; returns its exit code."""
    return perform("client", partial(talk, read_words(argv)))


if __name__ == "__main__":
    sys.exit(main())
