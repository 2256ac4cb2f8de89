"""Which frames, seen on different nodes, are one and the same: by what is in them, never by when they came alone.

Across a link a frame is the same to the last byte, hardware addresses included; across a node a packet keeps its
addresses, its identity and its payload. A retransmitted segment has another identity, so each transmission is told
from the others. Only where several frames are equal to the last byte (a doubled frame) does their order decide; where
even that leaves a choice, the pairing is marked as unsure. Pure.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from lab.observe.frames import Frame
from lab.observe.trace.dissect import Ip, Packet, dissect

MOST_DAMAGE = 8  # bits that may be turned over in a frame that is still known again; a link turns over one
Macs = Mapping[tuple[str, str], str]
"""Hardware addresses by node and link."""
_Key = tuple[str, str, str, int, int, int]


@dataclass(frozen=True, slots=True, eq=False)
class Sighting:
    """A frame, seen at one node's end of one link.

    Attributes:
        leaving: whether the node sent it; else it heard it.
        addressed: whether it is this node that shall take it.
    """

    frame: Frame
    packet: Packet
    leaving: bool
    addressed: bool

    @property
    def node(self) -> str:
        """Where it was seen."""
        return self.frame.node

    @property
    def link(self) -> str:
        """On which link."""
        return self.frame.link

    @property
    def time(self) -> int:
        """When, in nanoseconds."""
        return self.frame.time_ns


@dataclass(slots=True, eq=False)
class Crossing:
    """A frame that was put on a link, and what was heard of it at the other ends.

    Attributes:
        sent: at the sender.
        heard: at each other node where it came, in the order of time; a doubled frame comes twice.
        damaged: those of `heard` whose bytes changed on the way.
        unsure: whether an equal frame could have been taken for this one.
    """

    sent: Sighting
    heard: list[Sighting] = field(default_factory=list)
    damaged: list[Sighting] = field(default_factory=list)
    unsure: bool = False


@dataclass(frozen=True, slots=True)
class Matched:
    """What belongs together.

    Attributes:
        crossings: every frame that was sent, in the order of time.
        onward: by a frame that a node took: what the node sent on for it.
        strangers: frames that were heard and that nobody was seen to send.
    """

    crossings: tuple[Crossing, ...]
    onward: dict[Sighting, list[Crossing]]
    strangers: tuple[Sighting, ...]


def match(frames: Iterable[Frame], macs: Macs, addresses: Mapping[str, str]) -> Matched:
    """Find out what belongs together.

    Args:
        frames: from the nodes' own ends of links.
        macs: the nodes' hardware addresses.
        addresses: whose each IP address is.
    """
    seen = sorted((sight(frame, macs) for frame in frames if frame.side == "node"), key=lambda one: one.time)
    crossings, strangers = over_links(seen)
    return Matched(tuple(crossings), through_nodes(crossings, addresses), tuple(strangers))


def sight(frame: Frame, macs: Macs) -> Sighting:
    """What a frame is to the node where it was seen."""
    packet = dissect(frame.data)
    own = macs[frame.node, frame.link]
    return Sighting(frame, packet, packet.mac_from == own, packet.mac_to == own)


def over_links(seen: Sequence[Sighting]) -> tuple[list[Crossing], list[Sighting]]:
    """Pair what was sent on each link with what was heard at its other ends; what is left over is strange."""
    crossings = [Crossing(one) for one in seen if one.leaving]
    sent: dict[tuple[str, bytes], list[Crossing]] = defaultdict(list)
    for crossing in crossings:
        sent[crossing.sent.link, crossing.sent.frame.data].append(crossing)
    heard: dict[tuple[str, bytes, str], list[Sighting]] = defaultdict(list)
    changed: list[Sighting] = []
    for one in seen:
        if not one.leaving and (one.link, one.frame.data) in sent:
            heard[one.link, one.frame.data, one.node].append(one)
        elif not one.leaving:
            changed.append(one)
    for (link, data, _), arrivals in heard.items():
        candidates = sent[link, data]
        pairs, unsure = pair([each.sent.time for each in candidates], [one.time for one in arrivals])
        for one, number in zip(arrivals, pairs, strict=True):
            if number is None:
                changed.append(one)
            else:
                candidates[number].heard.append(one)
        for each in candidates if unsure else ():
            each.unsure = True
    strangers = [one for one in changed if not _recognise(one, crossings)]
    for crossing in crossings:
        crossing.heard.sort(key=lambda one: one.time)
    return crossings, strangers


def _recognise(one: Sighting, crossings: Sequence[Crossing]) -> bool:
    """Find what a damaged frame was: the one of the link that never came here, and differs in very few bits."""
    found: list[tuple[int, Crossing]] = []
    for crossing in crossings:
        sent = crossing.sent
        if sent.link == one.link and sent.node != one.node and sent.time <= one.time:
            missed = not any(each.node == one.node for each in crossing.heard)
            if missed and (bits := differing(sent.frame.data, one.frame.data)) <= MOST_DAMAGE:
                found.append((bits, crossing))
    if not found:
        return False
    fewest = min(bits for bits, _ in found)
    best = [crossing for bits, crossing in found if bits == fewest]
    best[-1].heard.append(one)
    best[-1].damaged.append(one)
    for crossing in best if len(best) > 1 else ():
        crossing.unsure = True
    return True


def differing(first: bytes, second: bytes) -> int:
    """In how many bits two frames differ; all of them, where their lengths do."""
    if len(first) != len(second):
        return 8 * max(len(first), len(second))
    return (int.from_bytes(first) ^ int.from_bytes(second)).bit_count()


def pair(sent: Sequence[int], heard: Sequence[int]) -> tuple[list[int | None], bool]:
    """Say of equal frames which one of `sent` each of `heard` is; both are times, in order.

    Nothing is heard before it is sent. First come those that fit one to one, in order; what is heard beyond that is a
    frame that came twice, of the last that had been sent by then.

    Returns:
        For each that was heard the number of the one that was sent, or None where none had been sent by then; and
        whether another pairing were possible, which nothing in the frames decides.
    """
    possible = [bisect_right(sent, moment) for moment in heard]  # how many had been sent by then
    found: list[int | None] = [None] * len(heard)
    last = len(sent)
    for number in reversed(range(len(heard))):  # from the end, so that each takes the latest that is left
        reachable = min(possible[number], last)
        if reachable > 0:
            found[number] = last = reachable - 1
    for number, count in enumerate(possible):
        if found[number] is None and count:
            found[number] = count - 1
    unsure = len(sent) > 1 and len(heard) > 0 and not _in_turn(sent, heard)
    return found, unsure


def _in_turn(sent: Sequence[int], heard: Sequence[int]) -> bool:
    """Whether each was heard, once, before the next was sent or all of them in order: no other pairing fits as well."""
    if len(sent) == len(heard) and all(begun <= moment for begun, moment in zip(sent, heard, strict=True)):
        return True
    return all(bisect_right(sent, moment) <= 1 for moment in heard)


def through_nodes(crossings: Sequence[Crossing], addresses: Mapping[str, str]) -> dict[Sighting, list[Crossing]]:
    """Pair what each node took with what it sent on: the same packet, or fragments of it."""
    taken: dict[_Key, list[Sighting]] = defaultdict(list)
    for crossing in crossings:
        for one in crossing.heard:
            if one.addressed and one.packet.ip:
                taken[_key(one.node, one.packet.ip, one.packet.ip.ttl)].append(one)
    leaving: dict[tuple[_Key, int, bytes], list[Crossing]] = defaultdict(list)
    for crossing in crossings:
        ip = crossing.sent.packet.ip
        if ip and addresses.get(ip.source) != crossing.sent.node:
            leaving[_key(crossing.sent.node, ip, ip.ttl + 1), ip.offset, ip.payload].append(crossing)
    onward: dict[Sighting, list[Crossing]] = defaultdict(list)
    for (key, offset, payload), sent in leaving.items():
        candidates = [one for one in taken[key] if one.packet.ip and _holds(one.packet.ip, offset, payload)]
        candidates.sort(key=lambda one: one.time)
        pairs, unsure = pair([one.time for one in candidates], [each.sent.time for each in sent])
        for each, number in zip(sent, pairs, strict=True):
            each.unsure = each.unsure or unsure
            if number is not None:
                onward[candidates[number]].append(each)
    return onward


def _key(node: str, ip: Ip, ttl: int) -> _Key:
    """What a packet keeps across a node, and the time to live that it came with."""
    return node, ip.source, ip.target, ip.protocol, ip.identity, ttl


def _holds(whole: Ip, offset: int, payload: bytes) -> bool:
    """Whether a packet's payload is all of this, or has it at that offset."""
    start = offset - whole.offset
    return start >= 0 and whole.payload[start : start + len(payload)] == payload
