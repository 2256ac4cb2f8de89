"""From a frame's bytes to its headers, each with the bytes that it stands in. Knows nothing of labs.

dpkt reads the headers; ADR 18 says why. What it cannot read stays unread: a frame off the wire may be damaged.
"""

from __future__ import annotations

import struct
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Address

import dpkt
from dpkt.arp import ARP
from dpkt.ethernet import Ethernet
from dpkt.icmp import ICMP
from dpkt.ip import IP
from dpkt.tcp import TCP, parse_opts
from dpkt.udp import UDP

ETHERNET_BYTES, UDP_BYTES, ICMP_BYTES = 14, 8, 8  # headers: IEEE 802.3, RFC 768, RFC 792
IP_LEAST = 20
COMPLAINTS = (3, 4, 5, 11, 12)  # kinds of ICMP that quote a packet (RFC 792)
SACK, MSS = 5, 2  # options of TCP (RFC 2018, RFC 9293)
FLAGS = {"SYN": 0x02, "FIN": 0x01, "RST": 0x04, "PSH": 0x08, "ACK": 0x10, "URG": 0x20, "ECE": 0x40, "CWR": 0x80}


@dataclass(frozen=True, slots=True)
class Part:
    """A header, or what it carries: bytes `start` to `end` of the frame, the last one not included.

    Attributes:
        layer: `link`, `network`, `transport` or `application`.
        name: what stands there: `Ethernet`, `IPv4`, `TCP`, `UDP`, `ICMP`, `ARP` or `data`.
    """

    layer: str
    name: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Ip:
    """An IPv4 header (RFC 791) and what it carries.

    Attributes:
        offset: where in the whole packet this fragment's payload begins, in bytes.
        more: whether further fragments follow.
        whole: whether nothing may cut it (don't fragment).
        good: whether the header's checksum holds.
    """

    source: str
    target: str
    protocol: int
    identity: int
    ttl: int
    offset: int
    more: bool
    whole: bool
    good: bool
    payload: bytes

    @property
    def fragment(self) -> bool:
        """Whether it is a part of a larger packet."""
        return self.more or self.offset > 0


@dataclass(frozen=True, slots=True)
class Tcp:
    """A TCP segment (RFC 9293). `sacks` are the ranges that a receiver has out of order (RFC 2018)."""

    source_port: int
    target_port: int
    seq: int
    ack: int
    flags: tuple[str, ...]
    window: int
    mss: int | None
    sacks: tuple[tuple[int, int], ...]
    data: bytes
    good: bool


@dataclass(frozen=True, slots=True)
class Udp:
    """A UDP datagram, or its beginning where it came in fragments (RFC 768). `length` is that of the whole one."""

    source_port: int
    target_port: int
    length: int
    data: bytes
    good: bool


@dataclass(frozen=True, slots=True)
class Icmp:
    """A control message (RFC 792); `about` is the packet that it complains of, as far as it quotes it."""

    kind: int
    code: int
    about: Ip | None
    ports: tuple[int, int] | None
    good: bool


@dataclass(frozen=True, slots=True)
class Arp:
    """A question for a hardware address, or the answer (RFC 826)."""

    question: bool
    sender: str
    wanted: str


@dataclass(frozen=True, slots=True)
class Packet:
    """A dissected frame. What could not be read is None."""

    mac_from: str
    mac_to: str
    ip: Ip | None
    inner: Tcp | Udp | Icmp | Arp | None
    parts: tuple[Part, ...]

    @property
    def good(self) -> bool:
        """Whether every checksum that can be worked out holds."""
        inner_good = self.inner is None or isinstance(self.inner, Arp) or self.inner.good
        return (self.ip is None or self.ip.good) and inner_good


def dissect(data: bytes) -> Packet:
    """Read a frame, from its Ethernet header on. Never fails: a frame too short or too strange has fewer headers."""
    mac_to, mac_from = mac(data[:6]), mac(data[6:12])
    link = Part("link", "Ethernet", 0, min(ETHERNET_BYTES, len(data)))
    try:
        carried = Ethernet(data).data
    except (dpkt.Error, struct.error, IndexError):
        return Packet(mac_from, mac_to, None, None, (link,))
    if isinstance(carried, ARP):
        question = Arp(carried.op == dpkt.arp.ARP_OP_REQUEST, address(carried.spa), address(carried.tpa))
        return Packet(mac_from, mac_to, None, question, (link, Part("link", "ARP", ETHERNET_BYTES, len(data))))
    if not isinstance(carried, IP) or carried.v != 4 or carried.hl < 5:  # noqa: PLR2004 - IPv4's own figures
        return Packet(mac_from, mac_to, None, None, (link,))
    start = ETHERNET_BYTES + carried.hl * 4
    end = min(len(data), max(start, ETHERNET_BYTES + carried.len))
    ip = _ip(carried, data[ETHERNET_BYTES:start], data[start:end])
    inner, inner_parts = _inner(ip, carried.data, start, end)
    return Packet(mac_from, mac_to, ip, inner, (link, Part("network", "IPv4", ETHERNET_BYTES, start), *inner_parts))


