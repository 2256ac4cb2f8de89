"""Headers are found where they stand, and no frame, however damaged, is too much."""

from __future__ import annotations

import struct

from hypothesis import given
from hypothesis import strategies as st

from lab.observe.trace.dissect import Icmp, Tcp, Udp, dissect
from tests.made import datagram, ip_packet, segment

A, B = "198.18.0.10", "198.18.0.2"
ETHERNET = bytes.fromhex("0242c61200030242c612000a0800")


def test_a_segment_is_read_with_the_bytes_of_each_header() -> None:
    """Ports, numbers and flags, and where each header begins and ends."""
    frame = ETHERNET + ip_packet(A, B, 6, segment((A, B), (50000, 11267), (7, 9), "PA", b"hello"), identity=3, ttl=61)
    packet = dissect(frame)
    assert (packet.mac_to, packet.mac_from) == ("02:42:c6:12:00:03", "02:42:c6:12:00:0a")
    assert packet.ip is not None
    assert (packet.ip.source, packet.ip.target, packet.ip.ttl, packet.ip.identity) == (A, B, 61, 3)
    assert packet.ip.whole
    assert isinstance(packet.inner, Tcp)
    assert (packet.inner.source_port, packet.inner.seq, packet.inner.ack) == (50000, 7, 9)
    assert (packet.inner.flags, packet.inner.data) == (("PSH", "ACK"), b"hello")
    assert [(part.layer, part.start, part.end) for part in packet.parts] == [
        ("link", 0, 14),
        ("network", 14, 34),
        ("transport", 34, 58),
        ("application", 58, 63),
    ]
    assert packet.good


def test_one_bit_turned_over_is_noticed() -> None:
    """Whatever bit behind the Ethernet header is turned over: a checksum does not hold, or it is no such packet."""
    frame = ETHERNET + ip_packet(A, B, 6, segment((A, B), (50000, 11267), (7, 9), "PA", b"hello"), identity=3)
    for bit in range(14 * 8, len(frame) * 8):
        turned = bytearray(frame)
        turned[bit // 8] ^= 1 << bit % 8
        packet = dissect(bytes(turned))
        assert not packet.good or not isinstance(packet.inner, Tcp), bit


def test_the_fragments_of_a_datagram() -> None:
    """The first has the ports; the others have bytes, and say where they belong."""
    whole = datagram(A, B, (50000, 11267), b"x" * 3000)
    first = dissect(ETHERNET + ip_packet(A, B, 17, whole[:1480], identity=5, cut=0x2000))
    last = dissect(ETHERNET + ip_packet(A, B, 17, whole[1480:], identity=5, cut=1480 // 8))
    assert isinstance(first.inner, Udp)
    assert (first.inner.target_port, first.inner.length, first.inner.good) == (11267, 3008, True)
    assert first.ip is not None
    assert (first.ip.more, first.ip.offset, first.ip.fragment) == (True, 0, True)
    assert last.inner is None
    assert last.ip is not None
    assert (last.ip.more, last.ip.offset, last.ip.fragment) == (False, 1480, True)
    assert [part.layer for part in last.parts] == ["link", "network", "application"]


def test_what_a_complaint_is_about() -> None:
    """Port unreachable quotes the packet that it complains of."""
    quoted = ip_packet(A, B, 17, datagram(A, B, (50000, 11267), b"anybody?"), identity=8)
    message = struct.pack("!BBHI", 3, 3, 0, 0) + quoted[:28]
    packet = dissect(ETHERNET + ip_packet(B, A, 1, message, identity=1))
    assert isinstance(packet.inner, Icmp)
    assert packet.inner.about is not None
    assert (packet.inner.kind, packet.inner.code, packet.inner.ports) == (3, 3, (50000, 11267))
    assert (packet.inner.about.source, packet.inner.about.identity) == (A, 8)
    assert not packet.inner.good


def test_padding_is_not_data() -> None:
    """What stands behind the IP packet's end belongs to nobody."""
    frame = ETHERNET + ip_packet(A, B, 6, segment((A, B), (1, 2), (7, 9), "A"), identity=3) + b"\0" * 6
    packet = dissect(frame)
    assert isinstance(packet.inner, Tcp)
    assert packet.inner.data == b""
    assert packet.good


@given(st.binary(max_size=200), st.booleans())
def test_no_bytes_are_too_strange(data: bytes, begins_well: bool) -> None:
    """Whatever comes in, something is returned, and the parts lie within it, in order."""
    frame = (ETHERNET if begins_well else b"") + data
    parts = dissect(frame).parts
    edges = [edge for part in parts for edge in (part.start, part.end)]
    assert edges == sorted(edges)
    assert edges[-1] <= len(frame)
