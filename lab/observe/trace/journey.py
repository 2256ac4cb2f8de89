"""The way of each packet, hop by hop: where it was sent, where it was heard, where it was seen last. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from lab.observe.trace.dissect import Packet
from lab.observe.trace.match import Crossing, Matched, Sighting


@dataclass(frozen=True, slots=True, eq=False)
class Hop:
    """A frame that crossed a link, or was lost there.

    Attributes:
        to: the node that the frame was for, or None where nobody on the link has that hardware address.
        taken: what that node heard of it; a doubled frame comes twice.
        overheard: the other nodes that heard it.
        changed: those of `taken` whose bytes changed on the way.
        unsure: whether an equal frame could have been taken for it.
    """

    number: int
    sent: Sighting
    to: str | None
    taken: tuple[Sighting, ...]
    overheard: tuple[str, ...]
    changed: tuple[Sighting, ...]
    unsure: bool

    @property
    def damaged(self) -> bool:
        """Whether nothing of it came unchanged."""
        return bool(self.taken) and len(self.changed) == len(self.taken)

    @property
    def link(self) -> str:
        """The link that it crossed."""
        return self.sent.link

    @property
    def arrived(self) -> bool:
        """Whether the node that it was for heard it, whole."""
        return bool(self.taken) and not self.damaged


@dataclass(frozen=True, slots=True, eq=False)
class Journey:
    """One packet, from the node that made it on.

    Attributes:
        number: counted from 1, in the order in which packets were sent.
        target: the node whose address it carries, or None.
        hops: in the order in which they were sent; a doubled frame makes more than one of a link.
        fate: `arrived`; `lost`: it was put on a link and did not come; `damaged`: it came with other bytes; `dropped`:
            a node took it and did not send it on.
        where: for `lost` the link, else the node where it was seen last.
        arrivals: at the target, whole; more than one where it was doubled.
    """

    number: int
    origin: str
    target: str | None
    packet: Packet
    hops: tuple[Hop, ...]
    fate: str
    where: str
    arrivals: tuple[Sighting, ...]

    @property
    def began(self) -> int:
        """When it was sent, in nanoseconds."""
        return self.hops[0].sent.time

    @property
    def ended(self) -> int | None:
        """When it arrived first, or None."""
        return self.arrivals[0].time if self.arrivals else None


_HEARD = {True: "arrived", False: "lost"}
Owners = Mapping[tuple[str, str], str]
"""Nodes by link and hardware address."""


def journeys(matched: Matched, owners: Owners, addresses: Mapping[str, str]) -> tuple[list[Journey], list[Crossing]]:
    """Every packet's way, and what is left over: frames that a node passed on without having been seen to take them.

    Args:
        matched: what belongs together.
        owners: who has each hardware address.
        addresses: whose each IP address is.
    """
    found: list[Journey] = []
    reached: set[Crossing] = set()
    for crossing in matched.crossings:
        if _starts(crossing, addresses):
            way = list(_along(crossing, matched, owners))
            reached.update(step for step, _ in way)
            hops = [_hop(number, step, to) for number, (step, to) in enumerate(way, start=1)]
            found.append(_journey(len(found) + 1, crossing, hops, matched, addresses))
    left = [crossing for crossing in matched.crossings if crossing not in reached]
    return found, left


def _starts(crossing: Crossing, addresses: Mapping[str, str]) -> bool:
    """Whether a frame is a packet's first: its source is the node's own. What is not IP crosses one link only."""
    ip = crossing.sent.packet.ip
    return ip is None or addresses.get(ip.source) == crossing.sent.node


def _along(first: Crossing, matched: Matched, owners: Owners) -> Iterator[tuple[Crossing, str | None]]:
    """Each crossing of a packet with the node that it was for, in the order of time."""
    ahead = [first]
    while ahead:
        crossing = ahead.pop(0)
        to = owners.get((crossing.sent.link, crossing.sent.packet.mac_to))
        yield crossing, to
        for one in crossing.heard:
            if one.node == to:
                ahead += matched.onward.get(one, [])
        ahead.sort(key=lambda each: each.sent.time)


def _hop(number: int, crossing: Crossing, to: str | None) -> Hop:
    taken = tuple(one for one in crossing.heard if one.node == to)
    others = {one.node for one in crossing.heard if one.node != to}
    changed = tuple(one for one in taken if one in crossing.damaged)
    return Hop(number, crossing.sent, to, taken, tuple(sorted(others)), changed, crossing.unsure)


def _journey(number: int, first: Crossing, hops: list[Hop], matched: Matched, addresses: Mapping[str, str]) -> Journey:
    packet = first.sent.packet
    if not packet.ip:  # such as a question to all on the link (ARP)
        heard = any(hop.taken or hop.overheard for hop in hops)
        return Journey(number, first.sent.node, None, packet, tuple(hops), _HEARD[heard], first.sent.link, ())
    target = addresses.get(packet.ip.target)
    changed = {one for hop in hops for one in hop.changed}
    come = sorted((one for hop in hops if hop.to == target for one in hop.taken), key=lambda one: one.time)
    arrivals = tuple(one for one in come if one not in changed and one.packet.good) if target else ()
    fate, where = ("arrived", str(target)) if arrivals else _end(hops, target, matched)
    return Journey(number, first.sent.node, target, packet, tuple(hops), fate, where, arrivals)


def _end(hops: list[Hop], target: str | None, matched: Matched) -> tuple[str, str]:
    """How a packet ended that did not arrive: the last that was seen of it."""
    last = hops[-1]
    if not last.taken:
        return "lost", last.link
    where = str(last.to)
    if last.damaged or not last.taken[-1].packet.good:
        return "damaged", where
    onward = any(matched.onward.get(one) for one in last.taken)
    return ("damaged", where) if last.to == target and not onward else ("dropped", where)
