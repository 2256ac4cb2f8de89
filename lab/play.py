"""Plays a timeline on a running lab, and keeps a log of what happened when."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self

from lab import links
from lab.engine.base import Say, unheard
from lab.errors import LabError, LateError
from lab.lab import Lab
from lab.links import Alter
from lab.model import steering, timeline, wiring
from lab.model.change import Change
from lab.model.plan import LinkPlan
from lab.model.timeline import Event


@dataclass(frozen=True, slots=True)
class Happened:
    """One event, and when it really was.

    Attributes:
        event: what was to happen.
        began, ended: seconds from the beginning; in between, it may or may not hold already.
    """

    event: Event
    began: float
    ended: float

    def __str__(self) -> str:
        return f"{self.began:8.3f} s  line {self.event.line}  {self.event.verb} {self.event.place} {self.event.text}"


class Play:
    """A timeline that is being played. As a context manager, it is ended at the end of the block, wherever it is."""

    def __init__(self, lab: Lab, text: str, seed: int = 1, say: Say = unheard) -> None:
        """Begin.

        The chance by which links lose frames begins anew too, by the same seed, so that the same frames are lost. A
        link whose settings the timeline changes is carried by the software wire from the beginning, where it will be.

        Raises:
            WordsError: a line cannot be read, or does not fit the lab.
            EngineError: the lab does not run.
        """
        self.events = timeline.read(text, lab.plan, seed)
        self.log: list[Happened] = []
        self._lab, self._say = lab, say
        self._lines = lab.link(lab.plan.links[0].name).lines  # what the links remember; all of them share it
        self._plan = replace(lab.plan, spec=replace(lab.plan.spec, seed=seed))
        self._error: LabError | None = None
        self._over = threading.Event()
        lab.engine.attend(lab.name)
        self._prepare()
        self._thread = threading.Thread(target=self._run, name=f"timeline of {lab.name}", daemon=True)
        self._began = time.monotonic()
        self._thread.start()

    def _prepare(self) -> None:
        """Have the wire carry what it will have to, and throw its dice anew."""
        impaired = {self._plan.link(event.place).name for event in self.events if event.verb == "set"}
        keep = dict.fromkeys((link.name for link in self._plan.links), _as_it_is)
        links.steer(self._lab.engine, self._plan, keep | dict.fromkeys(impaired, _on_the_wire), self._lines)
        now = steering.in_force(self._plan, steering.recall(self._plan, self._lines))
        answer = self._lab.engine.agent(self._plan.name, wiring.steering(now, now, {link.name for link in now.links}))
        if answer.get("wire", {}).get("links"):
            with self._lab.engine.claim(self._plan.name, "play", self._say, patience=links.PATIENCE_SECONDS):
                self._lab.engine.start_wire(self._plan.name, answer["wire"])

    def _run(self) -> None:
        try:
            for event in self.events:
                if self._over.wait(max(0.0, self._began + event.at - time.monotonic())):
                    return
                began = self._now()
                self._do(event)
                self.log.append(Happened(event, began, self._now()))
                self._say(str(self.log[-1]))
        except LabError as error:
            self._error = error
            error.where = f"line {event.line}" + (f", {error.where}" if error.where else "")

    def _now(self) -> float:
        return time.monotonic() - self._began

    def _do(self, event: Event) -> None:
        if event.verb in ("stop", "start"):
            what = "stop" if event.verb == "stop" else "go"
            self._lab[event.place].run(["python3", "-m", "lab.apps.freeze", what]).check()
            return
        if event.verb in ("set", "restore"):
            link = self._plan.link(event.place).name
            alter = {link: _setting(event.text) if event.verb == "set" else _restored}
        else:
            places = steering.links_of(self._plan, event.place)
            alter = {name: _cutting(tap) if event.verb == "cut" else _healing(tap) for name, tap in places.items()}
        links.steer(self._lab.engine, self._plan, alter, self._lines)

    def wait(self, timeout: float = 3600.0) -> list[Happened]:
        """Wait until it is over.

        Returns:
            What happened, and when.

        Raises:
            LateError: it was not over in that time; it goes on.
            LabError: a step failed; `where` names its line.
        """
        self._thread.join(timeout)
        if self._thread.is_alive():
            raise LateError(f"it was not over within {timeout:g} s", where=self._lab.name)
        if self._error:
            raise self._error
        return self.log

    def end(self) -> None:
        """End it before its time; what has been changed stays so."""
        self._over.set()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()


def _as_it_is(link: LinkPlan, before: Change) -> Change:
    del link
    return before


def _on_the_wire(link: LinkPlan, before: Change) -> Change:
    return before if link.by_wire else replace(before, moved=True)


def _restored(link: LinkPlan, before: Change) -> Change:
    del link
    return replace(before, forward=None, back=None)


def _setting(text: str) -> Alter:
    return lambda link, before: steering.altered(link.link, before, text)


def _cutting(tap: str | None) -> Alter:
    return lambda link, before: steering.cut(link.link, before, tap)


def _healing(tap: str | None) -> Alter:
    return lambda link, before: steering.healed(link.link, before, tap)
