"""The lecture's server over UDP: waits for data, says what it received and from whom, and ends.

There is no connection to wait for or to accept. One datagram is one message: what does not fit the buffer is
lost, which the server says in a line of its own, and an empty message arrives as an empty datagram.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from lab.apps import endpoint
from lab.apps.common import DONE, FAILED, MOST_BYTES, AppError, Parser, perform, reason, safe, say, whole


@dataclass(frozen=True, slots=True)
class Settings:
    """What the words on the command line come to; `buffer` in bytes, `timeout` in seconds."""

    endpoint: endpoint.Endpoint
    buffer: int
    once: bool
    timeout: float | None


def read_words(argv: Sequence[str] | None) -> Settings:
    """Read the command line; wrong words end the program with exit code 2."""
    parser = Parser("Waits for data, says what it receives and from whom, and ends.")
    endpoint.add_words(parser, host="0.0.0.0", timeout="the longest wait for a datagram")
    parser.add_argument(
        "--buffer", type=whole(1, MOST_BYTES), default=80, help="bytes to keep of a datagram (%(default)s)"
    )
    often = parser.add_mutually_exclusive_group()
    often.add_argument("--once", action="store_true", default=True, help="receive one datagram, then end (the default)")
    often.add_argument("--forever", action="store_false", dest="once", help="receive one after another")
    words = parser.parse_args(argv)
    where = endpoint.from_words(parser, words, socket.SOCK_DGRAM)
    return Settings(where, words.buffer, words.once, words.timeout)


def serve(settings: Settings) -> None:
    """Receive one datagram, or one after another.

    Raises:
        AppError: the port is taken, or no datagram came in time.
    """
    with endpoint.bound(settings.endpoint) as sock:
        sock.settimeout(settings.timeout)
        while True:
            say("server waits for data")
            try:
                _receive(sock, settings.buffer)
            except TimeoutError as error:
                raise AppError(f"waited {settings.timeout:g} s for data in vain") from error
            except OSError as error:
                raise AppError(f"cannot receive: {reason(error)}") from error
            if settings.once:
                return


def _receive(sock: socket.socket, buffer: int) -> None:
    room = bytearray(buffer)
    # MSG_TRUNC makes the kernel tell the datagram's real length, not only what fitted: recv(2).
    length, _, _, peer = sock.recvmsg_into([room], 0, socket.MSG_TRUNC)
    text = room[:length].decode("utf-8", "backslashreplace")
    say(f"server received  {safe(text)} from  {endpoint.peer_name(peer)}")
    if length > buffer:
        say(f"server lost {length - buffer} bytes: the datagram had {length}, the buffer holds {buffer}")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program; returns its exit code."""
    settings = read_words(argv)
    return perform("server", partial(serve, settings), interrupted=FAILED if settings.once else DONE)


if __name__ == "__main__":
    sys.exit(main())
