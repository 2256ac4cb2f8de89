"""What a machine adds to a lab's media, from echoes that were measured beside whatever else is. Pure.

An echo is a call, which a kernel answers, and then one or a few segments, which a program answers with a byte. Each is
two messages, there and back. What they take beyond their own prediction is the machine's share; the conversation that
is to be predicted has no part in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from lab.model.passing import Machine, Passing, Step, steps
from lab.model.plan import LabPlan
from lab.model.predict import FIRST_FLIGHT, TCP_HEADERS, frame_time
from lab.model.tables import first_flight

OPENING = 60  # bytes: IPv4 and TCP with the options of a first segment (RFC 9293, 7323, 2018)
ANSWER = 1  # byte
BURST = 3  # segments: fewer than any first flight but a slow one's


@dataclass(frozen=True, slots=True)
class Echo:
    """An echo, in seconds.

    Attributes:
        call: until a call is answered.
        first: from then on, until the first of some bytes is with the program.
        answer: from then on, until a byte is back that answers so many segments.
    """

    call: float
    first: float
    answer: float


def bursts(plan: LabPlan, client: str, server: str) -> tuple[int, ...]:
    """How many full segments each kind of echo sends at once: one, and, where TCP's first flight allows it, several."""
    way = steps(plan, client, server)
    rate, mtu = (min(getattr(step.settings, name) for step in way) for name in ("rate", "mtu"))
    return (1, BURST) if (first_flight(rate, mtu) or FIRST_FLIGHT) >= BURST else (1,)


def segment(plan: LabPlan, client: str, server: str) -> int:
    """How many bytes a full segment carries."""
    return min(step.settings.mtu for step in steps(plan, client, server)) - TCP_HEADERS


def echo(plan: LabPlan, client: str, server: str, burst: int) -> Echo:
    """What an echo takes where the machine takes nothing."""
    way, back = steps(plan, client, server), steps(plan, server, client)
    packet = segment(plan, client, server) + TCP_HEADERS
    return Echo(_call(way, back), *_answer(way, back, (packet,) * burst))


def _call(way: Sequence[Step], back: Sequence[Step]) -> float:
    passing, answered = Passing(), [0.0]
    passing.send(0.0, way, OPENING, lambda now: passing.send(now, back, OPENING, answered.append))
    passing.run()
    return answered[-1]


def _answer(way: Sequence[Step], back: Sequence[Step], packets: Sequence[int]) -> tuple[float, float]:
    """The segments come behind the acknowledgement of the opening, and the answer behind theirs, for each has one."""
    passing, answered = Passing(), [0.0]
    arrived: list[float] = []

    def take(now: float) -> None:
        arrived.append(now)
        passing.send(now, back, TCP_HEADERS, lambda _: None)
        if len(arrived) == len(packets):
            passing.send(now, back, ANSWER + TCP_HEADERS, answered.append)

    passing.send(0.0, way, TCP_HEADERS, lambda _: None)
    for packet in packets:
        passing.send(0.0, way, packet, take)
    passing.run()
    return arrived[0], answered[-1]


def share(plan: LabPlan, client: str, server: str, measured: Sequence[Echo]) -> Machine:
    """What the machine takes, from the medians of each kind of echo, in the order of `bursts`.

    A call's share is that of its frames on their links, with the waking of one program. An answer's is that of two
    messages; what it has beyond a call's is the two programs'. The first byte of a burst tells how soon it is heard.
    """
    way = steps(plan, client, server)
    links = len(way) + len(steps(plan, server, client))
    expected = [echo(plan, client, server, burst) for burst in bursts(plan, client, server)]
    calls = measured[0].call - expected[0].call
    answers = [is_.answer - should.answer for is_, should in zip(measured, expected, strict=True)]
    more = [(second - first) / (BURST - 1) for first, second in pairwise(answers)]
    shortest = min(frame_time(step.settings, step.settings.mtu) for step in way)  # no link takes less than nothing
    first = measured[-1].first - expected[-1].first - calls * len(way) / links
    return Machine(calls / links, max(sum(more), -shortest), (answers[0] - calls) / 2, first)
