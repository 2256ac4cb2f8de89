"""What became of the message, in a word and in a sentence: judged by the frames, not by what programs said. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from lab.model.units import counted
from lab.observe.trace.dissect import Icmp, Tcp
from lab.observe.trace.story import Story
from lab.observe.trace.talk import Told
from lab.observe.trace.tcp import fate

NAMED = re.compile(r"from  \('[0-9.]+', ([0-9]+)\)$")
UNREACHABLE, PORT_UNREACHABLE = 3, 3  # ICMP's kind and code (RFC 792)


def named_ports(said: Iterable[tuple[str, str, str]]) -> set[int]:
    """The ports that the server said its clients have."""
    return {int(found[1]) for _, _, line in said if (found := NAMED.search(line))}


def verdict(story: Story, told: Sequence[Told], whole: bytes | None) -> dict[str, Any]:
    """How it ended.

    Returns:
        `verdict`: `delivered`, `refused`, `unreachable`, `lost`, `unanswered` or `broken off`; `words`: a sentence;
        `confirmed`: whether the sender knows that it arrived; `server` and `client`: their exit codes.
    """
    word, sentence = _verdict(story, told, whole)
    confirmed = word == "delivered" and story.protocol == "tcp" and story.codes[1] == 0
    server, client = story.codes
    return {"verdict": word, "words": sentence, "confirmed": confirmed, "server": server, "client": client}


def _verdict(story: Story, told: Sequence[Told], whole: bytes | None) -> tuple[str, str]:
    if not told:
        return "unreachable", f"nothing left {story.sender}: it knows no way to {story.to}"
    if story.protocol == "udp" and (refused := _refused(told, story.sender)):
        return "refused", f"nobody listens at port {story.port} of {refused}: the network says so, not UDP"
    if whole == story.sent or (whole is None and not story.sent and _connected(told)):
        again = sum(bool(one.telling.repeats) for one in told)
        helped = f"; {counted(again, 'packet')} had to be sent again" if again else ""
        return "delivered", f"the message arrived whole, {counted(len(story.sent), 'byte')}{helped}"
    return _failure(story, told, whole)


def _failure(story: Story, told: Sequence[Told], whole: bytes | None) -> tuple[str, str]:
    if refused := _refused(told, story.sender):
        return "refused", f"nobody listens at port {story.port} of {refused}"
    if news := _unreachable(told):
        return "unreachable", f"{news.journey.origin} says that {story.to} cannot be reached ({news.telling.words})"
    if story.protocol == "udp":
        return "lost", _lost(told, story)
    if not any(one.journey.arrivals for one in told if one.journey.target == story.sender):
        return "unanswered", f"{counted(len(told), 'packet')} went out, and no answer came back: {_last(told)}"
    return "broken off", f"the message did not arrive whole: {len(whole or b'')} bytes of {len(story.sent)}"


def _connected(told: Sequence[Told]) -> bool:
    """Whether a handshake was answered, so that an empty message has arrived all the same."""
    return any(
        isinstance(one.journey.packet.inner, Tcp) and one.telling.words == "SYN ACK" and one.journey.arrivals
        for one in told
    )


def _refused(told: Sequence[Told], sender: str) -> str | None:
    for one in told:
        inner, came = one.journey.packet.inner, one.journey.target == sender and one.journey.arrivals
        if isinstance(inner, Tcp) and came and "RST" in inner.flags:
            return one.journey.origin
        if isinstance(inner, Icmp) and came and (inner.kind, inner.code) == (UNREACHABLE, PORT_UNREACHABLE):
            return one.journey.origin
    return None


def _unreachable(told: Sequence[Told]) -> Told | None:
    for one in told:
        inner = one.journey.packet.inner
        if isinstance(inner, Icmp) and inner.kind == UNREACHABLE:
            return one
    return None


def _lost(told: Sequence[Told], story: Story) -> str:
    own = [one for one in told if one.journey.origin == story.sender and one.journey.packet.ip]
    gone = [one for one in own if one.journey.fate != "arrived"]
    if not gone:
        return "all of it came, but not all of it was taken"
    ends = ", ".join(f"number {one.number} {fate(one.journey)}" for one in gone[:3])
    return f"{len(gone)} of {counted(len(own), 'packet')} did not arrive: {ends}; nobody tells {story.sender}"


def _last(told: Sequence[Told]) -> str:
    last = told[-1]
    return f"number {last.number} {fate(last.journey)}"
