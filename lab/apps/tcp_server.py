"""The lecture's TCP server: waits for a connection, says what it received, and ends.

It receives until the client has closed, and says each piece as it comes. So a message that fits the buffer
gives the lecture's four lines, and a longer one arrives whole, in order, and in several lines: TCP is a stream
of bytes, and knows nothing of messages. An empty message sends no byte at all; like a client that just closes,
it gives a last line with nothing in it.
"""

from __future__ import annotations

import codecs
import socket
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from lab.apps import endpoint
from lab.apps.common import (
    DONE,
    FAILED,
    MOST_BYTES,
    AppError,
    Parser,
    complain,
    perform,
    reason,
    safe,
    say,
    whole,
)


@dataclass(frozen=True, slots=True)
class Settings:
    """What the words on the command line come to; `buffer` in bytes, `timeout` in seconds."""

    endpoint: endpoint.Endpoint
    buffer: int
    backlog: int
    once: bool
    timeout: float | None


class ClientLostError(AppError):
    """The conversation with one client failed; a server that serves forever goes on with the next."""


def read_words(argv: Sequence[str] | None) -> Settings:
    """Read the command line; wrong words end the program with exit code 2."""
    parser = Parser("Waits for a connection, says what it receives, and ends.")
    endpoint.add_words(parser, host="0.0.0.0", timeout="the longest wait for a client, and then for its data")
    parser.add_argument(
        "--buffer", type=whole(1, MOST_BYTES), default=80, help="bytes to receive at a time (%(default)s)"
    )
    parser.add_argument("--backlog", type=whole(0, 65535), default=2, help="clients that may queue (%(default)s)")
    often = parser.add_mutually_exclusive_group()
    often.add_argument("--once", action="store_true", default=True, help="serve one client, then end (the default)")
    often.add_argument("--forever", action="store_false", dest="once", help="serve one client after another")
    words = parser.parse_args(argv)
    where = endpoint.from_words(parser, words, socket.SOCK_STREAM)
    return Settings(where, words.buffer, words.backlog, words.once, words.timeout)


def serve(settings: Settings) -> None:
    """Serve one client, or one after another.

    Raises:
        AppError: the port is taken, no client came in time, or the only one was lost.
    """
    with endpoint.bound(settings.endpoint, settings.backlog) as listener:
        listener.settimeout(settings.timeout)
        while True:
            say("server waits for connection")
            try:
                _serve_next(listener, settings)
            except ClientLostError as lost:
                if settings.once:
                    raise
                complain(f"server {lost}")
            if settings.once:
                return


def _serve_next(listener: socket.socket, settings: Settings) -> None:
    try:
        connection, peer = listener.accept()
    except TimeoutError as error:
        raise AppError(f"waited {settings.timeout:g} s for a connection in vain") from error
    except OSError as error:
        raise ClientLostError(f"lost a client that had not been accepted yet: {reason(error)}") from error
    with connection:
        name = endpoint.peer_name(peer)
        say(f"server accepted connection request from  {name}")
        say("server waits for data")
        connection.settimeout(settings.timeout)
        try:
            _receive_all(connection, settings.buffer)
        except TimeoutError as error:
            raise ClientLostError(f"gave up on {name}: {reason(error, settings.timeout)}") from error
        except OSError as error:
            raise ClientLostError(f"lost {name}: {reason(error)}") from error


def _receive_all(connection: socket.socket, buffer: int) -> None:
    """Say every piece until the client has closed.

    A character whose bytes fall into two pieces is kept back until it is whole; bytes that are not UTF-8
    are shown as escapes.
    """
    decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")
    said = False
    while data := connection.recv(buffer):
        if text := decoder.decode(data):
            say(f"server received  {safe(text)}")
            said = True
    rest = decoder.decode(b"", final=True)
    if rest or not said:
        say(f"server received  {rest}")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program; returns its exit code."""
    settings = read_words(argv)
    return perform("server", partial(serve, settings), interrupted=FAILED if settings.once else DONE)


if __name__ == "__main__":
    sys.exit(main())
