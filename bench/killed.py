"""Kills a task at every one of its steps (`bench.killer`), and looks what is left when the next `down` is done."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from bench.left import left
from lab.engine.netns.folder import Folder
from lab.engine.select import select
from lab.errors import LabError
from lab.lab import Lab, remove
from lab.model.plan import LabSpec
from lab.observe import report

ROOT = Path(__file__).resolve().parents[1]
KILLER = str(ROOT / "bench" / "killer.py")
# A medium device, the software wire, and a node with two cables: all that a lab can be made of.
LINKS = (("h1", "wireless,delay=0ms,jitter=0ms,loss=0%"), ("h2", "satellite"))
WORDS = ("--nodes", "2", *(word for name, text in LINKS for word in ("--link", f"{name}={text}")))
TASKS = ("up", "down", "heal")
LINE = 128  # bytes that the killer writes for a step
LATE_SECONDS = 0.02  # long enough for a request to be under way, and not to be answered
SECONDS = 300
_number = itertools.count()


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
    at: int
    late: float
    step: str
    killed: bool
    trouble: tuple[str, ...]

    def __str__(self) -> str:
        when = f", {self.late:g} s later" if self.late else ""
        wrong = "; ".join(self.trouble) or ("nothing left" if self.killed else "not killed, nothing left")
        return f"{self.engine} {self.task} at {self.at}{when} ({self.step}): {wrong}"


@dataclass(frozen=True, slots=True)
class Place:
    """A lab to be: its engine, its name, and the file that the killer writes the steps to."""

    engine: str
    name: str
    steps: Path

    @property
    def words(self) -> tuple[str, ...]:
        """What tells a task of it."""
        return ("--name", self.name, "--engine", self.engine)


def count(engine: str, task: str) -> int:
    """How many steps a task has."""
    with _place(engine) as place:
        _prepare(place, task)
        _, steps = _run_killed(place, task, 0, 0.0)
        return len(steps)


def walk(engine: str, task: str, kills: Iterable[tuple[int, float]], say: Callable[[str], None]) -> list[Outcome]:
    """Kill a task at steps.

    Args:
        engine: the engine.
        task: one of `TASKS`.
        kills: number of each step, from 1, and the seconds between its begin and the kill.
        say: takes a line for each.
    """

    def once(kill: tuple[int, float]) -> Outcome:
        outcome = kill_once(engine, task, *kill)
        say(str(outcome))
        return outcome

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(once, kills))


def kill_once(engine: str, task: str, at: int, late: float) -> Outcome:
    """Kill a task at one step, then see that `status` tells of it, `down` removes it, and `up` works."""
    with _place(engine) as place:
        _prepare(place, task)
        code, steps = _run_killed(place, task, at, late)
        trouble = list(_aftermath(place, up=at % 4 == 0))
        step = steps[at - 1].strip() if len(steps) >= at else "it was done before"
        return Outcome(engine, task, at, late, step, code == -9, tuple(trouble))  # noqa: PLR2004 - SIGKILL


def _aftermath(place: Place, *, up: bool) -> Iterable[str]:
    """Every complaint about what comes after the kill: `status` and `down`, then perhaps all of it as one types it."""
    with suppress(LabError):  # there is no lab, or not enough of it to tell: both say so
        report.status_table(Lab.find(place.name, place.engine).status())
    report.labs_table([(place.engine, record) for record in select(place.engine).labs().values()])
    try:
        remove(select(place.engine), place.name)
    except LabError as error:
        yield f"down: {error}"
    if found := left(place.engine, place.name):
        yield f"left: {', '.join(found)}"
    elif up:
        for again in (("up", *WORDS), ("status",), ("down",)):
            done = _inv(*again, *place.words)
            if done.returncode:
                yield f"{again[0]} afterwards: exit code {done.returncode}: {done.stderr.strip()[-300:]}"
        if found := left(place.engine, place.name):
            yield f"left in the end: {', '.join(found)}"


@contextmanager
def _place(engine: str) -> Iterator[Place]:
    """A name of one's own, with a folder for the killer; what is left of the lab goes at the end."""
    name = f"t{os.getpid()}-kill-{next(_number)}"
    with tempfile.TemporaryDirectory(prefix="wirelab-killed-", ignore_cleanup_errors=True) as folder:
        try:
            yield Place(engine, name, Path(folder, "steps"))
        finally:
            if left(engine, name):
                remove(select(engine), name)


def _prepare(place: Place, task: str) -> None:
    """Have what the task needs: a lab to remove, or one to mend."""
    if task == "up":
        return
    Lab.up(LabSpec(name=place.name, nodes=2, links=LINKS), place.engine)
    if task == "heal":
        _break(Lab.find(place.name, place.engine))


def _break(lab: Lab) -> None:
    """Take the token bucket off the medium, so that there is something to mend."""
    medium = lab.plan.links[0].device
    fabric = Folder(lab.name).fabric() if lab.engine.name == "netns" else os.getpid()
    argv = ["nsenter", f"--net=/proc/{fabric}/ns/net", "tc", "qdisc", "del", "dev", medium, "root"]
    subprocess.run(argv, check=True, capture_output=True)


def _run_killed(place: Place, task: str, at: int, late: float) -> tuple[int, list[str]]:
    """Run a task under the killer.

    Returns:
        Its exit code, and its steps.
    """
    words = WORDS if task == "up" else ()
    argv = [sys.executable, KILLER, str(place.steps), str(at), str(late), task, *words]
    done = subprocess.run(
        [*argv, *place.words],
        cwd=ROOT,
        check=False,
        timeout=SECONDS,
        # Pipes would be held by helpers that are still at it: the next command has to come at once.
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    return done.returncode, place.steps.read_text().splitlines()


def _inv(*words: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "invoke", *words]
    return subprocess.run(argv, cwd=ROOT, check=False, timeout=SECONDS, capture_output=True, text=True)
