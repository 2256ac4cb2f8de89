"""Kills a task at every one of its steps (`bench.killer`), and looks what comes after (`bench.aftermath`)."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from queue import SimpleQueue
from typing import IO, cast

from bench import aftermath
from bench.aftermath import Known
from bench.left import left
from lab.engine.netns.folder import Folder
from lab.engine.select import select
from lab.errors import CheckError, LabError, UnknownLabError
from lab.lab import Lab, remove
from lab.links import steer
from lab.model import steering
from lab.model.plan import LabSpec

ROOT = Path(__file__).resolve().parents[1]
KILLER = str(ROOT / "bench" / "killer.py")
# A medium device, the software wire, and a node with two cables: all that a lab can be made of.
MEDIUM = ("h1", "wireless,delay=0ms,jitter=0ms,loss=0%")
WITH_WIRE = (MEDIUM, ("h2", "satellite,delay=5ms"))
LATE_SECONDS = 0.02  # long enough for a request to be under way, and not to be answered
LANES = {"docker": 4, "netns": 2}  # Docker's `down` waits for what may still turn up, and meanwhile uses nothing
MORE = 4  # steps: a task has some more or less from one time to the next
_number = itertools.count()


@dataclass(frozen=True, slots=True)
class Task:
    """A task that is killed.

    Attributes:
        words: what is typed; `up` has its links, too.
        links: of the lab that it is done to.
        first: what is done to the lab before: `break` it, or `cut` the hub off.
        keeps: whether the lab can be used again, once it is mended; a link never comes back from the software wire.
    """

    words: tuple[str, ...]
    links: tuple[tuple[str, str], ...] = WITH_WIRE
    first: str = ""
    keeps: bool = True

    @property
    def makes(self) -> bool:
        """Whether it makes or removes the lab, so that part of it may be gone."""
        return self.words[0] in ("up", "down")

    @property
    def steers(self) -> bool:
        """Whether it changes links, each of which is seen."""
        return self.words[0] in ("link", "cut") or self.first == "cut"


TASKS = {
    "up": Task(("up", "--nodes", "2", *(f"--link={name}={text}" for name, text in WITH_WIRE)), keeps=False),
    "down": Task(("down",), keeps=False),
    "heal": Task(("heal",), first="break"),
    "link": Task(("link", "h1", "--rate", "5mbit")),
    "link to wire": Task(("link", "h1", "--delay", "20ms"), links=(MEDIUM,), keeps=False),
    "cut": Task(("cut", "hub")),
    "heal link": Task(("heal", "h1-hub"), first="cut"),
}


@dataclass(frozen=True, slots=True)
class Kill:
    """Where a task is killed, and what is done then.

    Attributes:
        at: the number of the step, from 1; 0: nowhere.
        late: seconds between the step's begin and the kill.
        mend: whether the lab is mended then; else it is removed as it is.
    """

    at: int
    late: float = 0.0
    mend: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one kill did.

    Attributes:
        step: the step in words.
        killed: whether the task was killed there; it may have fewer steps this time.
        trouble: everything that is not as it should be afterwards.
    """

    engine: str
    task: str
    kill: Kill
    step: str
    killed: bool
    trouble: tuple[str, ...]

    def __str__(self) -> str:
        when = f", {self.kill.late:g} s later" if self.kill.late else ""
        good = f"{'' if self.killed else 'not killed, '}{'mended' if self.kill.mend else 'nothing left'}"
        return f"{self.engine} {self.task} at {self.kill.at}{when} ({self.step}): {'; '.join(self.trouble) or good}"


def both(step: int) -> tuple[Kill, Kill]:
    """Both kills at a step: before it and while it is under way, one of which is mended."""
    late = LATE_SECONDS * (step % 2)
    return Kill(step, late, mend=True), Kill(step, LATE_SECONDS - late)


