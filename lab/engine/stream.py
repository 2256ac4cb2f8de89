"""The two streams of a program, out of the one connection that Docker's API gives for them; and lines out of pieces.

Source: Docker Engine API, "Attach to a container", stream format: frames of a header (stream 1 or 2, three
zero bytes, length in four bytes, big-endian) and so many bytes.
"""

from __future__ import annotations

import codecs
import struct
from collections.abc import Iterable, Iterator
from typing import Protocol

HEADER = struct.Struct(">BxxxL")
NAMES = {1: "stdout", 2: "stderr"}
LONGEST_LINE = 1 << 24  # characters


class Readable(Protocol):
    """As much of a socket as is needed here."""

    def recv(self, count: int, /) -> bytes:
        """Up to so many bytes; none at the end."""


class Lines:
    """Makes lines of bytes that come in pieces.

    One that grows too long is given in parts: who never ends a line would fill the memory of whoever listens.
    """

    def __init__(self, errors: str = "backslashreplace") -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors)
        self._begun: list[str] = []
        self._length = 0

    def feed(self, data: bytes, *, final: bool = False) -> Iterator[str]:
        """The lines that end in a piece; with `final`, also one that lacks its end."""
        first, *others = self._decoder.decode(data, final).split("\n")
        self._take(first)
        for text in others:
            yield self._give().removesuffix("\r")
            self._take(text)
        if self._length > LONGEST_LINE or (final and self._length):
            yield self._give()

    def _take(self, text: str) -> None:
        self._begun.append(text)
        self._length += len(text)

    def _give(self) -> str:
        line = "".join(self._begun)
        self._begun, self._length = [], 0
        return line


def named_lines(named: Iterable[tuple[str, bytes]]) -> Iterator[tuple[str, str]]:
    """Each line as it comes, with the name of its stream; the last may lack its end."""
    made = {name: Lines() for name in NAMES.values()}
    for name, data in named:
        for line in made[name].feed(data):
            yield name, line
    for name, rest in made.items():
        for line in rest.feed(b"", final=True):
            yield name, line


def lines(source: Readable) -> Iterator[tuple[str, str]]:
    """Each line out of such a connection."""
    return named_lines(pieces(source))


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
