"""How long each hop should take: what is put on a link waits for what is there, is serialised, then travels.

Worked out from the link's settings and from the frames that were seen to be sent, as the shaper in force does it
(`lab.fabric.wire_schedule`, tc-tbf(8), tc-netem(8)). Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from lab.model import predict, shaping
from lab.model.media import ETHERNET_HEADER, Settings
from lab.observe.trace.match import Crossing, Sighting

NS = 1e9


@dataclass(frozen=True, slots=True)
class Way:
    """One direction of a link, or all of a shared one.

    Attributes:
        channel: the same for all directions that share one rate.
        settings: how it behaves now.
        shaper: what makes it so: `tbf`, `netem` or `wire`.
    """

    channel: str
    settings: Settings
    shaper: str

    @property
    def bucket(self) -> bool:
        """Whether a token bucket keeps the rate: it lets a frame pass that comes to an idle link, at once."""
        return self.shaper == "tbf" or (self.shaper == "wire" and not shaping.wire_paces(self.settings))


@dataclass(frozen=True, slots=True)
class Times:
    """What a frame needs for a link, in seconds.

    Attributes:
        queue: how long it waits for what was sent before it.
        serialisation: how long it takes to be put on the link, bit by bit.
        propagation: how long it travels; under jitter the mean.
        total: what should be measured; less than the sum where a token bucket passes the frame at once.
    """

    queue: float
    serialisation: float
    propagation: float
    total: float


def times(crossings: Iterable[Crossing], ways: Mapping[tuple[str, str], Way]) -> dict[Sighting, Times]:
    """The times of every frame, by its sighting at the sender.

    A frame that nobody heard was lost before it took any time of the link.

    Args:
        crossings: in the order of time.
        ways: the direction of each link by link and sender.
    """
    found: dict[Sighting, Times] = {}
    channels: dict[str, _Channel] = {}
    begun: int | None = None
    for crossing in crossings:
        sent = crossing.sent
        begun = sent.time if begun is None else begun
        way = ways[sent.link, sent.node]
        channel = channels.setdefault(way.channel, _Channel())
        found[sent] = channel.carry(way, sent.frame.length, (sent.time - begun) / NS, count=max(1, _copies(crossing)))
        if not crossing.heard:
            channel.forget()
    return found


def _copies(crossing: Crossing) -> int:
    nodes = [one.node for one in crossing.heard]
    return max((nodes.count(node) for node in nodes), default=0)


class _Channel:
    """What shares one rate: when it is free again, or how full its bucket is."""

    def __init__(self) -> None:
        self._free = self._free_before = 0.0

    def carry(self, way: Way, length: int, now: float, count: int) -> Times:
        """Put a frame on it, `count` times where it is doubled; the times are the first one's."""
        settings = way.settings
        put = predict.frame_time(settings, length - ETHERNET_HEADER)
        travel = predict.propagation(settings)[0]
        self._free_before = self._free
        if way.bucket:
            # A bucket is full when the link has been idle for as long as it holds: `free` is when it will be.
            held = settings.frame * 8 / settings.rate + shaping.BURST_SECONDS
            wait = max(0.0, self._free + put - held - now)
            self._free = max(self._free, now) + put * count
            return Times(wait, put, travel, wait + travel)
        start = max(self._free, now)
        self._free = start + put * count
        return Times(start - now, put, travel, start - now + put + travel)

    def forget(self) -> None:
        """The last frame was never carried."""
        self._free = self._free_before
