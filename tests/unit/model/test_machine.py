"""What short messages tell of the machine. Every figure is worked out by hand in the docstring above it."""

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


def test_what_short_messages_take_beyond_is_the_machines() -> None:
    """A call late by 80 µs: 20 µs for each of 4 links. One segment late by 80 + 50 µs: 10 µs more than two links'.

    Three segments more that take 45 µs longer than their frames do: 15 µs each. The first byte of those four is heard
    80 + 70 µs late, of which 2 x 20 are the links'.
    """
    plan = _plan("coax")
    late = {
        size: Exchange(each.connect + 80e-6, each.first_byte + 150e-6, each.whole + more)
        for (size, each), more in zip(_short(plan).items(), (130e-6, 175e-6), strict=True)
    }
    found = machine.share(plan, "h2", "h1", late)
    assert (found.link, found.frame, found.program, found.first) == pytest.approx((20e-6, 15e-6, 10e-6, 30e-6))


def test_one_segment_tells_nothing_of_several() -> None:
    """Over a slow pair nothing is added to a frame's time, and all that comes late is the program's."""
    plan = _plan("twisted-pair-2400")
    [(size, alone)] = _short(plan).items()
    late = replace(alone, first_byte=alone.first_byte + 1e-3, whole=alone.whole + 1e-3)
    found = machine.share(plan, "h2", "h1", {size: late})
    assert (found.link, found.frame, found.program, found.first) == pytest.approx((0, 0, 1e-3, 1e-3))


def test_a_machine_adds_to_a_conversation_what_it_adds_to_short_ones() -> None:
    """Coax: to connect 4 x 20 µs; the first byte 2 x 20 + 8 µs more; three segments behind it, 15 µs each."""
    plan, added = _plan("coax"), Machine(link=20e-6, frame=15e-6, program=10e-6, first=8e-6)
    alone = exchange.over_tcp(plan, "h2", "h1", 4 * 1448)
    found = exchange.over_tcp(plan, "h2", "h1", 4 * 1448, added)
    acknowledgement = 66 / 1514 * 15e-6  # goes first
    assert found.connect - alone.connect == pytest.approx(80e-6)
    assert found.first_byte - alone.first_byte == pytest.approx(128e-6 + acknowledgement)
    assert found.whole - alone.whole == pytest.approx(130e-6 + acknowledgement + 3 * 15e-6)


@given(
    media=st.sampled_from(["coax", "fibre", "satellite", "twisted-pair-33600"]),
    topology=st.sampled_from(["star", "ring", "bus"]),
    late=st.floats(0, 1e-3),
)
def test_what_takes_what_it_should_tells_of_no_machine(media: str, topology: str, late: float) -> None:
    """Nothing is left to the machine then, and what comes late with its call makes links slower only."""
    plan = _plan(media, topology, 3)
    client, server = ("n2", "n1") if topology == "ring" else ("h2", "h1")
    expected = _short(plan, client, server)
    assert machine.share(plan, client, server, expected) == NO_TIME
    there = len(plan.routing.path(client, server))
    back = len(plan.routing.path(server, client))
    more = late * (1 + there / (there + back))
    found = machine.share(
        plan,
        client,
        server,
        {
            size: Exchange(each.connect + late, each.first_byte + more, each.whole + more)
            for size, each in expected.items()
        },
    )
    assert (found.frame, found.program, found.first) == pytest.approx((0, 0, 0), abs=1e-9)
    assert found.link == pytest.approx(late / (there + back))
