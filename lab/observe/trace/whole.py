"""What reached the other end, put together from the frames that came in there. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from lab.observe.trace.dissect import UDP_BYTES, Tcp
from lab.observe.trace.journey import Journey


def received(journeys: Iterable[Journey], protocol: str, client: str) -> bytes | None:
    """The message as the server's node has it: in order, each byte once.

    Returns:
        All of it up to the first gap for TCP, which passes no byte on before those that go ahead of it. For UDP the
        first datagram of which everything came, or None where there is none. None for TCP, where nothing came.
    """
    own = [journey for journey in journeys if journey.origin == client and journey.packet.ip]
    return _stream(own) if protocol == "tcp" else _datagram(own)


def _stream(journeys: list[Journey]) -> bytes | None:
    zero: int | None = None
    pieces: dict[int, bytes] = {}
    for journey in journeys:
        segment = journey.packet.inner
        if not isinstance(segment, Tcp):
            continue
        if "SYN" in segment.flags:
            zero = segment.seq
        if zero is not None and journey.arrivals and segment.data:
            start = (segment.seq - zero - 1) % (1 << 32)
            pieces[start] = max(pieces.get(start, b""), segment.data, key=len)
    whole = b""
    for start, data in sorted(pieces.items()):
        if start > len(whole):
            break
        whole += data[len(whole) - start :]
    return whole if pieces else None


def _datagram(journeys: list[Journey]) -> bytes | None:
    pieces: dict[int, dict[int, bytes]] = {}
    ends: dict[int, int] = {}
    for journey in journeys:
        ip = journey.packet.ip
        if ip and journey.arrivals:
            pieces.setdefault(ip.identity, {})[ip.offset] = ip.payload
            if not ip.more:
                ends[ip.identity] = ip.offset + len(ip.payload)
    for identity, parts in pieces.items():
        whole = b""
        for start, data in sorted(parts.items()):
            if start > len(whole):
                break
            whole += data[len(whole) - start :]
        if len(whole) == ends.get(identity):
            return whole[UDP_BYTES:]
    return None
