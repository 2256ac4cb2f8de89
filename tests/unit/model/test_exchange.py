"""How long a conversation takes. Every figure is worked out by hand in the docstring above it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.model import exchange, predict
from lab.model.media import MEDIA
from lab.model.passing import steps
from lab.model.plan import LabPlan, LabSpec, decide

MODEM, SATELLITE = MEDIA["twisted-pair-2400"].settings, MEDIA["satellite"].settings


def _plan(media: str, topology: str = "bus", nodes: int = 2) -> LabPlan:
    return decide(LabSpec(topology=topology, nodes=nodes, media=media))


def test_to_connect_takes_one_frame_each_way() -> None:
    """60 bytes and 14 of Ethernet are 592 bits; at 10 Mbit/s 59.2 µs. Over a satellite, twice that and 2 x 270 ms."""
    found = exchange.over_tcp(_plan("satellite", "star"), "h2", "h1", 100)
    assert found.connect == pytest.approx(2 * 2 * (59.2e-6 + 0.27))


def test_one_segment_follows_the_acknowledgement() -> None:
    """Acknowledgement 66 bytes, then 100 + 52 + 14 = 166: 232 bytes at 10 Mbit/s are 185.6 µs on the one bus."""
    found = exchange.over_tcp(_plan("coax"), "h2", "h1", 100)
    assert found.whole == found.first_byte == pytest.approx(found.connect + 185.6e-6)


def test_a_long_message_is_the_rate() -> None:
    """A megabyte over coax: payload for each second is what the formula of the goodput says, near enough."""
    plan = _plan("coax", "star")
    found = exchange.over_tcp(plan, "h2", "h1", 1_000_000)
    [settings] = {*predict.along(plan, "h2", "h1")}
    assert 8e6 / (found.whole - found.connect) == pytest.approx(predict.tcp_goodput(settings), rel=0.01)


def test_the_window_opens_from_one_on_a_slow_pair() -> None:
    """At 2,400 bit/s the first flight is one segment of 310 bytes, 1.0333 s.

    On a bus of two, with one channel for all: opening 2 x 0.24667 s, acknowledgement 0.22 s, segment 1.0333 s: the
    first is there at 1.74667 s. Its acknowledgement comes too late: 2 x 0.49333 + 0.2 = 1.18667 s after the first, at
    1.68 s, TCP sends the second to ask for it, which is there 1.03333 s after the first.
    """
    found = exchange.over_tcp(_plan("twisted-pair-2400"), "h2", "h1", 2 * (296 - 52))
    assert found.first_byte == pytest.approx(1.746667, abs=1e-6)
    assert found.whole == pytest.approx(2.78, abs=1e-6)
    assert found.repeated == 0


def test_an_opening_that_takes_more_than_a_second_is_sent_again() -> None:
    """A ring of six, clockwise: the way there and back is all six links, 6 x 0.24667 = 1.48 s, so once more at 1 s."""
    found = exchange.over_tcp(_plan("twisted-pair-2400", "ring", 6), "n2", "n1", 10)
    assert found.connect == pytest.approx(1.48)
    assert found.repeated == 1


def test_both_ways_of_a_shared_link_are_one_channel() -> None:
    """A pair's two directions are two wires, wireless' are one channel; on a bus everything is."""
    apart = _plan("coax", "star")
    assert {step.channel for step in steps(apart, "h1", "h2")} == {"h1-hub from h1", "h2-hub from hub"}
    shared = _plan("wireless", "star")
    there, back = steps(shared, "h1", "h2"), steps(shared, "h2", "h1")
    assert {step.channel for step in there} == {step.channel for step in back} == {"h1-hub", "h2-hub"}


@given(
    media=st.sampled_from([name for name, medium in MEDIA.items() if not medium.settings.loss]),
    topology=st.sampled_from(["star", "ring", "bus"]),
    size=st.integers(1, 20_000),
)
def test_no_conversation_is_faster_than_its_frames(media: str, topology: str, size: int) -> None:
    """The order is right, and no message is there before its bits can be."""
    plan = _plan(media, topology)
    first, second = (node.name for node in plan.nodes if node.role != "hub")
    found = exchange.over_tcp(plan, second, first, size)
    way = predict.along(plan, second, first)
    assert 0 < found.connect < found.first_byte <= found.whole
    least = max(size * 8 / hop.rate for hop in way) + sum(hop.delay for hop in way)
    assert found.whole - found.connect >= least
