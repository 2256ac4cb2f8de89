"""Rock, paper, scissors: two clients meet at the server, and neither can wait to see what the other one chose.

First both commit: they send a hash of their choice and of a salt. Only when both hashes are there, each is shown the
other's, and both reveal. A choice that does not fit its hash loses the match. docs/protocols/rps.md has the messages
and the states. Pure.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from lab.apps.dialogues.base import Action, Dialogue, Send, Tell, WrongMessageError, read_name

PORT = 11270
GREETING = "welcome rps 1"
BEATS = {"rock": "scissors", "paper": "rock", "scissors": "paper"}
SALT, HASH = re.compile(r"[0-9a-f]{32}"), re.compile(r"[0-9a-f]{64}")
DRAWS = 20
"""After so many rounds for each one of N, a match that nobody has won is a draw."""


def seal(name: str, number: int, choice: str, salt: str) -> str:
    """The hash of a choice. Name and round are in it, so that nobody can send another's, or an old one."""
    return hashlib.sha256(f"{name} {number} {choice} {salt}".encode()).hexdigest()


@dataclass(slots=True)
class Side:
    """One of two in a match; `sealed` and `shown` are empty until they come."""

    who: int
    name: str
    wins: int = 0
    sealed: str = ""
    shown: tuple[str, str] | None = None


@dataclass(slots=True)
class Match:
    """Two players, and the round that they are in."""

    sides: tuple[Side, Side]
    number: int = 1

    def both(self, who: int) -> tuple[Side, Side]:
        """This player's side, and the other one's."""
        one, two = self.sides
        return (one, two) if one.who == who else (two, one)


@dataclass(slots=True)
class Visitor:
    """Somebody who has said a name.

    Attributes:
        crossing: whether one message may still come that was sent before the end of the last match was heard.
    """

    name: str
    match: Match | None = None
    crossing: bool = False
    waits: bool = field(default=False)


