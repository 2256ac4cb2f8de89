"""The blackjack server: deals and keeps the score, for up to seven players at one table."""

from __future__ import annotations

import socket
import sys
from collections.abc import Sequence
from functools import partial

from lab.apps import endpoint, hall
from lab.apps.common import DONE, perform, whole
from lab.apps.dialogues.blackjack import PORT, Table
from lab.apps.dialogues.cards import Shoe


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program; returns its exit code."""
    parser = hall.words_of_a_server("Deals blackjack and keeps the score.", PORT)
    parser.add_argument("--seed", type=whole(0, 2**32), help="the same seed gives the same cards (default: chance)")
    words = parser.parse_args(argv)
    table = Table(Shoe(words.seed), patience=words.timeout or hall.PATIENCE_SECONDS)
    where = endpoint.from_words(parser, words, socket.SOCK_STREAM)
    return perform("server", partial(hall.listen, where, table, words.clients), interrupted=DONE)


if __name__ == "__main__":
    sys.exit(main())
