"""What is written, read back by dpkt."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator

from dpkt import pcap, pcapng
from hypothesis import given
from hypothesis import strategies as st

from lab.observe.frames import Frame
from lab.observe.pcap import Pcap, Pcapng, Writer

STAMP = 1_795_446_571_251_907_624
PLACES = ("h1:h1-hub", "hub:h1-hub", "n10:bus")


def frame(data: bytes, stamp: int = STAMP, more: int = 0) -> Frame:
    """A frame with some bytes, of which `more` were cut off."""
    return Frame("h1", "h1-hub", "node", stamp, data, len(data) + more)


def written(form: Writer, *packets: tuple[int, Frame]) -> bytes:
    """A whole file."""
    middle = b"".join(form.packet(number, each) for number, each in packets)
    return form.head() + middle + form.tail(STAMP + 5, [0, 7, 0])


@given(st.lists(st.binary(max_size=70), max_size=5))
def test_pcap_is_read_as_it_was_written(contents: list[bytes]) -> None:
    """Every frame with its bytes and its time, whatever its length."""
    file = io.BytesIO(written(Pcap(), *((0, frame(data, STAMP + at)) for at, data in enumerate(contents))))
    reader = pcap.Reader(file)
    assert reader.datalink() == pcap.DLT_EN10MB
    read = [(round(float(stamp) * 1e6), data) for stamp, data in reader]
    assert read == [(round((STAMP + at) / 1e3), data) for at, data in enumerate(contents)]


def test_pcap_keeps_nanoseconds_and_the_length_on_the_wire() -> None:
    """By the bytes, for dpkt reads times as floating-point numbers."""
    record = Pcap().packet(0, frame(b"abc", more=1000))
    assert struct.unpack("<IIII", record[:16]) == (1_795_446_571, 251_907_624, 3, 1003)
    assert Pcap().head()[:4] == bytes.fromhex("4d3cb2a1")


def blocks(text: bytes) -> Iterator[tuple[int, bytes]]:
    """The blocks of a pcapng file: type and bytes; each says its length twice, in words of four bytes."""
    while text:
        kind, length = struct.unpack_from("<II", text)
        assert length % 4 == 0
        assert struct.unpack_from("<I", text, length - 4) == (length,)
        yield kind, text[:length]
        text = text[length:]


def test_pcapng_names_every_interface_and_counts_what_was_dropped() -> None:
    """One section, an interface for each place with its name and nanoseconds, and statistics at the end."""
    found = list(blocks(written(Pcapng(PLACES), (2, frame(b"abcde")))))
    assert [kind for kind, _ in found] == [0x0A0D0D0A, 1, 1, 1, 6, 5, 5, 5]
    described = [pcapng.InterfaceDescriptionBlockLE(block) for kind, block in found if kind == 1]
    options = [{option.code: option.data for option in each.opts} for each in described]
    assert [(each[2], each[9]) for each in options] == [(name.encode(), b"\x09") for name in PLACES]
    assert {each.linktype for each in described} == {pcap.DLT_EN10MB}
    drops = [struct.unpack_from("<8xI8xHHQ", block) for kind, block in found if kind == 5]
    assert drops == [(0, 5, 8, 0), (1, 5, 8, 7), (2, 5, 8, 0)]


@given(st.lists(st.tuples(st.integers(0, 2), st.binary(max_size=70)), max_size=5))
def test_pcapng_is_read_as_it_was_written(contents: list[tuple[int, bytes]]) -> None:
    """Every frame with its bytes, its time to the nanosecond, and its interface."""
    text = written(Pcapng(PLACES), *((number, frame(data, STAMP + number, more=9)) for number, data in contents))
    packets = [pcapng.EnhancedPacketBlockLE(block) for kind, block in blocks(text) if kind == 6]
    read = [(each.iface_id, each.ts_high << 32 | each.ts_low, each.pkt_data, each.pkt_len) for each in packets]
    assert read == [(number, STAMP + number, data, len(data) + 9) for number, data in contents]
    assert [data for _, data in pcapng.Reader(io.BytesIO(text))] == [data for _, data in contents]
