"""Somebody's own programs on nodes: carried there, started in order, heard side by side, and ended in the end."""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lab.errors import WordsError
from lab.lab import Lab
from lab.observe.stage import Hear, Side, Stage

FOLDER = "/root/"
LISTENS_SECONDS = 10.0  # how long the first program may take until it can be called
GRACE_SECONDS = 5.0  # a busy machine's, on top of what the node is told
TIME_WAS_UP = 124  # as timeout(1) has it

HOW = "./inv run my_server.py@h1 my_client.py@h2"


@dataclass(frozen=True, slots=True)
class Own:
    """A file that is to run on a node, with its words.

    Attributes:
        name: what it is called beside the others: its node, or `my_server.py@h1` where that is not enough.
    """

    name: str
    node: str
    file: Path
    words: tuple[str, ...] = ()

    @property
    def argv(self) -> list[str]:
        """The command on the node. Python is told not to hold back what is printed."""
        target = FOLDER + self.file.name
        return [*(["python3", "-u"] if self.file.suffix == ".py" else []), target, *self.words]


@dataclass(frozen=True, slots=True)
class Ending:
    """How a program ended: its exit code, or None where it had to be ended."""

    name: str
    code: int | None


def read(lab: Lab, text: str) -> Own:
    """Read `FILE@NODE`, or `FILE@NODE WORDS` in quotes.

    Raises:
        WordsError: it cannot be read, or there is no such file, or it cannot be run.
        TopologyError: there is no such node.
    """
    try:
        first, *words = shlex.split(text)
    except ValueError as error:  # no words, or a quote that is not closed
        raise WordsError(f"{text!r} cannot be read: {error}", remedy=HOW) from None
    path, at, node = first.rpartition("@")
    if not at:
        raise WordsError(f"{first!r} does not say on which node", remedy=HOW)
    file = Path(path)
    if not file.is_file():
        raise WordsError("there is no such file", where=path, remedy=HOW)
    if file.suffix != ".py" and not os.access(file, os.X_OK):
        raise WordsError("neither a .py file nor one that can be run", where=path, remedy=f"chmod +x {path}")
    return Own(first if len(words) == 0 else text, lab.plan.node(node).name, file, tuple(words))


def name(programs: Iterable[Own]) -> list[Own]:
    """Call each by its node, where that tells them apart."""
    found = list(programs)
    nodes = [each.node for each in found]
    return [replace(each, name=each.node) if nodes.count(each.node) == 1 else each for each in found]


def perform(lab: Lab, programs: Sequence[Own], hear: Hear, *, timeout: float, patience: float) -> list[Ending]:
    """Run programs together: the first is the server, and the others start once it can be called.

    Args:
        lab: where they run.
        programs: in the order in which they start.
        hear: takes each line, under the program's name.
        timeout: seconds for all of it, from the start of the first; ending what still runs then takes up to 2 s each.
        patience: seconds that the first may go on when all others have ended.

    Returns:
        How each that was started ended. One that still ran when the time or the patience was up was ended: None.
    """
    for program in programs:
        lab.put(program.node, program.file, FOLDER)
    begun = time.monotonic()

    def left(most: float = timeout) -> float:
        return min(most, max(0.0, begun + timeout - time.monotonic()))

    with Stage(lab, hear) as stage:
        sides = _start(stage, programs, hear, left)
        rest = sides[1:]
        begun_all = len(sides) == len(programs)
        in_time = begun_all and stage.pass_on(lambda: all(side.ended for side in rest or sides), left())
        if in_time:
            stage.pass_on(lambda: all(side.ended for side in sides), left(patience))
        had_to_be_ended = [side for side in sides if not side.ended]
        for side in had_to_be_ended:
            stage.end(side)
        return [Ending(side.name, None if side in had_to_be_ended else side.code) for side in sides]


def _start(stage: Stage, programs: Sequence[Own], hear: Hear, left: Callable[[float], float]) -> list[Side]:
    """Start all; between the first and the second, wait until the first listens, or has ended, or the time is up.

    Where it failed before it listened, the others would find nobody, and are not started.

    Args:
        stage: where.
        programs: in their order.
        hear: is told where nobody listens.
        left: how many of some seconds there still are.
    """
    first, *others = programs
    if not others:
        return [stage.start(first.name, first.node, first.argv)]
    listens = left(LISTENS_SECONDS)
    words = ["python3", "-m", "lab.apps.listening", "--timeout", f"{LISTENS_SECONDS:g}"]
    lookout = stage.start(first.name, first.node, words, quiet=True)
    stage.pass_on(lambda: lookout.spoke or lookout.ended, left(LISTENS_SECONDS + GRACE_SECONDS))
    server = stage.start(first.name, first.node, first.argv)
    stage.pass_on(lambda: lookout.ended or server.ended, left(LISTENS_SECONDS + GRACE_SECONDS))
    opened = lookout.ended and not lookout.code
    if not lookout.ended:
        stage.end(lookout)
    if server.ended and server.code and not opened:
        hear(first.name, "stderr", "(ended before it opened a port, so the others were not started; the first serves)")
        return [server]
    if not (left(1.0) or server.ended):
        hear(first.name, "stderr", f"(opened no port within {listens:.2g} s, and the time is up)")
        return [server]
    if not (opened or server.ended):
        hear(first.name, "stderr", f"(opened no port within {listens:.2g} s; the others start all the same)")
    return [server, *(stage.start(each.name, each.node, each.argv) for each in others)]


def remarks(endings: Sequence[Ending], timeout: float) -> Iterator[str]:
    """What has to be said of programs that did not end well, or did not end."""
    too_long = f"after {timeout:g} s" if exit_code(endings) == TIME_WAS_UP else "after the others"
    for ending in endings:
        if ending.code is None:
            yield f"{ending.name}: still ran {too_long}, and was ended"
        elif ending.code:
            yield f"{ending.name}: ended with exit code {ending.code}"


def exit_code(endings: Sequence[Ending]) -> int:
    """One exit code for all: 124 where the time was up, else the first that is not 0.

    A server that had to be ended when all others had done their work is good: many serve for ever.
    """
    if any(ending.code is None for ending in endings[1:] or endings):
        return TIME_WAS_UP
    return next((ending.code for ending in endings if ending.code), 0)
