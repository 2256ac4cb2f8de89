"""What passed over a wire, read out of frames: just enough of IPv4, TCP and UDP for the checkers."""

from __future__ import annotations

import socket
from collections.abc import Iterable

from lab.observe.frames import Frame

ETHERNET, TCP, UDP, ICMP = 14, 6, 17, 1


def protocol(frame: Frame) -> int:
    """The IPv4 protocol of a frame; 0 where it carries something else."""
    return frame.data[23] if frame.data[12:14] == b"\x08\x00" and len(frame.data) >= ETHERNET + 20 else 0


def addresses(frame: Frame) -> tuple[str, str]:
    """Source and destination of an IPv4 packet."""
    return socket.inet_ntoa(frame.data[26:30]), socket.inet_ntoa(frame.data[30:34])


def ports(frame: Frame) -> tuple[int, int]:
    """Source and destination port of TCP or UDP."""
    at = ETHERNET + (frame.data[14] & 15) * 4
    return int.from_bytes(frame.data[at : at + 2], "big"), int.from_bytes(frame.data[at + 2 : at + 4], "big")


def stream(frames: Iterable[Frame], *, source: int | None = None, target: int | None = None) -> bytes:
    """All bytes that one side sent in one TCP connection, in order, and each once.

    Args:
        frames: as they were seen, of one connection.
        source: the port that they come from, if that matters.
        target: the port that they go to, if that matters.
    """
    pieces: dict[int, bytes] = {}
    first: int | None = None
    for frame in frames:
        if protocol(frame) != TCP:
            continue
        came, goes = ports(frame)
        if (source is not None and came != source) or (target is not None and goes != target):
            continue
        at = ETHERNET + (frame.data[14] & 15) * 4
        number = int.from_bytes(frame.data[at + 4 : at + 8], "big")
        end = ETHERNET + int.from_bytes(frame.data[16:18], "big")
        first = number if first is None else first
        body = frame.data[at + (frame.data[at + 12] >> 4) * 4 : end]
        if body:
            pieces[(number - first) % 2**32] = body
    whole = b""
    begin = min(pieces, default=0)
    for number in sorted(pieces):
        if number - begin <= len(whole):
            whole = whole[: number - begin] + pieces[number]
    return whole