class Meeting(Dialogue):
    """The server's side: pairs those who want to play, in the order in which they said so.

    Args:
        best_of: N, an odd number: who wins more than half of N rounds wins the match.
    """

    def __init__(self, best_of: int = 3, *, patience: float = 60.0) -> None:
        super().__init__(f"{GREETING} {best_of}", seats=64, patience=patience)
        self._best_of = best_of
        self._visitors: dict[int, Visitor] = {}

    def on_line(self, who: int, words: list[str], now: float) -> Iterator[Action]:
        """What follows from a line."""
        match words:
            case ["join", name]:
                yield from self._join(who, read_name(name), now)
            case ["play"]:
                yield from self._play(who, now)
            case ["commit", _] | ["reveal", _, _] if self._crosses(who):
                return
            case ["commit", sealed]:
                yield from self._commit(who, sealed, now)
            case ["reveal", choice, salt]:
                yield from self._reveal(who, choice, salt, now)
            case ["leave"]:
                yield from self.dismiss(who, "bye", now)
            case _:
                raise WrongMessageError(
                    "malformed", "there are join NAME, play, commit HASH, reveal CHOICE SALT, leave"
                )

    def on_left(self, who: int, now: float) -> Iterator[Action]:
        """Who leaves in the middle of a match loses it."""
        visitor = self._visitors.pop(who, None)
        if visitor and visitor.match:
            _, other = visitor.match.both(who)
            yield from self._end(visitor.match, other, "left", now)

    def _join(self, who: int, name: str, now: float) -> Iterator[Action]:
        if who in self._visitors:
            raise WrongMessageError("unexpected", "you have a name already")
        if name in {visitor.name for visitor in self._visitors.values()}:
            raise WrongMessageError("refused", "somebody of that name is here")
        self._visitors[who] = Visitor(name)
        self.expect(who, now)
        yield Send(who, f"joined {name}")

    def _play(self, who: int, now: float) -> Iterator[Action]:
        visitor = self._visitor(who)
        if visitor.match or visitor.waits:
            raise WrongMessageError("unexpected", "you play or wait already")
        rival = next((other for other, each in self._visitors.items() if each.waits), None)
        if rival is None:
            visitor.waits, visitor.crossing = True, False
            self.rest(who)
            yield Send(who, "waiting")
            return
        pair = Match((Side(rival, self._visitors[rival].name), Side(who, visitor.name)))
        for side in pair.sides:
            here = self._visitors[side.who]
            here.match, here.waits, here.crossing = pair, False, False
            _, other = pair.both(side.who)
            self.expect(side.who, now)
            yield Send(side.who, f"match {other.name}")
            yield Send(side.who, "round 1")

    def _commit(self, who: int, sealed: str, now: float) -> Iterator[Action]:
        pair = self._match(who)
        mine, other = pair.both(who)
        if mine.sealed:
            raise WrongMessageError("unexpected", "you have committed already")
        if not HASH.fullmatch(sealed):
            raise WrongMessageError("malformed", "a hash has 64 lower-case hexadecimal digits")
        mine.sealed = sealed
        self.rest(who)
        if other.sealed:
            for side in pair.sides:
                _, rival = pair.both(side.who)
                self.expect(side.who, now)
                yield Send(side.who, f"committed {rival.sealed}")

    def _reveal(self, who: int, choice: str, salt: str, now: float) -> Iterator[Action]:
        pair = self._match(who)
        mine, other = pair.both(who)
        if not (mine.sealed and other.sealed):
            raise WrongMessageError("unexpected", "both commit before anybody reveals")
        if mine.shown:
            raise WrongMessageError("unexpected", "you have revealed already")
        if choice not in BEATS or not SALT.fullmatch(salt):
            raise WrongMessageError("malformed", "rock, paper or scissors, and 32 lower-case hexadecimal digits")
        if not hmac.compare_digest(seal(mine.name, pair.number, choice, salt), mine.sealed):
            yield from self._end(pair, other, "cheat", now)
            return
        mine.shown = choice, salt
        self.rest(who)
        if other.shown:
            yield from self._count(pair, now)

    def _count(self, pair: Match, now: float) -> Iterator[Action]:
        one, two = pair.sides
        if one.shown is None or two.shown is None:
            return
        winner = one if BEATS[one.shown[0]] == two.shown[0] else two if BEATS[two.shown[0]] == one.shown[0] else None
        if winner:
            winner.wins += 1
        for side in pair.sides:
            _, rival = pair.both(side.who)
            if rival.shown:
                word = "draw" if winner is None else "win" if winner is side else "lose"
                yield Send(side.who, f"revealed {rival.shown[0]} {rival.shown[1]}")
                yield Send(side.who, f"result {word} {side.wins} {rival.wins}")
        if winner and winner.wins > self._best_of // 2:
            yield from self._end(pair, winner, "score", now)
        elif pair.number >= DRAWS * self._best_of:
            yield from self._end(pair, None, "score", now)
        else:
            yield from self._next_round(pair, now)

    def _next_round(self, pair: Match, now: float) -> Iterator[Action]:
        pair.number += 1
        for side in pair.sides:
            side.sealed, side.shown = "", None
            self.expect(side.who, now)
            yield Send(side.who, f"round {pair.number}")

    def _end(self, pair: Match, winner: Side | None, why: str, now: float) -> Iterator[Action]:
        one, two = pair.sides
        for side in pair.sides:
            if visitor := self._visitors.get(side.who):
                visitor.match, visitor.crossing = None, True
                self.expect(side.who, now)
                word = "drawn" if winner is None else "won" if winner is side else "lost"
                yield Send(side.who, f"{word} {why}")
        who_won = f"{winner.name} wins" if winner else "nobody wins"
        yield Tell(f"server saw {one.name} and {two.name}: {one.wins} to {two.wins}, {who_won} ({why})")

    def _crosses(self, who: int) -> bool:
        """Whether a message was on its way when the rival ended the match: no fault of its sender's, and no strike.

        Else somebody could leave again and again just when an honest player commits, and have it thrown out.
        """
        visitor = self._visitors.get(who)
        if visitor is None or not visitor.crossing:
            return False
        visitor.crossing = False
        return True

    def _visitor(self, who: int) -> Visitor:
        if who not in self._visitors:
            raise WrongMessageError("unexpected", "say join NAME first")
        return self._visitors[who]

    def _match(self, who: int) -> Match:
        pair = self._visitor(who).match
        if pair is None:
            raise WrongMessageError("unexpected", "you are in no match")
        return pair
