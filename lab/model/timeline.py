"""Timelines: what shall happen to a running lab, and when. Reads them, and decides every moment by the seed. Pure.

    # one step on a line: a time, what to do, and to what
    0s     lose h1-hub 20% for 2s      # a share of the frames
    500ms  set h2-hub rate=1mbit       # any SPEC of a link
    1s     cut h3                      # a link, or a node: all its links
    2s     heal h3
    3s     flap h2-hub every 200ms for 1s
    5s     partition h1,hub | h2,h3 for 500ms
    6s     stop h1                     # its programs stand still
    7s     start h1                    # and go on

Times count from the beginning, units as in a SPEC. `for` undoes a step after that time. `flap` cuts and heals; each
time lasts what `every` says, give or take half of it, by chance: the same chance for the same seed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count

from lab.errors import LabError, WordsError
from lab.model import steering, units
from lab.model.change import UNCHANGED
from lab.model.plan import LabPlan

MOST_EVENTS = 100_000
COMMENT = "#"


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happens at one moment.

    Attributes:
        at: seconds from the beginning.
        line: where the timeline says so, counted from 1.
        verb: `set`, `restore` (settings as declared), `cut`, `heal`, `stop` or `start`.
        place: the link or node, as it was written.
        text: the SPEC of `set`; nothing for the others.
    """

    at: float
    line: int
    verb: str
    place: str
    text: str = ""

    def __str__(self) -> str:
        return f"{units.say_time(self.at) if self.at else '0 s'}: {self.verb} {self.place} {self.text}".rstrip()


def read(text: str, plan: LabPlan, seed: int = 1) -> tuple[Event, ...]:
    """Read a timeline.

    Args:
        text: its lines.
        plan: of the lab that it is for.
        seed: decides what is left to chance.

    Returns:
        What happens, in the order of time; of what happens at once, in the order of lines.

    Raises:
        WordsError: a line cannot be read, or does not fit the lab; `where` names the line.
    """
    found: list[Event] = []
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.partition(COMMENT)[0].split()
        if not words:
            continue
        try:
            found += _step(number, words, plan, seed)
        except LabError as error:
            about = f"{error.where}: " if error.where else ""
            raise WordsError(f"{about}{error.what}", where=f"line {number}", remedy=error.remedy) from None
        if len(found) > MOST_EVENTS:
            raise WordsError(
                f"more than {MOST_EVENTS} things happen", where=f"line {number}", remedy="flap more slowly"
            )
    return tuple(sorted(found, key=lambda event: event.at))


def _step(number: int, words: list[str], plan: LabPlan, seed: int) -> Iterator[Event]:
    at = units.time(words[0])
    verb, *rest = words[1:] or [""]
    if verb not in VERBS:
        raise WordsError(f"{verb!r} is nothing that can be done", remedy=f"there are {', '.join(VERBS)}")
    body, lasts = _clause("for", rest)
    yield from VERBS[verb](Step(number, at, lasts, plan, seed), body)


def _clause(word: str, rest: list[str]) -> tuple[list[str], float | None]:
    """The words before `for TIME` (or another word) at their end, and the time; None where there is no such clause."""
    if word not in rest:
        return rest, None
    if len(rest) < 2 or rest[-2] != word:  # noqa: PLR2004 - the word and its time
        raise WordsError(f"`{word}` and a time belong at the end", remedy=f"as in: 1s cut h1-hub {word} 2s")
    lasts = units.time(rest[-1])
    if not lasts:
        raise WordsError(f"`{word}` needs a time above 0", remedy=f"as in: 1s cut h1-hub {word} 2s")
    return rest[:-2], lasts


@dataclass(frozen=True, slots=True)
class Step:
    """What all kinds of steps have: the line, when, how long, and what it is about."""

    line: int
    at: float
    lasts: float | None
    plan: LabPlan
    seed: int

    def event(self, verb: str, place: str, text: str = "", *, after: float = 0.0) -> Event:
        """Something that happens so many seconds after the step's time."""
        return Event(self.at + after, self.line, verb, place, text)


def _set(step: Step, words: list[str]) -> Iterator[Event]:
    """`set LINK SPEC`; afterwards, all settings of the link are as declared."""
    link, text = _two(words, "set LINK SPEC, as: 1s set h1-hub loss=5%")
    declared = step.plan.link(link).link
    steering.altered(declared, UNCHANGED, text)
    yield step.event("set", link, text)
    if step.lasts:
        yield step.event("restore", link, after=step.lasts)


