"""How frames pass a way of several links, one after another, as a queue of what happens when. Pure.

Each frame waits until its link is free, is put on it bit by bit, travels, and is taken in whole before the next node
sends it on. So what queues, queues here too.

The machine that all links are made on works beside them, where what it takes is given: it has to wake up, and works at
one frame after another, of whatever link, in the order in which they come. A frame is over a fast link when the
machine is done with it. Work hides behind a slow link, which is only late by what waking takes, and by no more than a
short frame takes there: more than that was waited for meanwhile.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lab.model import predict
from lab.model.media import ETHERNET_HEADER, Settings
from lab.model.plan import LabPlan

OPENING = 60  # bytes: IPv4 and TCP with the options of a first segment (RFC 9293, 7323, 2018)


@dataclass(frozen=True, slots=True)
class Machine:
    """What the machine that a lab runs on adds to its media, in seconds: programs, kernels, the shaper.

    Attributes:
        link: from when a frame comes until the machine can be done with it; by which a slow link is late, too.
        frame: of work at each frame, on each link, whatever its size.
        program: for a message beyond its frames on their links: the client's program, once it is connected. Less than
            nothing where a call finds a machine asleep, and the message that follows finds it awake, and because a call
            has the client's waking in it.
        first: the same for its first byte, where more comes behind it: on a machine that is busy with the rest, later.
    """

    link: float = 0.0
    frame: float = 0.0
    program: float = 0.0
    first: float = 0.0


NO_TIME = Machine()


@dataclass(frozen=True, slots=True)
class Step:
    """One link of a way. Steps with the same `channel` share one rate."""

    settings: Settings
    channel: str


def steps(plan: LabPlan, sender: str, receiver: str) -> tuple[Step, ...]:
    """The way from one node to another; both directions of a shared link are one channel."""
    hops = plan.routing.path(sender, receiver)
    ways = predict.along(plan, sender, receiver)
    return tuple(
        Step(way, hop.link if plan.link(hop.link).link.shared else f"{hop.link} from {hop.node}")
        for hop, way in zip(hops, ways, strict=True)
    )


class Passing:
    """What is to happen, in its order, and until when each link is busy.

    Attributes:
        roomy: whether every queue had room for what waited.
    """

    def __init__(self, machine: Machine = NO_TIME) -> None:
        self.roomy = True
        self._machine = machine
        self._free: dict[str, float] = {}  # when each channel is
        self._done = 0.0  # when the machine is, with all frames so far
        self._due: list[tuple[float, int, Callable[[float], None]]] = []
        self._number = itertools.count()

    def at(self, time: float, happen: Callable[[float], None]) -> None:
        """Let something happen at a time."""
        heapq.heappush(self._due, (time, next(self._number), happen))

    def run(self) -> None:
        """Let everything happen in its order."""
        while self._due:
            time, _, happen = heapq.heappop(self._due)
            happen(time)

    def send(self, time: float, way: Sequence[Step], packet: int, then: Callable[[float], None]) -> None:
        """Bring an IP packet along a way, link by link."""
        if not way:
            then(time)
            return
        step, *rest = way
        settings = step.settings
        begin = max(time, self._free.get(step.channel, 0.0))
        waiting = (begin - time) * settings.rate / 8 + packet + ETHERNET_HEADER
        self.roomy = self.roomy and waiting <= settings.queue
        gone = begin + predict.frame_time(settings, packet)
        self._free[step.channel] = gone
        self._done = max(time + self._machine.link, self._done + self._machine.frame)
        travel = predict.propagation(settings)[0]
        late = min(self._machine.link, predict.frame_time(settings, OPENING) + travel)
        there = max(self._done, gone + travel + late)
        self.at(there, lambda now: self.send(now, rest, packet, then))