class Lane:
    """One lab after the other of one name, each done to and killed, and the process that does that."""

    def __init__(self, engine: str, task: str, known: Known, folder: Path) -> None:
        self.engine, self.task, self.known, self.folder = engine, task, known, folder
        self.name = f"t{os.getpid()}-kill-{next(_number)}"
        argv = [sys.executable, KILLER]
        self._killer = subprocess.Popen(argv, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def close(self) -> None:
        """End the process, and have nothing left."""
        self._killer.communicate()
        if left(self.engine, self.name):
            remove(select(self.engine), self.name)

    def outcome(self, kill: Kill) -> Outcome:
        """Kill the task once, and see what comes after."""
        try:
            self.prepare()
            code, steps = self.run(kill)
        except LabError as error:
            return Outcome(self.engine, self.task, kill, "before it", killed=False, trouble=(f"up: {error}",))
        step = steps[kill.at - 1].strip() if len(steps) >= kill.at else "it was done before"
        killed = code == -9  # noqa: PLR2004 - SIGKILL
        wrong = "" if killed or not code else f"exit code {code}: {self.said()}"
        trouble = (*filter(None, [wrong]), *self._aftermath(kill))
        return Outcome(self.engine, self.task, kill, step, killed, trouble)

    def _aftermath(self, kill: Kill) -> Iterator[str]:
        task, name = TASKS[self.task], self.name
        at_rest = not kill.mend and bool(kill.at % 2)
        yield from aftermath.told(self.known, name, at_rest=at_rest, sure=task.steers)
        if kill.mend:
            yield from aftermath.mended(self.known, name, by_up=task.makes)
        if not (kill.mend and task.keeps):
            yield from aftermath.removed(self.known, name)

    def prepare(self) -> None:
        """Have what the task needs: no lab, one to remove or to steer, or one to mend."""
        task = TASKS[self.task]
        if task.words[0] == "up":
            return
        try:
            lab = self.known.find(self.name)
        except UnknownLabError:
            lab = Lab.up(replace(self.known.spec, name=self.name), self.engine)
        if task.steers:
            first = steering.cut if task.first else steering.unset
            steer(
                lab.engine,
                lab.plan,
                {each.name: lambda link, was: first(link.link, was) for each in lab.plan.links},
                {},
            )
        elif task.first:
            _break(lab)

    def run(self, kill: Kill) -> tuple[int, list[str]]:
        """Run the task under the killer.

        Returns:
            Its exit code, and its steps.
        """
        steps, said = self.folder / f"{self.name}.steps", self.folder / f"{self.name}.said"
        steps.unlink(missing_ok=True)
        words = (*TASKS[self.task].words, "--name", self.name, "--engine", self.engine)
        order = {"steps": str(steps), "said": str(said), "at": kill.at, "late": kill.late, "task": words}
        orders, codes = cast("IO[str]", self._killer.stdin), cast("IO[str]", self._killer.stdout)  # both are pipes
        print(json.dumps(order), file=orders, flush=True)
        return int(codes.readline()), steps.read_text().splitlines()

    def said(self) -> str:
        """What the task said."""
        return (self.folder / f"{self.name}.said").read_text(errors="replace").strip()[-300:]


def _break(lab: Lab) -> None:
    """Take the token bucket off the medium, so that there is something to mend."""
    fabric = Folder(lab.name).fabric() if lab.engine.name == "netns" else os.getpid()
    argv = ["nsenter", f"--net=/proc/{fabric}/ns/net", "tc", "qdisc", "del", "dev", lab.plan.links[0].device, "root"]
    subprocess.run(argv, check=True, capture_output=True)


def count(engine: str, task: str) -> tuple[int, Known]:
    """How many steps a task has, and what a lab is seen to be before and after it."""
    known = Known(LabSpec(nodes=2, links=TASKS[task].links), engine)
    with _lane(engine, task, known) as lane:
        lane.prepare()
        known.learn(lane.name)
        code, steps = lane.run(Kill(0))
        if code:
            raise CheckError(f"exit code {code}, though it was not killed: {lane.said()}", where=f"{engine} {task}")
        known.learn(lane.name)
        if TASKS[task].steers:
            known.find(lane.name).heal()
            known.learn(lane.name)
    return len(steps), known


def walk(engine: str, task: str, known: Known, kills: Iterable[Kill], say: Callable[[str], None]) -> list[Outcome]:
    """Kill a task at steps, in several lanes at once.

    Args:
        engine: the engine.
        task: one of `TASKS`.
        known: as `count` found it.
        kills: where.
        say: takes a line for each.
    """
    lanes: SimpleQueue[Lane] = SimpleQueue()

    def once(kill: Kill) -> Outcome:
        lane = lanes.get()
        try:
            outcome = lane.outcome(kill)
        finally:
            lanes.put(lane)
        say(str(outcome))
        return outcome

    with ExitStack() as stack, ThreadPoolExecutor(LANES[engine]) as pool:
        for _ in range(LANES[engine]):
            lanes.put(stack.enter_context(_lane(engine, task, known)))
        return list(pool.map(once, kills))


@contextmanager
def _lane(engine: str, task: str, known: Known) -> Iterator[Lane]:
    with tempfile.TemporaryDirectory(prefix="wirelab-killed-", ignore_cleanup_errors=True) as folder:
        lane = Lane(engine, task, known, Path(folder))
        try:
            yield lane
        finally:
            lane.close()
