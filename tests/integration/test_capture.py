"""Captures of real links, on both engines: h1 over a shaped link, h2 over one that the software wire carries."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from lab.errors import WordsError
from lab.lab import Lab
from lab.model.plan import LabSpec
from lab.observe.capture import Place, capturing
from lab.observe.frames import Frame, is_own
from tests.engine_contract import needed
from tests.support import Bench

WAY = [("h1", "h1-hub"), ("hub", "h1-hub"), ("hub", "h2-hub"), ("h2", "h2-hub")]


@pytest.fixture(scope="module", params=["docker", "netns"])
def star(request: pytest.FixtureRequest) -> Iterator[Bench]:
    """A star of two; 5 ms of delay on h2's link, so that without netem the software wire has its ports."""
    needed(request.param)
    spec = LabSpec(
        name=f"t{os.getpid()}-tap-{request.param}", nodes=2, shaper="wire", links=(("h2", "coax,delay=5ms"),)
    )
    with Lab.up(spec, request.param) as lab:
        yield Bench(lab)


def echoes(frames: list[Frame], kind: int) -> list[Frame]:
    """The frames that carry ICMP echo requests (8) or replies (0)."""
    return [
        frame for frame in frames if frame.data[12:14] == b"\x08\x00" and frame.data[23] == 1 and frame.data[34] == kind
    ]


@pytest.mark.parametrize("side", ["node", "port"])
def test_every_place_on_the_way_sees_each_packet_once_and_in_order(star: Bench, side: str) -> None:
    """Three pings across the hub, seen at four places, on the nodes' side and at the ports, bridge or wire."""
    with capturing(star.lab, WAY, side=side) as taken:
        star.out("h1", "ping", "-c", "3", "-i", "0.2", "-s", "100", "h2")
    requests, replies = echoes(taken.frames, 8), echoes(taken.frames, 0)
    assert [(frame.node, frame.link) for frame in requests] == WAY * 3
    assert [(frame.node, frame.link) for frame in replies] == WAY[::-1] * 3
    assert [is_own(frame, star.lab.plan) for frame in requests[:4]] == [True, False, True, False]
    assert [is_own(frame, star.lab.plan) for frame in replies[:4]] == [True, False, True, False]
    assert {(frame.side, frame.length, len(frame.data)) for frame in requests} == {(side, 142, 142)}
    assert set(taken.dropped.values()) == {0}


def test_stamps_tell_how_long_a_link_takes(star: Bench) -> None:
    """Between the two ends of h2's link lie its 5 ms, and the time that the frame itself takes at 10 Mbit/s."""
    with capturing(star.lab, WAY[2:], filter="icmp[icmptype] == icmp-echo") as taken:
        star.out("h1", "ping", "-c", "5", "-i", "0.1", "-s", "1000", "h2")
    stamps = [frame.time_ns for frame in taken.frames]
    passed = [(after - before) / 1e9 for before, after in zip(stamps[::2], stamps[1::2], strict=True)]
    assert len(passed) == 5
    assert min(passed) == pytest.approx(0.005 + 1042 * 8 / 10e6, abs=0.0005)


def test_a_filter_may_name_nodes_and_takes_nothing_else(star: Bench) -> None:
    """The filter is read where names are the node's own."""
    with capturing(star.lab, WAY[:1], filter="host h2 and icmp[icmptype] == icmp-echoreply") as taken:
        star.out("h1", "ping", "-c", "1", "h2")
        star.out("h1", "ping", "-c", "1", "hub")
    assert taken.frames == echoes(taken.frames, 0)
    assert len(taken.frames) == 1


@pytest.mark.parametrize(
    ("place", "words", "what"),
    [
        (("h1", "h1-hub"), {"filter": "tcp prot"}, r"--filter: 'tcp prot': .*syntax error"),
        (("h1", "h1-hub"), {"filter": "host h7"}, r"unknown host"),
        (("h1", "h1-hub"), {"filter": "-w /tmp/x"}, r"syntax error"),
        (("h1", "h1-hub"), {"side": "inside"}, r"no side is called 'inside'"),
        (("h1", "h2-hub"), {}, r"h1 is not on h2-hub .*h1 has h1-hub"),
        (("h7", "h1-hub"), {}, r"no node is called 'h7'"),
    ],
)
def test_words_that_are_wrong_are_refused(star: Bench, place: Place, words: dict[str, str], what: str) -> None:
    """A filter that cannot be read, a link that is not the node's, no such node, and a side that is none."""
    with pytest.raises(WordsError, match=what), capturing(star.lab, [place], **words):
        pass
