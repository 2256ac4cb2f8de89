"""What short messages tell of the machine. Every figure is worked out by hand beside it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.model import exchange, machine
from lab.model.exchange import Exchange
from lab.model.passing import NO_TIME, Machine
from lab.model.plan import LabPlan, LabSpec, decide


def _plan(media: str, topology: str = "star", nodes: int = 2) -> LabPlan:
    return decide(LabSpec(topology=topology, nodes=nodes, media=media))


def _short(plan: LabPlan, client: str = "h2", server: str = "h1") -> dict[int, Exchange]:
    """What the short messages beside 5,000 bytes take, where the machine takes nothing."""
    sizes = machine.sizes(plan, client, server, 5000)
    return {size: exchange.over_tcp(plan, client, server, size) for size in sizes}


def test_a_slow_pair_has_one_segment_at_a_time() -> None:
    """TCP's first flight at 2,400 bit/s is one segment of 296 bytes, 52 of them headers; at 33,600 bit/s it is more."""
    assert machine.sizes(_plan("twisted-pair-2400"), "h2", "h1", 5000) == (244,)
    assert machine.sizes(_plan("twisted-pair-33600"), "h2", "h1", 5000) == (524, 3 * 524)
    assert [machine.sizes(_plan("coax"), "h2", "h1", size)[1:] for size in (1448, 1449, 3000, 5000, 5792, 50000)] == [
        (),
        (2 * 1448,),
        (3 * 1448,),
        (4 * 1448,),
        (5 * 1448,),
        (10 * 1448,),
    ]


# No frame takes as long on a link of fibre as on this machine: 40 µs to wake up and work, of which 15 are work. So a
# call's answer is back after 4 x 40. Then the handshake's last frame and the segments come: done with at 200, 215, …
ONE = Exchange(160e-6, 255e-6, 255e-6)
"""One segment, over the second link 40 µs after its first, as the handshake's frame is: 215 + 40."""
FOUR = Exchange(160e-6, 290e-6, 335e-6)
"""The fourth is over the first link at 260; then come the handshake's frame, 275, and the four: 290, 305, 320, 335."""


def test_a_machine_works_at_one_frame_after_another() -> None:
    """As worked out above, with 10 µs for the program, and 8 until it has the first of several."""
    plan, added = _plan("fibre"), Machine(link=40e-6, frame=15e-6, program=10e-6, first=8e-6)
    found = exchange.over_tcp(plan, "h2", "h1", 4 * 1448, added)
    assert found.connect == pytest.approx(FOUR.connect)
    assert found.first_byte == pytest.approx(FOUR.first_byte + 8e-6)
    assert found.whole == pytest.approx(FOUR.whole + 10e-6)


def test_a_slow_link_hides_what_the_machine_works() -> None:
    """Coax: frames alone are 20 µs late over each of 4 links, then of 2 more; none waits for the 15 µs of another."""
    plan, added = _plan("coax"), Machine(link=20e-6, frame=15e-6, program=10e-6, first=8e-6)
    alone = exchange.over_tcp(plan, "h2", "h1", 4 * 1448)
    found = exchange.over_tcp(plan, "h2", "h1", 4 * 1448, added)
    assert found.connect - alone.connect == pytest.approx(80e-6)
    assert found.first_byte - alone.first_byte == pytest.approx(128e-6)
    assert found.whole - alone.whole == pytest.approx(130e-6)


def test_what_short_messages_take_beyond_is_the_machines() -> None:
    """From the times that were worked out above, 10 µs more for the program and 30 until the first byte of four."""
    late = {
        1448: replace(ONE, first_byte=ONE.first_byte + 10e-6, whole=ONE.whole + 10e-6),
        4 * 1448: replace(FOUR, first_byte=FOUR.first_byte + 30e-6, whole=FOUR.whole + 10e-6),
    }
    found = machine.share(_plan("fibre"), "h2", "h1", late)
    assert (found.link, found.frame, found.program, found.first) == pytest.approx((40e-6, 15e-6, 10e-6, 30e-6))


def test_what_no_work_explains_is_not_work() -> None:
    """Segments behind another that come 1 ms too late, each, where a frame alone is late by 20 µs a link."""
    plan = _plan("coax")
    (one, alone), (four, several) = _short(plan).items()
    late = {
        one: Exchange(alone.connect + 80e-6, alone.first_byte + 120e-6, alone.whole + 120e-6),
        four: Exchange(several.connect + 80e-6, several.first_byte + 120e-6, several.whole + 3e-3 + 120e-6),
    }
    found = machine.share(plan, "h2", "h1", late)
    assert (found.link, found.frame, found.program) == pytest.approx((20e-6, 0, 0), abs=1e-9)


def test_one_segment_tells_nothing_of_several() -> None:
    """Over a slow pair nothing is added to a frame's time, and all that comes late is the program's."""
    plan = _plan("twisted-pair-2400")
    [(size, alone)] = _short(plan).items()
    late = replace(alone, first_byte=alone.first_byte + 1e-3, whole=alone.whole + 1e-3)
    found = machine.share(plan, "h2", "h1", {size: late})
    assert (found.link, found.frame, found.program, found.first) == pytest.approx((0, 0, 1e-3, 1e-3))


@given(
    media=st.sampled_from(["coax", "fibre", "fibre,rate=200mbit", "satellite", "twisted-pair-33600"]),
    topology=st.sampled_from(["star", "ring", "bus"]),
    link=st.floats(0, 1e-3),
    part=st.floats(0, 1),
    program=st.floats(0, 1e-3),
)
def test_a_machine_is_found_from_what_it_did(
    media: str, topology: str, link: float, part: float, program: float
) -> None:
    """Short messages over a machine tell enough of it to predict another message; of none they tell none."""
    plan = _plan(media, topology, 3)
    way = ("n2", "n1") if topology == "ring" else ("h2", "h1")
    assert machine.share(plan, *way, _short(plan, *way)) == NO_TIME
    real = Machine(link, part * link, program, program / 2)
    short = {size: exchange.over_tcp(plan, *way, size, real) for size in machine.sizes(plan, *way, 5000)}
    expected = exchange.over_tcp(plan, *way, 5000, real)
    found = exchange.over_tcp(plan, *way, 5000, machine.share(plan, *way, short))
    assert found.connect == pytest.approx(expected.connect)
    assert found.first_byte == pytest.approx(expected.first_byte)
    assert found.whole == pytest.approx(expected.whole, rel=0.01)
