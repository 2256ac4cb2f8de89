"""`./inv bench up`: how long a lab takes to come up, beside the bare engine calls, in turn and in one run."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

from bench.bare import BareStar
from lab.engine.base import unheard
from lab.engine.docker import DockerEngine
from lab.engine.docker.engine import IN_FLIGHT
from lab.lab import Lab
from lab.model.plan import LabSpec, decide

ROUNDS = 3


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
    """Bring stars up and down, the bare calls and ours in turn.

    Args:
        nodes: hosts of the star.
        say: takes a line for each round.

    Returns:
        The bare calls, our `up`, and our second `up`, which finds all in order.
    """
    engine = DockerEngine()
    image = engine.prepare(unheard)
    taken: dict[str, list[float]] = {"bare engine calls": [], "up": [], "up again": []}
    for number in range(ROUNDS):
        plan = decide(LabSpec(name=f"bare{os.getpid()}", nodes=nodes), engine.taken())
        bare = BareStar(plan, image, IN_FLIGHT)
        try:
            taken["bare engine calls"].append(bare.up())
        finally:
            bare.down()
        spec = LabSpec(name=f"bench{os.getpid()}", nodes=nodes)
        begun = time.perf_counter()
        with Lab.up(spec, "docker"):
            taken["up"].append(time.perf_counter() - begun)
            begun = time.perf_counter()
            Lab.up(spec, "docker")
            taken["up again"].append(time.perf_counter() - begun)
        say(f"round {number + 1}: " + ", ".join(f"{what} {times[-1]:.2f} s" for what, times in taken.items()))
    return [Timing(what, tuple(times)) for what, times in taken.items()]
