"""`./inv bench media`: every medium on star, ring and bus, on both engines: a lab up, verified, and down.

One combination after the other, for each is to have the machine to itself. A combination that fails in any way is a
line of the table, and the next one goes on.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from typing import Any

from rich.table import Table
from rich.text import Text

from bench.accuracy import engines_missing
from bench.accuracy_cases import OURS
from lab.errors import LabError, WordsError
from lab.lab import Lab
from lab.model.media import MEDIA
from lab.model.plan import LabSpec
from lab.observe import measured
from lab.observe.steps import Measurement
from lab.observe.verify import verify

SIZES = {"star": 2, "ring": 3, "bus": 3}  # nodes: as few as show the shape
KINDS = {"rate": ("rate", "rate of all"), "round trip": ("round trip",), "loss": ("loss",)}
COLUMNS = ("engine", "topology", "medium", "links", "judged", *KINDS, "seconds", "verdict")


@dataclass(frozen=True, slots=True)
class Combination:
    """An engine, a topology and a medium."""

    engine: str
    topology: str
    medium: str

    def __str__(self) -> str:
        return f"{self.medium} on a {self.topology}, {self.engine}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a combination.

    Attributes:
        links: how many there are, and how many were judged in any way.
        judged: measurements that were judged, of all.
        worst: the largest error by kind of measurement, with its sign: a share of the rate, seconds, a share of frames.
        seconds: for `up`, `verify` and `down`.
        complaint: what did not hold, or why it was not run to its end; empty where all is good.
    """

    combination: Combination
    links: tuple[int, int]
    judged: tuple[int, int]
    worst: dict[str, float]
    seconds: float
    complaint: str

    @property
    def good(self) -> bool:
        """Whether all that was measured is within its tolerance."""
        return not self.complaint

    @property
    def verdict(self) -> str:
        """In words."""
        return f"NOT GOOD: {self.complaint}" if self.complaint else "good"


def combinations(only: str = "") -> tuple[Combination, ...]:
    """The combinations to run.

    Args:
        only: names of media, topologies and engines, with commas between; of each kind that is not named, all.

    Raises:
        WordsError: there is no such name.
    """
    wanted = [word.strip() for word in only.split(",") if word.strip()]
    kinds = (OURS, tuple(SIZES), tuple(MEDIA))
    known = [name for names in kinds for name in names]
    if unknown := [word for word in wanted if word not in known]:
        raise WordsError(f"{unknown[0]!r} is none of these", where="--only", remedy=f"there are {', '.join(known)}")
    chosen = ([name for name in names if name in wanted] or names for names in kinds)
    return tuple(Combination(*names) for names in product(*chosen))


def measure(only: str, say: Callable[[str], None]) -> Iterator[Outcome]:
    """Run each combination, and tell what came of it as soon as that is known."""
    wanted = combinations(only)
    missing = dict(engines_missing())
    for number, combination in enumerate(wanted, 1):
        say(f"{number} of {len(wanted)}: {combination}")
        lack = missing.get(combination.engine)
        yield Outcome(combination, (0, 0), (0, 0), {}, 0.0, f"not run: {lack}") if lack else _run(combination)


def _run(combination: Combination) -> Outcome:
    begun = time.monotonic()
    topology, found, complaint = combination.topology, tuple[Measurement, ...](), ""
    spec = LabSpec(name=f"media-{os.getpid()}", topology=topology, nodes=SIZES[topology], media=combination.medium)
    links = 0
    try:
        with Lab.up(spec, combination.engine) as lab:
            links = len(lab.plan.links)
            found = verify(lab)
    except LabError as error:
        complaint = str(error)
    return outcome(combination, links, found, time.monotonic() - begun, complaint)


def outcome(
    combination: Combination, links: int, found: Sequence[Measurement], seconds: float, complaint: str = ""
) -> Outcome:
    """Sum measurements up."""
    judged = [row for row in found if row.predicted.judged]
    worst = {}
    for kind, whats in KINDS.items():
        if errors := [row.error for row in judged if row.what in whats and row.error is not None]:
            worst[kind] = max(errors, key=abs)
    bad = "; ".join(_complaint(row) for row in found if not row.good)
    counts = (links, len({row.link for row in judged})), (len(judged), len(found))
    return Outcome(combination, *counts, worst, seconds, complaint or bad)


def _complaint(row: Measurement) -> str:
    said = f"{row.link} ({measured.direction(row)}): {row.what} {measured.amount(row, row.measured)}"
    return f"{said}, predicted {measured.amount(row, row.predicted.value)}" + f" ({row.note})" * bool(row.note)


def document(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """All of it as one JSON document, in shares and seconds."""
    rows = [
        asdict(each.combination)
        | {"links": each.links[0], "links_judged": each.links[1]}
        | {"measurements": each.judged[1], "measurements_judged": each.judged[0]}
        | {"worst": each.worst, "seconds": round(each.seconds, 1), "good": each.good, "complaint": each.complaint}
        for each in outcomes
    ]
    return {"good": all(each.good for each in outcomes), "combinations": rows}


def table(outcomes: Sequence[Outcome]) -> Table:
    """All of it for people."""
    shown = Table(header_style="bold", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in COLUMNS:
        shown.add_column(column, justify="right" if column in (*KINDS, "seconds", "links", "judged") else "left")
    for each in outcomes:
        verdict = Text(each.verdict, style="green" if each.good else "bold red")
        combination = each.combination
        counts = (f"{each.links[1]} of {each.links[0]}", f"{each.judged[0]} of {each.judged[1]}")
        errors = [measured.said_error(kind, each.worst.get(kind)) for kind in KINDS]
        names = (combination.engine, combination.topology, combination.medium)
        shown.add_row(*names, *counts, *errors, f"{each.seconds:.0f}", verdict)
    return shown
