"""A rate is changed under a running iperf3: what the receiver's interface saw, by stamps, and iperf3's own words."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from lab.lab import Lab
from lab.model.plan import LabSpec
from lab.observe.capture import capturing
from lab.observe.frames import Frame, is_own
from tests.engine_contract import needed
from tests.support import Bench

PORT = 5201
FAST, SLOW = 10e6, 5e6
BEFORE_SECONDS, ALL_SECONDS = 3, 9
PAYLOAD, FRAME = 1472, 1514  # bytes of a UDP datagram, and of the frame around it; TCP's carries 1448
BUCKET = FRAME + FAST / 8 * 1e-3  # bytes that an idle link, or one that was just changed, lets pass at once
SPEC = "coax,queue=120kb"  # 200 ms at the slower rate: a sender that has to wait for a processor empties it not
_clock = threading.Event()  # never set: the change is to come in the middle of what passes


@pytest.fixture(params=["docker", "netns"])
def pair(request: pytest.FixtureRequest) -> Iterator[Bench]:
    """A star of two, on each engine; an agent stays, so that a change takes milliseconds."""
    needed(request.param)
    with Lab.up(LabSpec(name=f"t{os.getpid()}-iperf", nodes=2, media=SPEC), request.param) as lab:
        lab.engine.attend(lab.name)
        yield Bench(lab)


@dataclass(frozen=True, slots=True)
class Passed:
    """What passed: frames toward h2 as they came in there, in order, and what both ends of iperf3 said."""

    frames: Sequence[Frame]
    changed_ns: int
    client: dict[str, Any]
    server: dict[str, Any]

    def rate(self, begin_ns: int, end_ns: int) -> float:
        """What passed in a time, in bit/s of frames."""
        inside = [frame.length for frame in self.frames if begin_ns <= frame.time_ns < end_ns]
        return sum(inside) * 8e9 / (end_ns - begin_ns)

    def most(self, seconds: float) -> float:
        """The highest rate of any stretch of so many seconds, wherever it begins, after the link's first bucket."""
        stamps = [frame.time_ns for frame in self.frames]
        highest, end, inside = 0, 0, 0
        first = next(number for number, stamp in enumerate(stamps) if stamp > stamps[0] + 200_000_000)
        end = first
        for number in range(first, len(stamps)):
            while end < len(stamps) and stamps[end] < stamps[number] + seconds * 1e9:
                inside += self.frames[end].length
                end += 1
            highest = max(highest, inside)
            inside -= self.frames[number].length
        return highest * 8 / seconds


def under_iperf(bench: Bench, words: Sequence[str], change: Callable[[], None]) -> Passed:
    """Have iperf3 send from h1 to h2, and change something in the middle."""
    lab = bench.lab
    server = lab.start("h2", ["iperf3", "--server", "--one-off", "--json", "--port", str(PORT)])
    bench.out("h2", "python3", "-m", "lab.apps.listening", "--port", str(PORT), "--protocol", "tcp")
    proto = "udp" if "--udp" in words else "tcp"
    with capturing(lab, [("h2", "h2-hub")], filter=f"{proto} dst port {PORT}") as taken:
        client = lab.start("h1", ["iperf3", "--client", "h2", "--port", str(PORT), "--json", *words])
        while not any(frame.length > FRAME - 100 for frame in taken.frames):
            _clock.wait(0.01)
        _clock.wait(BEFORE_SECONDS)
        change()
        changed = max(frame.time_ns for frame in taken.frames)
        said = [_document("\n".join(text for _, text in each.lines())) for each in (client, server)]
    assert not any(taken.dropped.values())
    frames = [frame for frame in taken.frames if not is_own(frame, lab.plan)]
    return Passed(frames, changed, *said)


def _document(text: str) -> dict[str, Any]:
    """What iperf3 said, without what it warned of before."""
    found: dict[str, Any] = json.loads(text[text.index("{") :])
    return found


def numbers(passed: Passed) -> list[int]:
    """The numbers of iperf3's datagrams, as they came: after the seconds and microseconds of each (iperf_udp.c)."""
    first = 14 + 20 + 8 + 8
    return [int.from_bytes(frame.data[first : first + 4]) for frame in passed.frames if frame.length == FRAME]


def refused(lab: Lab) -> int:
    """What found a queue full: before the first link, or before the second."""
    return sum(sum(way.gone.values()) for way in (lab.link("h1").stats()[0], lab.link("h2").stats()[1]))


@pytest.mark.parametrize("words", [(), ("--udp", "--bitrate", "12M", "--length", str(PAYLOAD))], ids=["tcp", "udp"])
def test_ten_to_five_never_exceeds_and_settles(pair: Bench, words: tuple[str, ...]) -> None:
    """No second holds more than 10.1 Mbit/s, no 100 ms more than that and one bucket; then 5 Mbit/s within 1 %.

    Judged by the stamps of frames in the receiving node, and by what iperf3 itself counted there. Nothing of a flood is
    lost but what was counted as refused by a full queue, and nothing overtakes.
    """
    before = refused(pair.lab)
    passed = under_iperf(
        pair,
        ["--time", str(ALL_SECONDS), *words],
        lambda: pair.lab.link("h2").set(rate="5mbit", direction="hub"),
    )
    assert passed.most(1.0) <= 10.1e6
    assert passed.most(0.1) <= 10.1e6 + BUCKET * 8 / 0.1
    settled = passed.changed_ns + 500_000_000
    assert passed.rate(settled, settled + 4_000_000_000) == pytest.approx(SLOW, rel=0.01)
    payload = PAYLOAD if words else 1448
    last = passed.server["intervals"][-4:-1]
    told = sum(each["sum"]["bytes"] for each in last) * 8 / sum(each["sum"]["seconds"] for each in last)
    assert told * FRAME / payload == pytest.approx(SLOW, rel=0.01)
    if words:
        came = numbers(passed)
        assert came == sorted(set(came))
        assert len(came) + refused(pair.lab) - before == passed.client["end"]["sum"]["packets"]


def test_below_both_rates_nothing_is_lost(pair: Bench) -> None:
    """A stream of 4 Mbit/s passes whole and in order while its link goes from 10 to 5 Mbit/s and back."""

    def change() -> None:
        for rate in ("5mbit", "10mbit", "5mbit"):
            pair.lab.link("h2").set(rate=rate, direction="hub")

    words = ["--time", "5", "--udp", "--bitrate", "4M", "--length", str(PAYLOAD)]
    passed = under_iperf(pair, words, change)
    sent = passed.client["end"]["sum"]["packets"]
    assert numbers(passed) == list(range(1, sent + 1))
    assert passed.server["end"]["sum"]["lost_packets"] == 0
    assert passed.server["end"]["streams"][0]["udp"]["out_of_order"] == 0
