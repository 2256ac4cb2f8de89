"""Simplified blackjack: several players at one table, and a server that deals and keeps the score.

The server never takes a player's word for anything but a wish: `hit` or `stand`, when it is that player's turn. No
message names a card or a score. docs/protocols/blackjack.md has the messages and the states. Pure.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

from lab.apps.dialogues.base import Action, Dialogue, Send, Tell, WrongMessageError, read_name
from lab.apps.dialogues.cards import BEST, Shoe, value

PORT = 11269
GREETING = "welcome blackjack 1"
SEATS = 7
DEALER_STANDS = 17


@dataclass(slots=True)
class Player:
    """Somebody who has said a name. `hand` is empty between rounds; `ready` for the next one."""

    name: str
    score: int = 0
    ready: bool = False
    hand: list[str] = field(default_factory=list)
    done: bool = False

    def if_it_left(self) -> int:
        """The score that it would leave with: an open hand is lost."""
        return self.score - bool(self.hand)


class Table(Dialogue):
    """The server's side: one table, at which those play who have said `deal` when a round begins."""

    def __init__(self, shoe: Shoe, *, patience: float = 60.0) -> None:
        super().__init__(GREETING, seats=SEATS, patience=patience)
        self._shoe = shoe
        self._players: dict[int, Player] = {}
        self._dealer: list[str] = []
        self._waits_until = math.inf

    def due(self) -> float:
        """When time alone does something: a silent player is dismissed, or a round begins without those not ready."""
        return min(super().due(), self._waits_until)

    def passed(self, now: float) -> Iterator[Action]:
        """Time has gone by."""
        yield from super().passed(now)
        if now >= self._waits_until:
            yield from self._begin_if_ready(now)

    def on_line(self, who: int, words: list[str], now: float) -> Iterator[Action]:
        """What follows from a line."""
        match words:
            case ["join", name]:
                yield from self._join(who, read_name(name), now)
            case ["deal"]:
                yield from self._get_ready(who, now)
            case ["hit"]:
                yield from self._hit(who, now)
            case ["stand"]:
                yield from self._stand(who, now)
            case ["leave"]:
                score = self._players[who].if_it_left() if who in self._players else 0
                yield from self.dismiss(who, f"bye {score}", now)
            case _:
                raise WrongMessageError("malformed", "there are join NAME, deal, hit, stand, leave")

    def on_left(self, who: int, now: float) -> Iterator[Action]:
        """Somebody who leaves loses the hand, and the round goes on without."""
        had_the_turn = self._turn() == who
        player = self._players.pop(who, None)
        if player is None:
            return
        yield Tell(f"server says farewell to {player.name}, score {player.if_it_left()}")
        yield from self._to_all(f"left {player.name}")
        if had_the_turn:
            yield from self._go_on(now)
        elif not self._dealer:
            yield from self._begin_if_ready(now)

    def _join(self, who: int, name: str, now: float) -> Iterator[Action]:
        if who in self._players:
            raise WrongMessageError("unexpected", "you sit at the table already")
        if name in {player.name for player in self._players.values()}:
            raise WrongMessageError("refused", "somebody of that name sits at the table")
        yield from (Send(who, f"joined {player.name}") for player in self._players.values())
        self._players[who] = Player(name)
        self.expect(who, now)
        yield Tell(f"server seats {name}")
        yield from self._to_all(f"joined {name}")

    def _get_ready(self, who: int, now: float) -> Iterator[Action]:
        player = self._seated(who)
        if player.ready or player.hand:
            raise WrongMessageError("unexpected", "you play this round already")
        player.ready = True
        self.rest(who)
        yield from self._begin_if_ready(now)

    def _begin_if_ready(self, now: float) -> Iterator[Action]:
        """Deal, when no hand is open and everybody at the table wants one.

        Nobody is waited for longer than a player's patience: else whoever sits down, says nothing, and comes again
        when dismissed would keep all others from playing.
        """
        if self._dealer:
            return
        ready = [player for player in self._players.values() if player.ready]
        self._waits_until = min(self._waits_until, now + self.patience) if ready else math.inf
        if not ready or (len(ready) < len(self._players) and now < self._waits_until):
            return
        self._waits_until = math.inf
        self._shoe.begin_round()
        for player in ready:
            player.hand, player.done, player.ready = [self._shoe.deal(), self._shoe.deal()], False, False
            yield from self._to_all(f"cards {player.name} {' '.join(player.hand)}")
        self._dealer = [self._shoe.deal(), self._shoe.deal()]
        yield from self._to_all(f"dealer {self._dealer[0]}")
        yield from self._go_on(now)

    def _hit(self, who: int, now: float) -> Iterator[Action]:
        player = self._on_turn(who)
        card = self._shoe.deal()
        player.hand.append(card)
        worth = value(player.hand)
        yield from self._to_all(f"card {player.name} {card} {worth}")
        if worth < BEST:
            self.expect(who, now)
            return
        player.done = True
        self.rest(who)
        yield from self._go_on(now)

    def _stand(self, who: int, now: float) -> Iterator[Action]:
        player = self._on_turn(who)
        player.done = True
        self.rest(who)
        yield from self._to_all(f"stands {player.name} {value(player.hand)}")
        yield from self._go_on(now)

    def _go_on(self, now: float) -> Iterator[Action]:
        """Give the next player the turn; after the last one, the dealer plays and the round is counted."""
        for player in self._players.values():
            player.done = player.done or value(player.hand) >= BEST
        if (turn := self._turn()) is not None:
            self.expect(turn, now)
            yield from self._to_all(f"turn {self._players[turn].name}")
            return
        if any(value(player.hand) <= BEST for player in self._players.values() if player.hand):
            while value(self._dealer) < DEALER_STANDS:
                self._dealer.append(self._shoe.deal())
        yield from self._to_all(f"dealer {' '.join(self._dealer)} {value(self._dealer)}")
        yield from self._count(now)

    def _count(self, now: float) -> Iterator[Action]:
        dealer, self._dealer = value(self._dealer), []
        for who, player in self._players.items():
            if player.hand:
                change = outcome(value(player.hand), dealer)
                player.score += change
                player.hand = []
                word = {1: "win", 0: "push", -1: "lose"}[change]
                yield from self._to_all(f"result {player.name} {word} {player.score}")
            if not player.ready:
                self.expect(who, now)
        yield from self._to_all("over")
        yield from self._begin_if_ready(now)

    def _turn(self) -> int | None:
        open_hands = (who for who, player in self._players.items() if player.hand and not player.done)
        return next(open_hands, None)

    def _seated(self, who: int) -> Player:
        if who not in self._players:
            raise WrongMessageError("unexpected", "say join NAME first")
        return self._players[who]

    def _on_turn(self, who: int) -> Player:
        player = self._seated(who)
        if who != self._turn():
            raise WrongMessageError("unexpected", "it is not your turn")
        return player

    def _to_all(self, line: str) -> Iterator[Action]:
        yield from (Send(who, line) for who in self._players)


def outcome(player: int, dealer: int) -> int:
    """What a hand brings against the dealer's: 1, 0 or -1. A player who bursts loses, whatever the dealer has."""
    if player > BEST:
        return -1
    if dealer > BEST:
        return 1
    return (player > dealer) - (player < dealer)


def advice(hand: list[str], dealer_shows: str) -> str:
    """What a cautious player does: `hit` or `stand`."""
    worth = value(hand)
    stands_at = 12 if value([dealer_shows]) in range(2, 7) else DEALER_STANDS
    return "stand" if worth >= stands_at else "hit"
