"""`./inv bench accuracy`: sweeps rates, delays and losses, and holds what is measured against what is predicted.

Both engines, and Mininet where it is installed, are measured by the same programs with the same trains, in turn: each
case on one tool, then on the next, and the next round begins with another tool. All links are up from the beginning,
one for each case, and only one of them carries frames at a time. Nothing is measured twice because it did not please.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from bench import accuracy_mininet as mininet
from bench.accuracy_cases import MININET, OURS, TOOLS, Case, Figure, cases, combine
from bench.accuracy_echoes import FineInstruments
from lab.engine.select import embedded, select
from lab.errors import CheckError, EngineError
from lab.lab import Lab
from lab.model.plan import LabSpec
from lab.model.predict import Prediction
from lab.observe.measure import Instruments
from lab.observe.programs import Way
from lab.observe.steps import STEPS, Measurement, by_iperf
from lab.observe.verify import ways

ROUNDS = 3
IDLE_ECHO_ROUNDS = 1  # of the round trips that are only shown beside a rate: a slow link takes 5 s for them
NO_NETEM = "delay and loss take netem, which this kernel does not have"

Say = Callable[[str], None]
Measured = dict[tuple[Case, str, str], list[tuple[Way, Measurement]]]


@dataclass(frozen=True, slots=True)
class Tool:
    """An engine's lab, or Mininet, with its links up.

    Attributes:
        courses: the directions of each case's link; none where the tool cannot have the link.
        lacks: why not.
    """

    name: str
    version: str
    instruments: Instruments
    courses: Mapping[Case, Sequence[Way]]
    lacks: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """All figures, and how they came about.

    Attributes:
        versions: of each tool that was there.
        missing: why a tool was not.
        loads: of the machine before it began, and before each case, as uptime(1) has it.
    """

    figures: tuple[Figure, ...]
    versions: dict[str, str] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    rounds: int = ROUNDS
    minutes: float = 0.0
    loads: tuple[float, ...] = ()


def measure(say: Say, *, quick: bool = False) -> Outcome:
    """Sweep.

    Args:
        say: takes a line for each case and round.
        quick: a few cases, once each.

    Raises:
        MachineError: no engine answers, or a lab did not come up.
    """
    begun, loads = time.monotonic(), [os.getloadavg()[0]]
    wanted, rounds = cases(quick=quick), 1 if quick else ROUNDS
    hosts = {f"h{number}": case for number, case in enumerate(wanted, 1)}
    missing = dict(_missing())
    with ExitStack() as stack:
        openers = [(_ours(name, hosts) if name in OURS else _mininet(hosts)) for name in TOOLS if name not in missing]
        tools = [stack.enter_context(opener) for opener in openers]
        measured: Measured = {}
        for number in range(rounds):
            for case in wanted:
                loads.append(os.getloadavg()[0])
                say(f"round {number + 1} of {rounds}: {case}")
                turn = (number + wanted.index(case)) % len(tools)
                for tool in (*tools[turn:], *tools[:turn]):
                    _case(tool, case, number, measured)
        figures = tuple(_figures(tools, wanted, measured))
        versions = {tool.name: tool.version for tool in tools}
    return Outcome(figures, versions, missing, rounds, (time.monotonic() - begun) / 60, tuple(loads))


def engines_missing() -> Iterator[tuple[str, str]]:
    """Which engine is not here, and why; one at the least is."""
    try:
        select("docker").facts()
    except EngineError as error:
        if not embedded():
            raise
        yield "docker", str(error)
    if not embedded():
        yield "netns", "it needs Linux, and root"


def _missing() -> Iterator[tuple[str, str]]:
    """What cannot be measured here, and why."""
    yield from engines_missing()
    if not mininet.installed():
        yield MININET, "it is not installed here, or we are not root"


@contextmanager
def _ours(engine: str, hosts: Mapping[str, Case]) -> Iterator[Tool]:
    """A star with a host for each case."""
    links = tuple((host, case.spec) for host, case in hosts.items())
    # A seed of its own, or both engines would lose the very same frames.
    spec = LabSpec(name=f"accuracy-{engine}-{os.getpid()}", nodes=len(hosts), links=links, seed=1 + OURS.index(engine))
    with Lab.up(spec, engine) as lab, FineInstruments(lab) as instruments:
        status = lab.status()
        courses = {case: ways(lab.name, lab.plan.link(host), status) for host, case in hosts.items()}
        yield Tool(engine, lab.engine.facts().version, instruments, courses)


@contextmanager
def _mininet(hosts: dict[str, Case]) -> Iterator[Tool]:
    with mininet.links(hosts) as (links, instruments):
        courses = {case: links.course(host, case) for host, case in hosts.items()}
        yield Tool(MININET, links.version, instruments, courses, NO_NETEM)


def _case(tool: Tool, case: Case, number: int, measured: Measured) -> None:
    """Measure a case with one tool, once; one that does not end is noted, and the others go on."""
    course = tool.courses[case]
    if not course:
        return
    for what in case.steps:
        if what == "round trip" and case.sweep == "rate" and number >= IDLE_ECHO_ROUNDS:
            continue
        try:
            step = STEPS["tcp goodput" if what == "rate" and by_iperf(course[0]) else what]
            rows = [row for row in step(tool.instruments, course) if row.what == what]
        except CheckError as error:
            rows = [Measurement(str(case), "", "", what, Prediction(None), None, "", str(error))]
        measured.setdefault((case, tool.name, what), []).extend(
            (next((way for way in course if way.sender == row.sender), course[0]), row) for row in rows
        )


def _figures(tools: Iterable[Tool], wanted: Iterable[Case], measured: Measured) -> Iterator[Figure]:
    for case in wanted:
        for what in case.steps:
            for tool in tools:
                if rows := measured.get((case, tool.name, what)):
                    yield combine(case, tool.name, what, rows)
                else:
                    yield Figure(case, tool.name, what, "", Prediction(None), (), note=tool.lacks)
