"""How long a message takes, from a telephone pair to fibre: predicted, then measured."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

from lab.exercises.exercise import Check, Exercise, Miss
from lab.exercises.trial import Trial

FAR = {"h2": "twisted-pair-2400", "h3": "twisted-pair-33600", "h4": "coax", "h5": "fibre"}
SLOW = "h2"  # a round trip of 1.6 s, and the next one shall not wait for it
SHARE, FLOOR_SECONDS = 0.10, 0.005


def measured(trial: Trial, node: str) -> float:
    """The shortest of some round trips of 200 bytes, in seconds: what is shortest has waited for nobody else."""
    often = ("-c", "2", "-i", "2") if node == SLOW else ("-c", "4", "-i", "0.3")
    rows = trial.out("h1", "ping", *often, "-s", "200", "-W", "9", node)
    times = [float(found[1]) / 1000 for row in rows if (found := re.search(r"time=([\d.]+) ms", row))]
    if not times:
        raise Miss(f"{node} does not answer: ./inv status")
    return min(times)


def _look(trial: Trial, node: str) -> None:
    said = trial.number(node)
    right = trial.once(node, lambda: measured(trial, node))
    if abs(said - right) > max(right * SHARE, FLOOR_SECONDS):
        much = "more" if said > right else "less"
        raise Miss(f"{node}: {said:g} s is {much} than it takes; count all frames, both ways, on every link")


EXERCISE = Exercise(
    name="how-long",
    folder=Path(__file__).parent,
    nodes=5,
    links=lambda _: tuple(FAR.items()),
    hands_in=("answers.toml",),
    checks=tuple(
        Check(f"to {node} and back, over {medium}", 3, partial(_look, node=node)) for node, medium in FAR.items()
    ),
)
