"""A stage for dialogues: clients that say anything at any time, a clock of its own, and a record of every word."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from lab.apps.dialogues.base import Action, Close, Dialogue, Send, Tell
from lab.apps.lines import LONGEST


@dataclass
class Stage:
    """Plays a dialogue without a socket, as the hall does with one."""

    dialogue: Dialogue
    now: float = 0.0
    here: set[int] = field(default_factory=set)
    heard: dict[int, list[str]] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)
    number: int = 0
    answered: dict[int, int] = field(default_factory=dict)

    def come(self) -> int:
        """A client connects."""
        self.number += 1
        self.here.add(self.number)
        self.heard[self.number] = []
        self._do(self.dialogue.came(self.number, self.now))
        return self.number

    def say(self, who: int, *lines: str) -> list[str]:
        """A client says lines; what it hears then."""
        before = len(self.heard[who])
        for line in lines:
            if who in self.here:
                self._do(self.dialogue.heard(who, line, self.now))
        return self.heard[who][before:]

    def leave(self, who: int) -> None:
        """A client is gone."""
        if who in self.here:
            self.here.discard(who)
            self._do(self.dialogue.left(who, self.now))

    def wait(self, seconds: float) -> None:
        """Time goes by."""
        self.now += seconds
        self._do(self.dialogue.passed(self.now))

    def answer(self, who: int, reply: Callable[[str], str | None]) -> None:
        """Have a client answer the lines that it has not answered yet, and what comes of that; 20 lines at most."""
        for _ in range(20):
            heard = self.answered.get(who, 0)
            if who not in self.here or heard == len(self.heard[who]):
                return
            self.answered[who] = heard + 1
            if words := reply(self.heard[who][heard]):
                self.say(who, words)

    def _do(self, actions: Iterable[Action]) -> None:
        for action in actions:
            if isinstance(action, Send):
                assert action.line.isascii()
                assert action.line.isprintable()
                assert len(action.line) <= LONGEST
                self.heard[action.to].append(action.line)
            elif isinstance(action, Close):
                self.here.discard(action.who)
            else:
                assert isinstance(action, Tell)
                self.told.append(action.line)
