"""Holds one conversation over TCP several times, with echoes in between that tell what the machine itself takes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from lab.errors import CheckError
from lab.lab import Lab
from lab.model import exchange, machine
from lab.model.exchange import Exchange
from lab.model.machine import Echo
from lab.model.plan import LabPlan
from lab.observe.stage import Stage

PORT = 11_268
MEASURED_SECONDS, MOST_ROUNDS = 20.0, 101
REST_SECONDS = 2e-3  # at least, so that each finds both nodes asleep
START_SECONDS = 30.0
METER = ("python3", "-m", "lab.apps.message_meter")


@dataclass(frozen=True, slots=True)
class Measured:
    """Medians of several conversations, in seconds from the client's call on.

    Attributes:
        again: segments that were sent again, in all rounds together.
    """

    connect: float
    first_byte: float
    whole: float
    again: int
    rounds: int


@dataclass(frozen=True, slots=True)
class Talk:
    """Who says how many bytes to whom."""

    plan: LabPlan
    client: str
    server: str
    size: int

    @property
    def alone(self) -> Exchange:
        """What it takes where the machine takes nothing."""
        return exchange.over_tcp(self.plan, self.client, self.server, self.size)

    @property
    def echoes(self) -> list[Echo]:
        """What each kind of echo takes there."""
        kinds = machine.bursts(self.plan, self.client, self.server)
        return [machine.echo(self.plan, self.client, self.server, burst) for burst in kinds]

    @property
    def rest(self) -> float:
        """Seconds until what nobody waits for has left the links, too: the longest of the answers."""
        return max(REST_SECONDS, self.alone.connect, *(each.answer for each in self.echoes))

    @property
    def round(self) -> float:
        """Seconds of one conversation, its echoes, and the rests."""
        spoken = sum(each.call + each.answer for each in self.echoes)
        return self.alone.connect + self.alone.whole + spoken + self.rest * (1 + len(self.echoes))

    @property
    def rounds(self) -> int:
        """How many there is time for."""
        return max(1, min(MOST_ROUNDS, int(MEASURED_SECONDS / self.round)))

    def words(self) -> list[str]:
        """The meter's, on both sides."""
        segment = machine.segment(self.plan, self.client, self.server)
        sizes = ",".join(str(burst * segment) for burst in machine.bursts(self.plan, self.client, self.server))
        return ["--port", str(PORT), "--count", str(self.rounds), "--echoes", sizes]


def measure(lab: Lab, talk: Talk) -> tuple[Measured, list[Echo]]:
    """Hold the conversation several times.

    Returns:
        What it took, and what each kind of echo took in between, in medians.

    Raises:
        CheckError: a side ended badly, or took far too long.
    """
    said: dict[str, list[str]] = {talk.client: [], talk.server: []}
    complaints: list[str] = []

    def hear(name: str, stream: str, line: str) -> None:
        (said[name] if stream == "stdout" else complaints).append(line)

    words, only = talk.words(), ["--size", str(talk.size), "--rest", f"{talk.rest:.6f}"]
    with Stage(lab, hear) as stage:
        taker = stage.start(talk.server, talk.server, [*METER, "take", *words])
        stage.pass_on(lambda: taker.spoke or taker.ended, START_SECONDS)
        giver = stage.start(talk.client, talk.client, [*METER, "give", talk.server, *words, *only])
        limit = START_SECONDS + 3 * talk.rounds * talk.round
        ended = stage.pass_on(lambda: giver.ended and taker.ended, limit)
    if not ended or giver.code or taker.code:
        why = "; ".join(complaints)[-300:] or f"it took more than {limit:.0f} s"
        raise CheckError(f"the conversation failed: {why}", where=lab.plan.spec.media, remedy="once more; ./inv doctor")
    given, taken = ([json.loads(line) for line in lines] for lines in (said[talk.client], said[talk.server][1:]))
    return figures(given, taken), echoes(given, taken)


def figures(given: Sequence[dict[str, Any]], taken: Sequence[dict[str, Any]]) -> Measured:
    """Medians, from what both sides say of each round."""

    def middle(begun: Sequence[dict[str, Any]], ended: Sequence[dict[str, Any]], key: str) -> float:
        times: list[int] = [then[key] - first["begun"] for first, then in zip(begun, ended, strict=True)]
        return median(times) / 1e9

    return Measured(
        connect=middle(given, given, "connected"),
        first_byte=middle(given, taken, "first"),
        whole=middle(given, taken, "last"),
        again=sum(each["again"] for each in given),
        rounds=len(given),
    )


def echoes(given: Sequence[dict[str, Any]], taken: Sequence[dict[str, Any]]) -> list[Echo]:
    """Medians of each kind of echo, from what both sides say of each round; all begin with the same call."""
    call = median(connected - begun for each in given for begun, connected, _ in each["echoes"]) / 1e9
    found = []
    for kind in range(len(given[0]["echoes"])):
        firsts = [then["heard"][kind] - each["echoes"][kind][1] for each, then in zip(given, taken, strict=True)]
        answers = [each["echoes"][kind][2] - each["echoes"][kind][1] for each in given]
        found.append(Echo(call, median(firsts) / 1e9, median(answers) / 1e9))
    return found