def _ip(header: IP, raw: bytes, payload: bytes) -> Ip:
    return Ip(
        source=address(header.src),
        target=address(header.dst),
        protocol=header.p,
        identity=header.id,
        ttl=header.ttl,
        offset=header.offset * 8,
        more=bool(header.mf),
        whole=bool(header.df),
        good=dpkt.in_cksum(raw) == 0,
        payload=payload,
    )


def _inner(ip: Ip, carried: object, start: int, end: int) -> tuple[Tcp | Udp | Icmp | None, list[Part]]:
    """What an IP packet carries; a fragment other than the first carries bytes that only the whole gives a meaning."""
    if ip.offset == 0:
        if isinstance(carried, TCP) and carried.off * 4 <= len(ip.payload):
            return _tcp(ip, carried), _parts("transport", "TCP", start, carried.off * 4, end)
        if isinstance(carried, UDP):
            return _udp(ip, carried), _parts("transport", "UDP", start, UDP_BYTES, end)
        if isinstance(carried, ICMP):
            return _icmp(ip, carried), _parts("network", "ICMP", start, ICMP_BYTES, end)
    return None, [Part("application", "data", start, end)] if end > start else []


def _parts(layer: str, name: str, start: int, length: int, end: int) -> list[Part]:
    header = Part(layer, name, start, start + length)
    return [header, Part("application", "data", header.end, end)] if end > header.end else [header]


def _tcp(ip: Ip, segment: TCP) -> Tcp:
    options: dict[int, bytes] = {}
    with suppress(dpkt.Error, IndexError, ValueError):  # damaged on its way
        options = dict(option for option in parse_opts(segment.opts) if option)
    sacks = options.get(SACK, b"")
    edges = struct.unpack(f"!{len(sacks) // 4}I", sacks[: len(sacks) // 4 * 4])
    mss = options.get(MSS, b"")
    return Tcp(
        source_port=segment.sport,
        target_port=segment.dport,
        seq=segment.seq,
        ack=segment.ack,
        flags=tuple(name for name, bit in FLAGS.items() if segment.flags & bit),
        window=segment.win,
        mss=int.from_bytes(mss) if len(mss) == 2 else None,  # noqa: PLR2004 - a 16-bit number
        sacks=tuple(zip(edges[::2], edges[1::2], strict=False)),
        data=ip.payload[segment.off * 4 :],
        good=_sum_holds(ip),
    )


def _udp(ip: Ip, datagram: UDP) -> Udp:
    good = ip.fragment or datagram.sum == 0 or _sum_holds(ip)
    return Udp(datagram.sport, datagram.dport, datagram.ulen, ip.payload[UDP_BYTES:], good)


def _sum_holds(ip: Ip) -> bool:
    """Whether the checksum over the pseudo-header and all of the segment holds (RFC 9293, 3.1)."""
    ends = IPv4Address(ip.source).packed + IPv4Address(ip.target).packed
    pseudo = ends + struct.pack("!BBH", 0, ip.protocol, len(ip.payload))
    return bool(dpkt.in_cksum(pseudo + ip.payload) == 0)


def _icmp(ip: Ip, message: ICMP) -> Icmp:
    raw = ip.payload[ICMP_BYTES:]
    about = ports = None
    if message.type in COMPLAINTS and len(raw) >= IP_LEAST:
        length = (raw[0] & 15) * 4
        about = _quoted(raw, length)
        rest = raw[length:]
        ports = struct.unpack("!HH", rest[:4]) if len(rest) >= 4 else None  # noqa: PLR2004 - two ports
    return Icmp(message.type, message.code, about, ports, dpkt.in_cksum(ip.payload) == 0)


def _quoted(raw: bytes, length: int) -> Ip:
    identity, cut, ttl, protocol = struct.unpack("!4xHHBB", raw[:10])
    return Ip(
        source=address(raw[12:16]),
        target=address(raw[16:20]),
        protocol=protocol,
        identity=identity,
        ttl=ttl,
        offset=(cut & 0x1FFF) * 8,
        more=bool(cut & 0x2000),
        whole=bool(cut & 0x4000),
        good=True,
        payload=raw[length:],
    )


def mac(raw: bytes) -> str:
    """A hardware address as people write it."""
    return raw.hex(":")


def address(raw: bytes) -> str:
    """An IPv4 address as people write it."""
    return str(IPv4Address(raw))