def _lose(step: Step, words: list[str]) -> Iterator[Event]:
    """`lose LINK SHARE`."""
    link, share = _two(words, "lose LINK SHARE, as: 1s lose h1-hub 20% for 2s")
    units.share(share)
    declared = step.plan.link(link).link.spec
    yield step.event("set", link, f"loss={share}")
    if step.lasts:
        back = (declared.forward,) if declared.shared else (declared.forward, declared.back)
        text = "/".join(f"loss={way.settings.loss * 100:g}%" for way in back)
        yield step.event("set", link, text, after=step.lasts)


def _cut(step: Step, words: list[str]) -> Iterator[Event]:
    """`cut PLACE`, and `partition` of places."""
    place = _place(step, words, "cut LINK, as: 1s cut h1-hub for 2s")
    yield step.event("cut", place)
    if step.lasts:
        yield step.event("heal", place, after=step.lasts)


def _partition(step: Step, words: list[str]) -> Iterator[Event]:
    if "|" not in " ".join(words):
        raise WordsError("a partition has two sides", remedy="as: 1s partition h1,hub | h2,h3 for 2s")
    yield from _cut(step, words)


def _heal(step: Step, words: list[str]) -> Iterator[Event]:
    _no_for(step, "heal")
    yield step.event("heal", _place(step, words, "heal LINK, as: 2s heal h1-hub"))


def _flap(step: Step, words: list[str]) -> Iterator[Event]:
    """`flap PLACE every TIME for TIME`."""
    usage = "flap LINK every TIME for TIME, as: 1s flap h1-hub every 200ms for 2s"
    words, every = _clause("every", words)
    if every is None or step.lasts is None:
        raise WordsError("flap needs `every` and `for`", remedy=usage)
    place = _place(step, words, usage)
    if step.lasts / every * 2 > MOST_EVENTS:
        raise WordsError(f"more than {MOST_EVENTS} things happen", remedy="flap more slowly")
    after = 0.0
    for turn in count():
        if after >= step.lasts:
            break
        yield step.event("heal" if turn % 2 else "cut", place, after=after)
        after += every * (0.5 + chance(step.seed, step.line, turn))
    yield step.event("heal", place, after=step.lasts)


def _stop(step: Step, words: list[str]) -> Iterator[Event]:
    node = _node(step, words, "stop NODE, as: 1s stop h1 for 2s")
    yield step.event("stop", node)
    if step.lasts:
        yield step.event("start", node, after=step.lasts)


def _start(step: Step, words: list[str]) -> Iterator[Event]:
    _no_for(step, "start")
    yield step.event("start", _node(step, words, "start NODE, as: 2s start h1"))


VERBS: dict[str, Callable[[Step, list[str]], Iterator[Event]]] = {
    "set": _set,
    "lose": _lose,
    "cut": _cut,
    "heal": _heal,
    "flap": _flap,
    "partition": _partition,
    "stop": _stop,
    "start": _start,
}


def chance(seed: int, line: int, turn: int) -> float:
    """A number from 0 to 1 that seed, line and turn decide; the same on every machine and Python."""
    digest = hashlib.sha256(f"{seed}/{line}/{turn}".encode()).digest()
    return int.from_bytes(digest[:8]) / 2**64


def _two(words: list[str], usage: str) -> tuple[str, str]:
    if len(words) != 2:  # noqa: PLR2004
        raise WordsError("it takes two words", remedy=usage)
    return words[0], words[1]


def _place(step: Step, words: list[str], usage: str) -> str:
    place = " ".join(words)
    if not place or (len(words) > 1 and "|" not in place):
        raise WordsError("it takes one place", remedy=usage)
    steering.links_of(step.plan, place)
    return place


def _node(step: Step, words: list[str], usage: str) -> str:
    if len(words) != 1:
        raise WordsError("it takes one node", remedy=usage)
    return step.plan.node(words[0]).name


def _no_for(step: Step, verb: str) -> None:
    if step.lasts is not None:
        raise WordsError(f"{verb} takes no `for`", remedy="give another line with its own time")
