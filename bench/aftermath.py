"""What is to be so after a task was killed: `status` tells the truth, `heal` makes whole, `down` leaves nothing."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace

from bench.left import left
from bench.seen import Seen, at_work, seen
from lab.engine.select import select
from lab.errors import LabError, UnknownLabError
from lab.lab import Lab, Status, remove
from lab.model.plan import LabSpec
from lab.observe import report

REST_SECONDS = 20.0  # until an agent that was left has ended, and what is said agrees with what is there
PING = ("ping", "-c", "1", "-W", "10")
_patience = threading.Event()  # never set: nobody tells when a lab is at rest


@dataclass(frozen=True, slots=True)
class Known:
    """What a lab of some words is seen to be, by what its links remember, where nothing differs.

    Attributes:
        lines: each state of the links' memory that there may be, with what is seen then.
    """

    spec: LabSpec
    engine: str
    lines: dict[tuple[str, ...], Seen] = field(default_factory=dict)

    def learn(self, name: str) -> None:
        """Look at a lab that nobody was killed at, if it is there and whole."""
        with suppress(UnknownLabError):
            lab = self.find(name)
            if not (status := lab.status()).differences:
                self.lines[_lines(status)] = seen(lab)

    def find(self, name: str) -> Lab:
        """The lab of a name."""
        return Lab.find(name, self.engine)


def _lines(status: Status) -> tuple[str, ...]:
    return tuple(link.line for link in status.now.links)


def told(known: Known, name: str, *, at_rest: bool, sure: bool) -> Iterator[str]:
    """Every complaint about `status`.

    Args:
        known: what there may be.
        name: the lab's.
        at_rest: whether to wait until what the killed task left has ended; only then what is said can be held against
            what is seen.
        sure: whether a difference that is told must be one that is seen as well.
    """
    deadline = time.monotonic() + REST_SECONDS
    while True:
        try:
            lab = known.find(name)
            status = lab.status()
        except LabError:  # there is no lab, or not enough of it to tell: it says so
            return
        finally:
            report.labs_table([(known.engine, each) for each in select(known.engine).labs().values()])
        report.status_table(status)
        report.status_document(status)
        if not at_rest:
            return
        wrong = _untrue(known, status, seen(lab), sure=sure)
        if not (wrong or at_work(lab)):
            return
        if time.monotonic() > deadline:
            yield wrong or "an agent is still at work"
            return
        _patience.wait(0.1)


def _untrue(known: Known, status: Status, found: Seen, *, sure: bool) -> str:
    """What is not true of what `status` says."""
    wanted = known.lines.get(_lines(status))
    if wanted is None:
        return f"status: set is {_lines(status)}, which nobody asked for"
    if not status.differences and found != wanted:
        return f"status: no difference, and yet {found}, not {wanted}"
    if sure and status.differences and found == wanted:
        return f"status: {status.differences[0]}, and yet all is as it shall be"
    return ""


def mended(known: Known, name: str, *, by_up: bool) -> Iterator[str]:
    """Every complaint about `heal`, and `up` where that says that it takes more; and of what they make of the lab.

    Args:
        known: what there may be.
        name: the lab's.
        by_up: whether so much may be missing that `heal` cannot mend it.
    """
    try:
        try:
            known.find(name).heal()
        except LabError as error:
            if not by_up:
                yield f"heal: {error}"
            Lab.up(replace(known.spec, name=name), known.engine)
        lab = known.find(name)
        status = lab.status()
        yield from (f"not mended: {each}" for each in status.differences)
        if wrong := _untrue(known, status, seen(lab), sure=True):
            yield wrong
        for one, other in (("h1", "h2"), ("h2", "h1")):
            ping = lab.start(one, [*PING, other])
            said = [text for _, text in ping.lines()]
            if ping.wait():
                yield f"{one} does not reach {other}: {' '.join(said)}"
    except LabError as error:
        yield f"mending: {error}"


def removed(known: Known, name: str) -> Iterator[str]:
    """Every complaint about `down`."""
    try:
        remove(select(known.engine), name)
    except LabError as error:
        yield f"down: {error}"
    if found := left(known.engine, name):
        yield f"left: {', '.join(found)}"
    with suppress(UnknownLabError):
        known.find(name)
        yield "down: and yet there is a lab"
