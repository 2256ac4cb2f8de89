"""`./inv bench up`: how long a lab takes to come up, beside what it can be held against, in turn and in one run.

Docker's labs are held against the bare engine calls, the embedded engine's against Mininet where it is installed.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.bare import BareStar
from lab.engine.base import unheard
from lab.engine.docker import DockerEngine
from lab.engine.docker.engine import IN_FLIGHT
from lab.engine.select import embedded
from lab.lab import Lab
from lab.model.plan import LabSpec, decide

ROUNDS = 3
BARE = "bare engine calls"
SYSTEM_PYTHON = "/usr/bin/python3"  # Debian's Mininet is a module of it


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds that something took, in several rounds."""

    what: str
    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle one."""
        return statistics.median(self.seconds)


def measure(nodes: int, say: Callable[[str], None]) -> list[Timing]:
    """Bring stars up and down: the bare calls and ours in turn, then the embedded engine and Mininet.

    Args:
        nodes: hosts of the star.
        say: takes a line for each round.

    Returns:
        What was timed here: the embedded engine and Mininet take root, and Mininet has to be installed.
    """
    taken: dict[str, list[float]] = {}

    def note(what: str, seconds: float) -> None:
        taken.setdefault(what, []).append(seconds)

    for number in range(ROUNDS):
        _docker_round(nodes, note)
        if embedded():
            _lab_round(nodes, "netns", note)
            _mininet_round(nodes, note)
        say(f"round {number + 1}: " + ", ".join(f"{what} {times[-1]:.2f} s" for what, times in taken.items()))
    return [Timing(what, tuple(times)) for what, times in taken.items()]


def _docker_round(nodes: int, note: Callable[[str, float], None]) -> None:
    engine = DockerEngine()
    image = engine.prepare(unheard)
    bare = BareStar(decide(LabSpec(name=f"bare{os.getpid()}", nodes=nodes), engine.taken()), image, IN_FLIGHT)
    try:
        note(BARE, bare.up())
    finally:
        bare.down()
    _lab_round(nodes, "docker", note)


def _lab_round(nodes: int, engine: str, note: Callable[[str, float], None]) -> None:
    """Our `up`, our second `up`, which finds all in order, and our `down`."""
    spec = LabSpec(name=f"bench{os.getpid()}", nodes=nodes)
    begun = time.perf_counter()
    lab = Lab.up(spec, engine)
    try:
        note(f"up, {engine}", time.perf_counter() - begun)
        begun = time.perf_counter()
        Lab.up(spec, engine)
        note(f"up again, {engine}", time.perf_counter() - begun)
    finally:
        begun = time.perf_counter()
        lab.down()
        note(f"down, {engine}", time.perf_counter() - begun)


def _mininet_round(nodes: int, note: Callable[[str, float], None]) -> None:
    """Mininet's star of as many hosts, where the system's Python has it."""
    argv = [SYSTEM_PYTHON, str(Path(__file__).with_name("mininet_star.py")), str(nodes)]
    if subprocess.run([SYSTEM_PYTHON, "-c", "import mininet"], capture_output=True, check=False).returncode:
        return
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    times = json.loads(done.stdout)
    note("up, Mininet", times["up"])
    note("down, Mininet", times["down"])


def table(timings: list[Timing]) -> list[str]:
    """A line for each timing, held against the bare engine calls or Mininet, whichever it is comparable with."""
    median = {timing.what: timing.median for timing in timings}
    lines = []
    for timing in timings:
        yardstick = BARE if timing.what == "up, docker" else timing.what.replace("netns", "Mininet")
        held = f"   {timing.median / median[yardstick]:5.2f} x {yardstick}" if yardstick in median else ""
        lines.append(f"{timing.what:20} {timing.median:6.2f} s" + (held if yardstick != timing.what else ""))
    return lines
