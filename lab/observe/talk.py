"""Holds one conversation over TCP several times, with short ones in between that tell what the machine itself takes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean
from typing import Any

from lab.errors import CheckError
from lab.lab import Lab
from lab.model import exchange, machine
from lab.model.exchange import Exchange
from lab.model.plan import LabPlan
from lab.observe.stage import Stage

PORT = 11_268
MEASURED_SECONDS, MOST_ROUNDS = 15.0, 601
REST_SECONDS = 2e-3  # at least, so that each finds both nodes asleep
START_SECONDS = 30.0
BUSY_SECONDS = 0.1  # of a busy machine, for each message
METER = ("python3", "-m", "lab.apps.message_meter")


@dataclass(frozen=True, slots=True)
class Measured:
    """Interquartile means of several conversations, in seconds from the client's call.

    Until the client knows that it is connected, and until the server's kernel has the bytes.

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
    def sizes(self) -> tuple[int, ...]:
        """Of all messages of a round: that which is to be measured, and the short ones.

        What was before leaves its traces in caches and in the scheduler, so there is one segment before each long one.
        """
        one, *several = machine.sizes(self.plan, self.client, self.server, self.size)
        return (self.size, one, *several, one) if several else (self.size, one)

    @property
    def alone(self) -> list[Exchange]:
        """What each takes where the machine takes nothing."""
        return [exchange.over_tcp(self.plan, self.client, self.server, size) for size in self.sizes]

    @property
    def rest(self) -> float:
        """Seconds until what nobody waits for has left the links, too: the answer to what was sent twice."""
        return max(REST_SECONDS, self.alone[0].connect)

    @property
    def round(self) -> float:
        """Seconds of one round, with the rests."""
        return sum(each.whole + each.connect + self.rest for each in self.alone)

    @property
    def rounds(self) -> int:
        """How many there is time for."""
        return max(1, min(MOST_ROUNDS, int(MEASURED_SECONDS / self.round)))


def measure(lab: Lab, talk: Talk) -> tuple[Measured, dict[int, Exchange]]:
    """Hold the conversation several times.

    Returns:
        What it took, and what each of the short messages took in between, by their bytes.

    Raises:
        CheckError: a side ended badly, or took far too long.
    """
    said: dict[str, list[str]] = {talk.client: [], talk.server: []}
    complaints: list[str] = []

    def hear(name: str, stream: str, line: str) -> None:
        (said[name] if stream == "stdout" else complaints).append(line)

    sizes = ",".join(map(str, talk.sizes))
    rounds = ["--port", str(PORT), "--count", str(talk.rounds), "--sizes", sizes]
    with Stage(lab, hear) as stage:
        taker = stage.start(talk.server, talk.server, [*METER, "take", *rounds])
        stage.pass_on(lambda: taker.spoke or taker.ended, START_SECONDS)
        giving = [*METER, "give", talk.server, *rounds, "--rest", f"{talk.rest:.6f}"]
        giver = stage.start(talk.client, talk.client, giving)
        limit = START_SECONDS + talk.rounds * (3 * talk.round + BUSY_SECONDS * len(talk.sizes))
        ended = stage.pass_on(lambda: giver.ended and taker.ended, limit)
    if not ended or giver.code or taker.code:
        why = "; ".join(complaints)[-300:] or f"it took more than {limit:.0f} s"
        raise CheckError(f"the conversation failed: {why}", where=lab.plan.spec.media, remedy="once more; ./inv doctor")
    given, taken = ([json.loads(line) for line in lines] for lines in (said[talk.client], said[talk.server][1:]))
    return figures(given, taken, talk.sizes)


def figures(
    given: Sequence[dict[str, Any]], taken: Sequence[dict[str, Any]], sizes: Sequence[int]
) -> tuple[Measured, dict[int, Exchange]]:
    """What the message of a round took, and each size of short ones, from what both sides say of each.

    All short messages begin with the same call, so they have one time to connect.
    """
    times = [
        (sent["connected"] - sent["begun"], had["first"] - sent["begun"], had["last"] - sent["begun"])
        for sent, had in zip(given, taken, strict=True)
    ]
    kinds = len(sizes)
    connect, first, whole = map(typical, zip(*times[::kinds], strict=True))
    message = Measured(
        connect,
        first,
        whole,
        again=sum(each["again"] for each in given[::kinds]),
        rounds=len(given) // kinds,
    )
    call = typical([connect for number, (connect, _, _) in enumerate(times) if number % kinds])
    short = {}
    for size in dict.fromkeys(sizes[1:]):
        of_size = [each for number, each in enumerate(times) if number % kinds and sizes[number % kinds] == size]
        connect, first, whole = map(typical, zip(*of_size, strict=True))
        short[size] = Exchange(call, first + call - connect, whole + call - connect)
    return message, short


def typical(times: Sequence[int]) -> float:
    """The mean of the middle half, in seconds, from times in ns.

    What comes late by chance in less than a quarter of the rounds does not move it; of one or two rounds all counts.
    And where times fall into two heaps, it does not jump from one to the other as a median does.
    """
    cut = (len(times) + 1) // 4
    return mean(sorted(times)[cut : len(times) - cut]) / 1e9
