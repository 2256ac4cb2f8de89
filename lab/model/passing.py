"""How frames pass a way of several links, one after another, as a queue of what happens when. Pure.

Each frame waits until its link is free, is put on it bit by bit, travels, and is taken in whole before the next node
sends it on. So what queues, queues here too. What the machine itself takes comes on top, where it is given.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lab.model import predict
from lab.model.media import ETHERNET_HEADER, Settings
from lab.model.plan import LabPlan


@dataclass(frozen=True, slots=True)
class Machine:
    """What the machine that a lab runs on adds to its media, in seconds: programs, kernels, the shaper.

    Attributes:
        link: for each link that a frame passes.
        frame: that a link is busy for longer with its largest frame, with shorter ones in proportion.
        program: from when the last of a message is with a node until its program has it, beyond `link`.
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
        self._free[step.channel] = gone + self._machine.frame * (packet + ETHERNET_HEADER) / settings.frame
        there = gone + predict.propagation(settings)[0] + self._machine.link
        self.at(there, lambda now: self.send(now, rest, packet, then))
