"""The meters: what they make of what arrives, and that both ends work together over loopback."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING

import pytest

from lab.apps.flow_meter import Flow, take
from lab.apps.meter import Passage, Seen, least_idle, send, slope, summarise, without_damaged

if TYPE_CHECKING:
    from tests.unit.apps.conftest import Launch

MS = 1_000_000


def _train(count: int, gap: int = MS, frame: int = 125) -> list[Seen]:
    """Frames at a steady pace; with 125 bytes each millisecond, a megabit a second."""
    return [(number, frame, number * gap, 0) for number in range(count)]


def test_the_rate_is_the_frames_after_the_first_over_the_time_since() -> None:
    """Ten frames of 125 bytes, a millisecond apart: nine of them in 9 ms are 1 Mbit/s."""
    seen = summarise(_train(10))
    assert seen.rate == pytest.approx(1e6)
    assert (seen.received, seen.frame_bytes, seen.lowest, seen.highest) == (10, 1250, 0, 9)
    assert (seen.first, seen.last) == (0, 0.009)


def test_a_bucket_s_first_burst_says_nothing_of_the_rate() -> None:
    """Two frames that come at once are skipped; counted, they would make it 1.25 Mbit/s."""
    frames = [(0, 125, 0, 0), *((n, 125, (n - 1) * MS, 0) for n in range(1, 6))]
    assert summarise(frames, skip=2).rate == pytest.approx(1e6)
    assert summarise(frames, skip=1).rate == pytest.approx(1.25e6)


def test_a_pause_spoils_one_stretch_only() -> None:
    """200 frames, and 50 ms of nothing among them: a fifth less over all, but the middle one of five rates is right."""
    late = [(n, 125, n * MS + (50 * MS if n > 90 else 0), 0) for n in range(201)]
    assert summarise(late).rate == pytest.approx(1e6)


def test_what_a_full_socket_refused_counts_for_the_link() -> None:
    """Every second frame of some found the socket full; the link brought them, and that is its rate."""
    kept = [(n, 125, n * MS, 0) for n in range(100)] + [(n, 125, n * MS, (n - 98) // 2) for n in range(100, 200, 2)]
    seen = summarise(kept)
    assert seen.rate == pytest.approx(1e6, rel=0.01)
    assert seen.refused == 50


def test_what_was_damaged_does_not_count_for_the_link() -> None:
    """The socket dropped 50, but no socket of the node was ever full: they had wrong checksums."""
    kept = [(n, 125, n * MS, n // 4) for n in range(201)]
    assert summarise(without_damaged(kept, 0)).refused == 0
    assert summarise(without_damaged(kept, 0)).rate == pytest.approx(1e6)
    assert summarise(kept).rate == pytest.approx(1.25e6)
    assert summarise(without_damaged(kept, 20)).refused == 20
    assert without_damaged(kept, 70) == kept  # others' sockets were full too
    assert without_damaged([], 3) == []


def test_numbers_tell_what_came_twice_and_what_came_late() -> None:
    """0, 2, 1, 1: one late, one twice."""
    seen = summarise([(0, 100, 0, 0), (2, 100, 1, 0), (1, 100, 2, 0), (1, 100, 3, 0)])
    assert (seen.received, seen.late, seen.twice) == (3, 1, 1)


def test_nothing_makes_no_rate() -> None:
    """Nor does one frame, or two at the same moment."""
    assert summarise([]) == Passage(0, 0, 0, 0, 0, 0.0, 0.0, None, None, None)
    assert summarise(_train(1)).rate is None
    assert slope([(5, 100.0), (5, 200.0)]) is None
    assert slope([]) is None


def test_arrivals_are_told_where_asked_for() -> None:
    """In seconds after the first."""
    assert summarise(_train(3), arrivals=True).arrivals == (0, 0.001, 0.002)


def test_arrivals_tell_of_what_was_refused_too() -> None:
    """Two frames found the socket full before the third one: they came, and their moment is about the third's."""
    seen = [(0, 100, 0, 0), (1, 100, MS, 0), (4, 100, 4 * MS, 2)]
    assert summarise(seen, arrivals=True).arrivals == (0, 0.001, 0.004, 0.004, 0.004)


