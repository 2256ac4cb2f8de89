"""A frame in one line, for whoever looks on: when, where, which way, between whom, and what it is."""

from __future__ import annotations

import time
from collections.abc import Sequence

from lab.model.plan import LabPlan
from lab.observe.frames import Frame, is_own
from lab.observe.trace.dissect import Arp, Icmp, Packet, Tcp, Udp, dissect

MESSAGES = {
    0: "echo reply",
    3: "unreachable",
    5: "redirect",
    8: "echo request",
    11: "time exceeded",
}
"""Kinds of ICMP (RFC 792)."""


class Text:
    """What `lab.observe.pcap.Writer` asks, as lines to read."""

    def __init__(self, plan: LabPlan) -> None:
        self._plan, self._known = plan, names(plan)
        self._width = max(len(f"{node.name}:{face.link}") for node in plan.nodes for face in node.interfaces)

    def head(self) -> bytes:
        """Nothing."""
        return b""

    def packet(self, number: int, frame: Frame) -> bytes:  # noqa: ARG002 - the frame knows its place
        """One line."""
        return f"{line(frame, self._plan, self._known, self._width)}\n".encode()

    def tail(self, stamp: int, dropped: Sequence[int]) -> bytes:  # noqa: ARG002
        """Nothing."""
        return b""


def names(plan: LabPlan) -> dict[str, str]:
    """The node that has an address, by addresses and by hardware addresses."""
    return {key: node.name for node in plan.nodes for face in node.interfaces for key in (face.ip, face.mac)}


def line(frame: Frame, plan: LabPlan, known: dict[str, str], width: int = 0) -> str:
    """One frame, in one line.

    Args:
        frame: the frame.
        plan: the lab's.
        known: what `names` gave.
        width: of the column that says where.
    """
    packet = dissect(frame.data)
    when = time.strftime("%H:%M:%S", time.localtime(frame.time_ns // 1_000_000_000))
    way = "out" if is_own(frame, plan) == (frame.side == "node") else "in"
    place = f"{frame.node}:{frame.link}".ljust(width)
    return f"{when}.{frame.time_ns % 1_000_000_000:09} {place} {way:3} {frame.length:4} bytes  {_what(packet, known)}"


def _what(packet: Packet, known: dict[str, str]) -> str:
    inner = packet.inner
    if isinstance(inner, Arp):
        return f"ARP {inner.sender} asks who has {inner.wanted}" if inner.question else f"ARP {inner.sender} answers"
    if packet.ip is None:
        return f"{_who(packet.mac_from, known)} > {_who(packet.mac_to, known)}"
    source, target = _who(packet.ip.source, known), _who(packet.ip.target, known)
    if isinstance(inner, Tcp | Udp):
        source, target = f"{source}:{inner.source_port}", f"{target}:{inner.target_port}"
    damaged = "" if packet.good else ", damaged"
    return f"{source} > {target}  {_content(packet)}, TTL {packet.ip.ttl}{damaged}"


def _content(packet: Packet) -> str:
    match packet.inner:
        case Tcp() as tcp:
            ack = f" ack {tcp.ack}" if "ACK" in tcp.flags else ""
            return f"TCP {' '.join(tcp.flags) or 'no flags'}, seq {tcp.seq}{ack}, {_data(tcp.data)}"
        case Udp() as udp:
            return f"UDP, {_data(udp.data)}"
        case Icmp() as icmp:
            return f"ICMP {MESSAGES.get(icmp.kind, f'type {icmp.kind}')}"
        case _:
            return f"fragment at {packet.ip.offset}" if packet.ip and packet.ip.fragment else "IPv4"


def _data(data: bytes) -> str:
    return f"{len(data)} of data" if data else "no data"


def _who(address: str, known: dict[str, str]) -> str:
    return known.get(address, address)
