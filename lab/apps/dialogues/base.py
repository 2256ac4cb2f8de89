"""What all dialogues share: the actions that rules ask for, the time that each client has, and strikes for nonsense.

Pure: time comes in as a number (seconds of any steady clock), and what is to be done goes out as actions. So a dialogue
can be played in a test without a socket, and with any client, an evil one too.
"""

from __future__ import annotations

import math
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,15}")
STRIKES = 5
"""So many messages that are wrong, and the server ends the conversation."""


@dataclass(frozen=True, slots=True)
class Send:
    """Send a line to a client."""

    to: int
    line: str


@dataclass(frozen=True, slots=True)
class Close:
    """End the conversation with a client, when all that was sent to it is gone."""

    who: int


@dataclass(frozen=True, slots=True)
class Tell:
    """Say a line on the server's own stdout, which a log keeps: never anything secret."""

    line: str


Action = Send | Close | Tell


class WrongMessageError(ValueError):
    """A client said what it may not say now. It is told so, and nothing else happens.

    Args:
        code: `malformed`, `unexpected`, `refused`.
        what: what is wrong, for a person.
    """

    def __init__(self, code: str, what: str) -> None:
        super().__init__(f"{code} {what}")


class Dialogue(ABC):
    """One server's side of all its conversations. Clients are numbers, which are never used twice.

    A subclass says what follows from a client's coming, its words, and its leaving. It is told of each leaving once,
    whoever ended the conversation.

    Attributes:
        seats: for so many clients there is room.
        patience: so many seconds has whoever is to speak.
    """

    def __init__(self, greeting: str, seats: int, patience: float) -> None:
        self._greeting, self.seats, self.patience = greeting, seats, patience
        self._strikes: dict[int, int] = {}
        self._deadlines: dict[int, float] = {}

    def came(self, who: int, now: float) -> Iterator[Action]:
        """A client has connected."""
        if len(self._strikes) >= self.seats:
            yield Send(who, "error full try again later")
            yield Close(who)
            return
        self._strikes[who] = 0
        self.expect(who, now)
        yield Send(who, self._greeting)

    def heard(self, who: int, line: str, now: float) -> Iterator[Action]:
        """A client has said a line."""
        if who not in self._strikes:
            return
        try:
            yield from self.on_line(who, line.split(" "), now)
        except WrongMessageError as wrong:
            yield Send(who, f"error {wrong}")
            yield from self._strike(who, now)

    def _strike(self, who: int, now: float) -> Iterator[Action]:
        self._strikes[who] += 1
        if self._strikes[who] >= STRIKES:
            yield from self.dismiss(who, "error enough too many wrong messages", now)

    def garbled(self, who: int, code: str, what: str, now: float) -> Iterator[Action]:
        """A client has sent what is no line; nothing after it can be understood."""
        if who in self._strikes:
            yield from self.dismiss(who, f"error {code} {what}", now)

    def left(self, who: int, now: float) -> Iterator[Action]:
        """A client has gone, with or without a word."""
        if self._strikes.pop(who, None) is not None:
            self._deadlines.pop(who, None)
            yield from self.on_left(who, now)

    def passed(self, now: float) -> Iterator[Action]:
        """Time has gone by: whoever had to speak, and did not, is dismissed."""
        for who in list(self._deadlines):
            if self._deadlines.get(who, math.inf) > now:  # asked again each time: one who goes may give others time
                continue
            yield from self.dismiss(who, f"error silent nothing heard for {self.patience:g} s", now)

    def due(self) -> float:
        """When `passed` has something to do next, if nobody speaks."""
        return min(self._deadlines.values(), default=math.inf)

    def expect(self, who: int, now: float) -> None:
        """From now on it is this client's turn to speak; it has `patience` seconds."""
        self._deadlines[who] = now + self.patience

    def rest(self, who: int) -> None:
        """This client may stay silent as long as it likes: it waits for others."""
        self._deadlines.pop(who, None)

    def dismiss(self, who: int, word: str, now: float) -> Iterator[Action]:
        """End a conversation with a last word."""
        yield Send(who, word)
        yield Close(who)
        yield from self.left(who, now)

    @abstractmethod
    def on_line(self, who: int, words: list[str], now: float) -> Iterator[Action]:
        """What follows from a line, in its words.

        Raises:
            WrongMessageError: the client may not say that now. Nothing must have changed before it is raised.
        """

    @abstractmethod
    def on_left(self, who: int, now: float) -> Iterator[Action]:
        """What follows from a client's leaving, for those who stay."""


def read_name(word: str) -> str:
    """Read a player's name.

    Raises:
        WrongMessageError: it is none.
    """
    if not NAME.fullmatch(word):
        raise WrongMessageError("malformed", "a name is 1 to 16 letters, digits, - and _")
    return word
