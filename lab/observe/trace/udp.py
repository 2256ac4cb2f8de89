"""What the datagrams of one conversation say, whole or in fragments. UDP itself says next to nothing. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from lab.observe.trace.dissect import UDP_BYTES, Ip
from lab.observe.trace.journey import Journey
from lab.observe.trace.talk import Telling

MISSING = (
    "no handshake: the first packet carries the message already",
    "no sequence number: nothing tells which datagram comes first",
    "no acknowledgement: the sender never learns whether it arrived",
    "no retransmission: what is lost stays lost",
    "no closing: there was no connection",
)


def tell(datagrams: Sequence[tuple[int, Journey]]) -> dict[int, Telling]:
    """Say what each datagram or fragment carries, by its number."""
    packets = [(number, journey.origin, journey.packet.ip) for number, journey in datagrams if journey.packet.ip]
    offsets: dict[tuple[str, int], list[int]] = defaultdict(list)
    for _, origin, ip in packets:
        offsets[origin, ip.identity].append(ip.offset)
    return {number: _tell(origin, ip, sorted(set(offsets[origin, ip.identity]))) for number, origin, ip in packets}


def _tell(origin: str, ip: Ip, offsets: Sequence[int]) -> Telling:
    first = max(ip.offset - UDP_BYTES, 0) + 1
    last = ip.offset + len(ip.payload) - UDP_BYTES
    span = (first, last) if last >= first else None
    what = f"bytes {first} to {last}" if span else "an empty message"
    words = f"data {first}-{last}" if span else "data"
    if not ip.fragment:
        return Telling("data", words, f"{origin} sends {what}, and just carries on", span)
    words = f"fragment {offsets.index(ip.offset) + 1} of {len(offsets)}, {words}"
    return Telling("data", words, f"{origin} sends {what}: the whole is too large for the link", span)
