"""Cards as blackjack counts them, and the shoe that they are dealt from. Pure, but for the chance that shuffles."""

from __future__ import annotations

import random
from collections.abc import Sequence

RANKS = ("A", "2", "3", "4", "5", "6", "7", "8", "9", "10", "J", "Q", "K")
SUITS = ("C", "D", "H", "S")
DECK = tuple(rank + suit for suit in SUITS for rank in RANKS)
BEST = 21
DECKS, RESHUFFLE_BELOW = 4, 52
SOFT = 10  # what an ace counts more, where that does not burst


def value(hand: Sequence[str]) -> int:
    """What a hand is worth: an ace counts 11 where that does not burst, else 1; court cards count 10."""
    ranks = [card[:-1] for card in hand]
    total = sum(1 if rank == "A" else 10 if rank in {"J", "Q", "K"} else int(rank) for rank in ranks)
    return total + SOFT if "A" in ranks and total + SOFT <= BEST else total


class Shoe:
    """Four decks, shuffled; made anew between rounds when fewer than 52 cards are left.

    Args:
        seed: the same seed gives the same cards; None: nobody can know them.
    """

    def __init__(self, seed: int | None = None) -> None:
        self._chance: random.Random = random.SystemRandom() if seed is None else random.Random(seed)  # noqa: S311 - a seed is for tests
        self._cards: list[str] = []

    def begin_round(self) -> None:
        """Shuffle if it is time."""
        if len(self._cards) < RESHUFFLE_BELOW:
            self._cards = list(DECK) * DECKS
            self._chance.shuffle(self._cards)

    def deal(self) -> str:
        """The next card."""
        if not self._cards:  # seven players who all hit on and on
            self.begin_round()
        return self._cards.pop()
