"""What the segments of one TCP connection say: which of them acknowledge what, which were sent again, and why. Pure.

Sequence numbers are told from zero, as the lecture would: the SYN is 0, the message's first byte is 1 (RFC 9293, 3.4).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from lab.model.units import say_time
from lab.observe.trace.dissect import Tcp
from lab.observe.trace.journey import Journey
from lab.observe.trace.talk import Telling

WRAP = 1 << 32


@dataclass(slots=True)
class _Sent:
    """One transmission of a segment: the stretch of sequence numbers that it takes, and when it left and came."""

    number: int
    journey: Journey
    start: int
    end: int
    ack: int | None
    pure: bool
    holes: bool


@dataclass(slots=True)
class _Side:
    """What one end has sent so far."""

    zero: int | None = None
    sent: list[_Sent] = field(default_factory=list)
    acknowledged: int = 0
    closed: int | None = None  # what acknowledges the FIN


def tell(segments: Sequence[tuple[int, Journey]], client: str, server: str) -> dict[int, Telling]:
    """Say what each segment of a connection is.

    Args:
        segments: numbered, in the order in which they were sent.
        client: the node that called.
        server: the node that was called.

    Returns:
        By number.
    """
    sides = {client: _Side(), server: _Side()}
    told: dict[int, Telling] = {}
    for number, journey, segment in _read(segments):
        own, other = (sides[client], sides[server]) if journey.origin == client else (sides[server], sides[client])
        if own.zero is None:
            own.zero = segment.seq if "SYN" in segment.flags or "RST" in segment.flags else segment.seq - 1
        start = (segment.seq - own.zero) % WRAP
        length = len(segment.data) + ("SYN" in segment.flags) + ("FIN" in segment.flags)
        ack = (segment.ack - other.zero) % WRAP if "ACK" in segment.flags and other.zero is not None else None
        pure = not length and "RST" not in segment.flags
        now = _Sent(number, journey, start, start + length, ack, pure=pure, holes=bool(segment.sacks))
        telling = _words(segment, now, own, client)
        telling.seq, telling.ack = start, ack
        if ack is not None and other.closed is not None and ack >= other.closed and not segment.data:
            telling.phase = "closing"
        if length and (before := _before(own, now)):
            telling.repeats = [one.number for one in before]
            telling.why = _why(before[-1], now, other)
        if ack is not None:
            telling.acknowledges = _acknowledges(own, other, now)
            own.acknowledged = max(own.acknowledged, ack if journey.arrivals else 0)
        if "FIN" in segment.flags:
            own.closed = now.end
        own.sent.append(now)
        told[number] = telling
    return told


def _read(segments: Sequence[tuple[int, Journey]]) -> Iterator[tuple[int, Journey, Tcp]]:
    for number, journey in segments:
        if isinstance(journey.packet.inner, Tcp):
            yield number, journey, journey.packet.inner


def _words(segment: Tcp, now: _Sent, own: _Side, client: str) -> Telling:
    """The segment's flags in the protocol's words and in plain ones, and the phase that it is part of."""
    flags, who = set(segment.flags), now.journey.origin
    size = len(segment.data)
    first = max(1, now.start)
    span = (first, first + size - 1) if size else None
    if "RST" in flags:
        return Telling("closing", "RST", f"{who} refuses, or breaks off: there is no such connection here")
    if "SYN" in flags:
        agree = "ACK" in flags
        meaning = f"{who} agrees, and asks back" if agree else f"{who} asks for a connection"
        return Telling("handshake", "SYN ACK" if agree else "SYN", meaning)
    words: list[str] = []
    plain: list[str] = []
    if span:
        words.append(f"data {span[0]}-{span[1]}")
        plain.append(f"{who} sends bytes {span[0]} to {span[1]}" if size > 1 else f"{who} sends byte {span[0]}")
    if "FIN" in flags:
        words.append("FIN")
        plain.append(f"{who} has no more to say")
    if not words:
        return _acknowledgement(segment, now, own, client)
    closing = "FIN" in flags and not span
    return Telling("closing" if closing else "data", " ".join(words), ", and ".join(plain), span)


def _acknowledgement(segment: Tcp, now: _Sent, own: _Side, client: str) -> Telling:
    ack, who = now.ack or 0, now.journey.origin
    words = f"ACK {ack}" + (" SACK" if segment.sacks else "")
    if who == client and ack == 1:
        return Telling("handshake", words, f"{who} confirms: the connection stands")
    again = any(one.ack == ack for one in own.sent)
    meaning = f"{who} {'still ' if again else ''}waits for byte {ack}" + (
        ", and has some that come later" if segment.sacks else ""
    )
    return Telling("data", words, meaning)


def _before(own: _Side, now: _Sent) -> list[_Sent]:
    """The transmissions of what a segment carries that went before it, in order."""
    return [one for one in own.sent if one.end > one.start and one.start < now.end and one.end > now.start]


def _why(last: _Sent, now: _Sent, other: _Side) -> str:
    """Why a segment was sent again: what became of it the last time, and how long its sender had waited."""
    waited = f"no acknowledgement came for {say_time((now.journey.began - last.journey.began) / 1e9)}"
    doubles, holes = _hints(last, now, other)
    if doubles > 1:
        waited = f"{doubles} repeated acknowledgements said that it was missing"
    elif holes:
        waited = f"number {holes} said that only what follows it had come (SACK)"
    if last.journey.fate != "arrived":
        return f"number {last.number} {fate(last.journey)}; {waited}"
    answers = [one for one in other.sent if one.ack is not None and one.ack >= last.end]
    lost = [one for one in answers if one.journey.fate != "arrived"]
    late = [one for one in answers if one.journey.ended is not None]
    if late and (late[0].journey.ended or 0) <= now.journey.began:
        return f"number {late[0].number} had acknowledged it, which its sender may have learnt too late"
    if lost:
        return f"number {last.number} had arrived, but its acknowledgement {lost[0].number} {fate(lost[0].journey)}"
    if late:
        return f"number {last.number} had arrived, but its acknowledgement {late[0].number} was still on its way"
    return f"number {last.number} had arrived, but was not acknowledged yet; {waited}"


def _hints(last: _Sent, now: _Sent, other: _Side) -> tuple[int, int]:
    """What the sender heard between two transmissions.

    Returns:
        How many acknowledgements of the same byte came, beyond the first of all; and the number of the first that told
        of a hole, or 0.
    """
    came = [
        (one.journey.ended, one)
        for one in other.sent
        if one.ack == now.start and one.journey.ended and one.journey.ended <= now.journey.began
    ]
    since = [one for moment, one in came if moment > last.journey.began]
    first_of_all = 1 if since and len(since) == len(came) else 0
    return len(since) - first_of_all, next((one.number for one in since if one.holes), 0)


def _acknowledges(own: _Side, other: _Side, now: _Sent) -> list[int]:
    """The other end's segments, as far as they had come, that this covers and no acknowledgement that came before."""
    ack = now.ack or 0
    return [
        one.number
        for one in other.sent
        if own.acknowledged < one.end <= ack
        and one.end > one.start
        and one.journey.ended is not None
        and one.journey.ended <= now.journey.began
    ]


def fate(journey: Journey) -> str:
    """What became of a packet, in a few words."""
    return {
        "arrived": "arrived",
        "lost": f"was lost on {journey.where}",
        "damaged": f"came damaged to {journey.where}, which threw it away",
        "dropped": f"went no further than {journey.where}",
    }[journey.fate]
