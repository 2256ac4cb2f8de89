"""Which packets belong to the message, and what each of them says: handshake, data, acknowledgements, closing. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from lab.observe.trace.dissect import Arp, Icmp, Ip, Tcp, Udp
from lab.observe.trace.journey import Journey

PROTOCOLS = {"tcp": 6, "udp": 17}
NEWS = {  # RFC 792: kind and code
    (3, 0): "network unreachable",
    (3, 1): "host unreachable",
    (3, 3): "port unreachable",
    (3, 4): "too large, and not to be cut",
    (11, 0): "time to live ran out",
    (11, 1): "fragments were missing",
}


@dataclass(frozen=True, slots=True)
class Talk:
    """Who talks with whom.

    Attributes:
        client, server: IP addresses, each with all that its node has.
        port: the server's.
        client_port: the client's, or None where no packet of it was seen.
    """

    protocol: str
    client: frozenset[str]
    server: frozenset[str]
    port: int
    client_port: int | None = None


@dataclass(slots=True)
class Telling:
    """What a packet says.

    Attributes:
        phase: `handshake`, `data`, `closing`, or `news` for what the network itself says (ICMP, ARP).
        words: in the protocol's own words: `SYN`, `data 1-12`, `ACK 13`.
        meaning: in plain words.
        span: the first and the last byte of the message that it carries, counted from 1; None where it carries none.
        acknowledges: the packets that it says have arrived.
        repeats: the packets that were sent before with what this one carries.
        why: why it was sent again.
        seq: TCP's sequence number, told from the SYN's as 0.
        ack: the number that it waits for next, likewise.
    """

    phase: str
    words: str
    meaning: str
    span: tuple[int, int] | None = None
    acknowledges: list[int] = field(default_factory=list)
    repeats: list[int] = field(default_factory=list)
    why: str = ""
    seq: int | None = None
    ack: int | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """A packet of the conversation with what it says; `number` counts the conversation's packets from 1."""

    number: int
    journey: Journey
    telling: Telling


def client_port(journeys: Sequence[Journey], talk: Talk, named: Collection[int] = ()) -> int | None:
    """The client's port: the one that the server named, else that of the first packet to the server's port.

    Args:
        journeys: all that was seen.
        talk: who talks with whom.
        named: ports that the server said it has heard from.
    """
    ports = [
        inner.source_port
        for journey in journeys
        if (ip := journey.packet.ip) and ip.source in talk.client and ip.target in talk.server
        if isinstance(inner := journey.packet.inner, Tcp | Udp) and inner.target_port == talk.port
        if isinstance(inner, Udp) or "SYN" in inner.flags
        if isinstance(inner, Tcp) == (talk.protocol == "tcp")
    ]
    return next((port for port in ports if port in named), ports[0] if ports else None)


def belonging(journeys: Sequence[Journey], talk: Talk) -> list[Journey]:
    """The packets of a conversation: its segments or datagrams, their fragments, and what the network says of them."""
    cut: set[tuple[str, str, int]] = set()
    found: list[Journey] = []
    for journey in journeys:
        ip, inner = journey.packet.ip, journey.packet.inner
        ours = False
        if isinstance(inner, Tcp | Udp) and ip:
            ours = _ours(talk, ip, (inner.source_port, inner.target_port))
        elif isinstance(inner, Icmp) and inner.about and inner.ports:
            ours = _ours(talk, inner.about, inner.ports)
        elif isinstance(inner, Icmp) and inner.about:
            ours = (inner.about.source, inner.about.target, inner.about.identity) in cut
        elif isinstance(inner, Arp):
            ours = inner.wanted in talk.server
        elif ip and ip.offset:
            ours = (ip.source, ip.target, ip.identity) in cut
        if ours and ip and ip.fragment:
            cut.add((ip.source, ip.target, ip.identity))
        if ours:
            found.append(journey)
    return found


def _ours(talk: Talk, ip: Ip, ports: tuple[int, int]) -> bool:
    if ip.protocol != PROTOCOLS[talk.protocol]:
        return False
    out = ip.source in talk.client and ip.target in talk.server and ports == (talk.client_port, talk.port)
    back = ip.source in talk.server and ip.target in talk.client and ports == (talk.port, talk.client_port)
    return out or back


def news(journey: Journey, names: dict[str, str]) -> Telling:
    """What the network itself says: ICMP, or a question for a hardware address.

    Args:
        journey: the packet.
        names: nodes by IP address.
    """
    inner = journey.packet.inner
    if isinstance(inner, Arp):
        who = names.get(inner.wanted, inner.wanted)
        words = "ARP question" if inner.question else "ARP answer"
        return Telling("news", words, f"{journey.origin} asks all on {journey.where}: who is {who}?")
    what = NEWS.get((inner.kind, inner.code), "") if isinstance(inner, Icmp) else ""
    what = what or "something that is not known here"
    to = names.get(journey.packet.ip.target, "?") if journey.packet.ip else "?"
    return Telling("news", f"ICMP {what}", f"{journey.origin} tells {to}: {what}")


def is_own(journey: Journey, protocol: str) -> bool:
    """Whether a packet is the conversation's own, and not what the network says of it."""
    ip = journey.packet.ip
    return ip is not None and ip.protocol == PROTOCOLS[protocol]