def test_the_busiest_processor_counts() -> None:
    """One was idle for 2 of 10 ticks, waiting for disks counted, and the other for all of them."""
    before = "cpu  0 0 0 0 0 0 0 0 0 0\ncpu0 0 0 0 100 0 0 0 0 0 0\ncpu1 0 0 0 100 0 0 0 0 0 0\nintr 7\n"
    after = "cpu  8 0 0 0 0 0 0 0 0 0\ncpu0 5 0 2 101 1 0 1 0 0 0\ncpu1 0 0 0 110 0 0 0 0 0 0\nintr 9\n"
    assert least_idle(before, after) == pytest.approx(0.2)
    assert least_idle(before, before) == 1


def test_a_train_passes_between_two_programs(launch: Launch, free_port: int) -> None:
    """Every datagram arrives, the last one ends the waiting, and a paced train comes at its pace."""
    receiver = launch("meter", "receive", "--port", free_port, "--count", 50, "--idle", 5, "--skip", 1, "--arrivals")
    assert receiver.line() == "ready"
    words = ("--port", free_port, "--size", 83, "--count", 50, "--rate", 1e6, "--bind", "127.0.0.1")
    sent = launch("meter", "send", "127.0.0.1", *words).ends()
    seen = json.loads(receiver.ends().out)
    assert json.loads(sent.out)["sent"] == 50
    assert 0 <= json.loads(sent.out)["idle"] <= 1
    assert (seen["received"], seen["twice"], seen["frame_bytes"]) == (50, 0, 50 * 125)
    assert len(seen["arrivals"]) == 50
    assert seen["rate"] == pytest.approx(1e6, rel=0.5)  # a busy machine: the pace itself is tested elsewhere


def test_a_receiver_gives_up(launch: Launch, free_port: int) -> None:
    """With an empty document, where nothing comes."""
    receiver = launch("meter", "receive", "--port", free_port, "--patience", 0.1)
    assert receiver.line() == "ready"
    assert json.loads(receiver.ends().out)["received"] == 0


def test_what_is_no_part_of_a_train_is_passed_over(launch: Launch, free_port: int) -> None:
    """A datagram too short for a number does not end the receiver."""
    receiver = launch("meter", "receive", "--port", free_port, "--count", 1, "--idle", 5)
    assert receiver.line() == "ready"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as knock:
        knock.sendto(b"hey", ("127.0.0.1", free_port))
    send("127.0.0.1", free_port, size=8, count=1, rate=0)
    assert json.loads(receiver.ends().out)["received"] == 1


def test_a_stream_passes_between_two_programs(launch: Launch, free_port: int) -> None:
    """All of it is taken in, and its goodput told."""
    taker = launch("flow_meter", "take", "--port", free_port, "--skip", 100_000, "--window", 65_536)
    assert taker.line() == "ready"
    gone = launch("flow_meter", "give", "127.0.0.1", "--port", free_port, "--bytes", 5_000_000).ends()
    flow = json.loads(taker.ends().out)
    assert gone.code == 0
    assert flow["received"] == 5_000_000
    assert flow["goodput"] > 0


def test_a_giver_without_a_taker_fails_in_one_line(launch: Launch, free_port: int) -> None:
    """Exit code 1, and why."""
    gone = launch("flow_meter", "give", "127.0.0.1", "--port", free_port).ends()
    assert gone.code == 1
    assert gone.err.startswith("the stream broke: ")
    assert len(gone.err.splitlines()) == 1


def test_a_taker_gives_up(free_port: int, capsys: pytest.CaptureFixture[str]) -> None:
    """Where nobody gives anything."""
    assert take(free_port, 0.05, 0) == Flow(0, 0.0, None)
    assert capsys.readouterr().out == "ready\n"
