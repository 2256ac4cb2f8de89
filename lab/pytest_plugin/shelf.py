"""Labs that tests share: each is brought up when it is first asked for, and reset when a test gives it back."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

from lab.api import Lab, own_name
from lab.engine.select import engines
from lab.errors import LabError
from lab.lab import remove
from lab.pytest_plugin.recorder import Recorder
from lab.pytest_plugin.words import Wish

PREFIX = "pt"  # of the names of labs that the plugin makes: of no others are the remains removed


@dataclass(slots=True)
class Held:
    """A lab on the shelf, and what records its frames."""

    wish: Wish
    lab: Lab
    recorder: Recorder | None


class Shelf:
    """The labs of a session, a module or a test.

    Attributes:
        due: how many tests are still to come for a wish, where that is known: after the last, its lab is taken down.
        ups: how many labs were brought up.
    """

    def __init__(self, engine: str, *, keep: bool = False, due: Counter[Wish] | None = None) -> None:
        self.engine = engine
        self.keep = keep
        self.due = due
        self.ups = 0
        self.held: dict[Wish, Held] = {}

    def take(self, wish: Wish) -> Held:
        """The lab that a test asks for, as it was declared, with its recorder running.

        Raises:
            LabError: it cannot be had.
        """
        held = self.held.get(wish)
        if held is None:
            lab = Lab.up(replace(wish.spec, name=own_name(PREFIX)), self.engine)
            self.ups += 1
            held = self.held[wish] = Held(wish, lab, None)
        if wish.pcap:
            held.recorder = held.recorder or Recorder(held.lab)
            held.recorder.begin()
        return held

    def give_back(self, held: Held, *, whole: bool) -> None:
        """Reset a lab to what was declared; it is taken down instead if nobody needs it, or if it is not `whole`."""
        if self.due is not None:
            self.due[held.wish] -= 1
        last = self.due is not None and self.due[held.wish] <= 0
        try:
            if whole and not last:
                held.lab.reset()
                return
        except LabError:  # something ended that a lab needs: the next test gets a new one
            pass
        self.drop(held)

    def drop(self, held: Held) -> None:
        """Take a lab down, unless it shall be kept."""
        del self.held[held.wish]
        if held.recorder:
            held.recorder.close()
        if not self.keep:
            held.lab.down()

    def close(self) -> None:
        """Take all of them down."""
        for held in list(self.held.values()):
            self.drop(held)


def sweep(engine: str) -> list[str]:
    """Remove the labs of earlier sessions that were killed, and could not do it themselves.

    Returns:
        Their names.
    """
    removed = []
    for each in engines(engine):
        for name, record in each.labs().items():
            if name.startswith(f"{PREFIX}-") and record.stale:
                remove(each, name)
                removed.append(name)
    return removed


def due(items: Any) -> Counter[Wish]:
    """How many tests ask for each wish."""
    return Counter(wish for wish in items if wish)
