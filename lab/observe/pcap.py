"""Writes captures to files and pipes: pcap for one place, pcapng, with the places' names, for several.

Source: draft-ietf-opsawg-pcap (the classic format, here with nanoseconds) and draft-ietf-opsawg-pcapng (blocks 1, 5
and 6 of it, and its section header). Written here, because a library's packet objects take six times as long, and
this has to keep up with the wire; the tests read it back by tcpdump and dpkt.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Protocol

from lab.observe.frames import Frame

ETHERNET = 1  # LINKTYPE_ETHERNET
LONGEST = 262_144  # bytes kept of a frame at most, as tcpdump has it; a veth's largest frame has 65,549

_PCAP_HEADER = struct.Struct("<IHHIIII")
_PCAP_RECORD = struct.Struct("<IIII")
_NANOSECONDS = 0xA1B23C4D
_SECTION, _INTERFACE, _STATISTICS, _PACKET = 0x0A0D0D0A, 1, 5, 6
_BYTE_ORDER = 0x1A2B3C4D
_UNKNOWN_LENGTH = 0xFFFFFFFFFFFFFFFF
_IF_NAME, _IF_TSRESOL, _ISB_DROPPED, _SHB_APPLICATION = 2, 9, 5, 4
_TEN_TO_MINUS_NINE = b"\x09"


class Writer(Protocol):
    """Turns a capture into bytes of a file."""

    def head(self) -> bytes:
        """What the file begins with."""

    def packet(self, number: int, frame: Frame) -> bytes:
        """One frame, seen at the place of that number."""

    def tail(self, stamp: int, dropped: Sequence[int]) -> bytes:
        """What the file ends with: at what time (ns), and what the kernel dropped, by place."""


class Pcap:
    """The classic format: one place, whose name it does not hold."""

    def head(self) -> bytes:
        """The file's header."""
        return _PCAP_HEADER.pack(_NANOSECONDS, 2, 4, 0, 0, LONGEST, ETHERNET)

    def packet(self, number: int, frame: Frame) -> bytes:  # noqa: ARG002 - there is one place
        """A record."""
        seconds, nanoseconds = divmod(frame.time_ns, 1_000_000_000)
        return _PCAP_RECORD.pack(seconds, nanoseconds, len(frame.data), frame.length) + frame.data

    def tail(self, stamp: int, dropped: Sequence[int]) -> bytes:  # noqa: ARG002
        """The format has none."""
        return b""


class Pcapng:
    """The newer format: any number of places, each an interface with its name."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names

    def head(self) -> bytes:
        """The section's header, and a description of each interface."""
        section = struct.pack("<IHHQ", _BYTE_ORDER, 1, 0, _UNKNOWN_LENGTH) + _options((_SHB_APPLICATION, b"wirelab"))
        return _block(_SECTION, section) + b"".join(_block(_INTERFACE, _interface(name)) for name in self._names)

    def packet(self, number: int, frame: Frame) -> bytes:
        """An enhanced packet block."""
        stamp, here = frame.time_ns, len(frame.data)
        fixed = struct.pack("<5I", number, stamp >> 32, stamp & 0xFFFFFFFF, here, frame.length)
        return _block(_PACKET, fixed + _padded(frame.data))

    def tail(self, stamp: int, dropped: Sequence[int]) -> bytes:
        """What the kernel dropped: a statistics block for each interface."""
        fixed = (struct.pack("<3I", number, stamp >> 32, stamp & 0xFFFFFFFF) for number in range(len(dropped)))
        counts = (_options((_ISB_DROPPED, struct.pack("<Q", count))) for count in dropped)
        return b"".join(_block(_STATISTICS, where + count) for where, count in zip(fixed, counts, strict=True))


def _interface(name: str) -> bytes:
    options = _options((_IF_NAME, name.encode()), (_IF_TSRESOL, _TEN_TO_MINUS_NINE))
    return struct.pack("<HHI", ETHERNET, 0, LONGEST) + options


def _options(*options: tuple[int, bytes]) -> bytes:
    """Options, and what says that there are no more."""
    rows = (struct.pack("<HH", code, len(value)) + _padded(value) for code, value in options)
    return b"".join(rows) + bytes(4)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)


def _block(kind: int, body: bytes) -> bytes:
    length = struct.pack("<I", len(body) + 12)
    return struct.pack("<I", kind) + length + body + length
