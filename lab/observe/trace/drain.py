"""Whether a conversation is over on the links: what the programs have ended, the kernels may still be closing. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from lab.model import predict
from lab.model.media import ETHERNET_HEADER
from lab.observe.trace.dissect import Tcp
from lab.observe.trace.journey import Journey
from lab.observe.trace.scene import Scene
from lab.observe.trace.story import Story
from lab.observe.trace.talk import Told

MARGIN = 0.3  # seconds that frames may be late, on top of what their links need: a busy machine's
RETRY = 1.3  # seconds after which a kernel would have tried again: TCP's first time-out (RFC 6298), and a margin


def over(scene: Scene, story: Story, told: Sequence[Told], quiet: float) -> bool:
    """Whether nothing more is to come.

    Args:
        scene: the lab.
        story: what was asked.
        told: the conversation so far.
        quiet: seconds since the last frame was seen.
    """
    last = max((_seen_last(one.journey) for one in told), default=0)
    for journey in (one.journey for one in told if one.journey.fate != "arrived"):
        age = quiet + (last - _seen_last(journey)) / 1e9
        if age < longest(scene, journey) + MARGIN:
            return False
    if story.protocol == "udp":
        return quiet >= MARGIN
    return closed(told) or (story.codes[1] != 0 and quiet >= RETRY)


def _seen_last(journey: Journey) -> int:
    return max(one.time for hop in journey.hops for one in (hop.sent, *hop.taken))


def longest(scene: Scene, journey: Journey) -> float:
    """Seconds that the last link that a packet was put on may need for it: a full queue, its own time, six jitters."""
    hop = journey.hops[-1]
    settings = scene.ways[hop.link, hop.sent.node].settings
    waiting = settings.queue * 8 / settings.rate
    own = predict.frame_time(settings, hop.sent.frame.length - ETHERNET_HEADER)
    return waiting + own + settings.delay + 6 * settings.jitter


def closed(told: Sequence[Told]) -> bool:
    """Whether both sides know that the other has closed, or one has broken off."""
    finished: dict[str, int] = {}
    known: set[str] = set()
    for one in told:
        segment = one.journey.packet.inner
        if not isinstance(segment, Tcp) or not one.journey.arrivals:
            continue
        if "RST" in segment.flags:
            return True
        if "FIN" in segment.flags:
            finished[one.journey.origin] = segment.seq + len(segment.data) + 1
        for node, end in finished.items():
            if node != one.journey.origin and "ACK" in segment.flags and segment.ack == end % (1 << 32):
                known.add(node)
    return len(known) == 2  # noqa: PLR2004 - both ends
