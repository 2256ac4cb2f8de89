"""The server of rock, paper, scissors: two clients meet, and neither can wait to see the other's choice."""

from __future__ import annotations

import argparse
import socket
import sys
from collections.abc import Sequence
from functools import partial

from lab.apps import endpoint, hall
from lab.apps.common import DONE, perform, whole
from lab.apps.dialogues.rps import PORT, Meeting


def odd(word: str) -> int:
    """Read an odd number from 1 to 99.

    Raises:
        argparse.ArgumentTypeError: it is none.
    """
    number = whole(1, 99)(word)
    if number % 2 == 0:
        raise argparse.ArgumentTypeError(f"an odd number is needed, so that somebody has more than half; not {word!r}")
    return number


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program; returns its exit code."""
    parser = hall.words_of_a_server("Has clients meet for rock, paper, scissors.", PORT)
    parser.add_argument("--best-of", type=odd, default=3, help="rounds of a match, an odd number (%(default)s)")
    words = parser.parse_args(argv)
    meeting = Meeting(words.best_of, patience=words.timeout or hall.PATIENCE_SECONDS)
    where = endpoint.from_words(parser, words, socket.SOCK_STREAM)
    return perform("server", partial(hall.listen, where, meeting, words.clients), interrupted=DONE)


if __name__ == "__main__":
    sys.exit(main())
