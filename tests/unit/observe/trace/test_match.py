"""Frames of the same packet are found by their content, whatever the links do to them."""

from __future__ import annotations

import random
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.observe.trace.journey import Journey, journeys
from lab.observe.trace.match import match, pair
from tests.made import Tape, greeting, tape


def follow(tape: Tape) -> tuple[list[Journey], int]:
    """Every packet's way, and how many frames are left over."""
    scene = tape.scene
    found, left = journeys(match(tape.frames, scene.macs, scene.names), scene.owners, scene.names)
    return found, len(left)


def test_a_conversation_on_a_ring() -> None:
    """Eight packets: out over three links, back over one; each arrives, and nothing is left over."""
    made = tape("ring")
    greeting(made, "n2", "n1")
    found, left = follow(made)
    assert left == 0
    assert [journey.fate for journey in found] == ["arrived"] * 8
    ways = {tuple(hop.link for hop in journey.hops) for journey in found}
    assert ways == {("n2-n3", "n3-n4", "n4-n1"), ("n1-n2",)}
    assert [hop.sent.packet.ip.ttl for hop in found[0].hops if hop.sent.packet.ip] == [64, 63, 62]


def test_a_retransmission_is_not_what_it_repeats() -> None:
    """The same segment twice, the first lost: it is the first that was lost, for their identities differ."""
    made = tape("star")
    made.tcp("h2 h1", 101, 901, "PA", b"x", lose=1)
    made.tcp("h2 h1", 101, 901, "PA", b"x")
    first, second = follow(made)[0]
    assert (first.fate, first.where, second.fate) == ("lost", "h1-hub", "arrived")


def test_on_a_bus_all_hear_and_one_keeps() -> None:
    """The frame is taken by the node that it is for; the others overhear it."""
    made = tape("bus")
    made.tcp("h2 h1", 101, 901, "PA", b"x")
    hop = follow(made)[0][0].hops[0]
    assert (hop.to, set(hop.overheard)) == ("h1", {"h3", "h4"})


def test_a_frame_that_nobody_sent_is_strange() -> None:
    """What is heard, and was not seen to be sent, is counted and belongs to no packet."""
    made = tape("star")
    made.tcp("h2 h1", 101, 901, "PA", b"x")
    heard_only = [frame for frame in made.frames if frame.node == "hub"]
    scene = made.scene
    assert len(match(heard_only, scene.macs, scene.names).strangers) == 1


def test_equal_frames_of_which_one_is_lost_are_unsure() -> None:
    """Two frames, equal to the last byte, and one came after both were sent: nothing tells which. It is said."""
    assert pair([0, 10], [20]) == ([1], True)
    assert pair([0, 10], [5]) == ([0], False)
    assert pair([0, 10], [5, 15]) == ([0, 1], False)
    assert pair([0], [5, 6]) == ([0, 0], False)
    assert pair([10], [5]) == ([None], False)


@dataclass(frozen=True)
class Fate:
    """What truly happens to one packet, and where, as the number of the hop."""

    kind: str
    hop: int
    repeat: bool


FATES = st.lists(
    st.builds(Fate, st.sampled_from(["arrive", "lose", "double", "damage"]), st.integers(0, 2), st.booleans()),
    min_size=1,
    max_size=25,
)
NAMES = {"arrive": "arrived", "double": "arrived", "lose": "lost", "damage": "damaged"}


@pytest.mark.parametrize("topology", ["star", "ring", "bus"])
@given(fates=FATES, seed=st.integers(0, 2**32), gap=st.sampled_from([0, 10_000, 1_000_000]))
@settings(max_examples=40, deadline=None)
def test_the_truth_is_found(topology: str, fates: list[Fate], seed: int, gap: int) -> None:
    """Whatever is lost, doubled or damaged on whatever link, close together or not, in whatever order it is read."""
    made = tape(topology)
    client, server = ("n2", "n1") if topology == "ring" else ("h2", "h1")
    hops = made.plan.routing.path(client, server)
    truth = []
    for number, fate in enumerate(fates):
        where = fate.hop % len(hops)
        options = {fate.kind: where} if fate.kind != "arrive" else {}
        data = b"again" if fate.repeat else b"number %d" % number
        made.tcp(f"{client} {server}", 101, 901, "PA", data, after=gap, **options)
        link = hops[where].link if fate.kind == "lose" else None
        truth.append((NAMES[fate.kind], link, 2 if fate.kind == "double" else 1))
    random.Random(seed).shuffle(made.frames)  # noqa: S311 - repeatable, not secret
    found, left = follow(made)
    assert left == 0
    found.sort(key=lambda journey: journey.packet.ip.identity if journey.packet.ip else 0)
    told = [(one.fate, one.where if one.fate == "lost" else None, max(1, len(one.arrivals))) for one in found]
    assert told == truth
