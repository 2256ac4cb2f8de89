"""The two streams of a program, out of the one connection that Docker's API gives for them.

Source: Docker Engine API, "Attach to a container", stream format: frames of a header (stream 1 or 2, three
zero bytes, length in four bytes, big-endian) and so many bytes.
"""

from __future__ import annotations

import codecs
import struct
from collections.abc import Iterator
from typing import Protocol

HEADER = struct.Struct(">BxxxL")
NAMES = {1: "stdout", 2: "stderr"}


class Readable(Protocol):
    """As much of a socket as is needed here."""

    def recv(self, count: int, /) -> bytes:
        """Up to so many bytes; none at the end."""


def lines(source: Readable) -> Iterator[tuple[str, str]]:
    """Each line as it comes, with the name of its stream; the last may lack its end."""
    decoders = {name: codecs.getincrementaldecoder("utf-8")("backslashreplace") for name in NAMES.values()}
    begun = dict.fromkeys(decoders, "")
    for name, data in pieces(source):
        *whole, begun[name] = (begun[name] + decoders[name].decode(data)).split("\n")
        for line in whole:
            yield name, line.removesuffix("\r")
    for name, rest in begun.items():
        if last := rest + decoders[name].decode(b"", final=True):
            yield name, last


def pieces(source: Readable) -> Iterator[tuple[str, bytes]]:
    """What comes, as it comes, with the name of its stream."""
    while header := _exactly(source, HEADER.size):
        number, length = HEADER.unpack(header)
        yield NAMES.get(number, "stdout"), _exactly(source, length)


def _exactly(source: Readable, count: int) -> bytes:
    """So many bytes, or none if the stream ends before."""
    parts = bytearray()
    while len(parts) < count:
        part = source.recv(count - len(parts))
        if not part:
            return b""
        parts += part
    return bytes(parts)
