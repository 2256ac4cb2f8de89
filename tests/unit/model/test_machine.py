"""What echoes tell of the machine. Every figure is worked out by hand in the docstring above it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.model import exchange, machine
from lab.model.machine import Echo
from lab.model.passing import NO_TIME, Machine
from lab.model.plan import LabPlan, LabSpec, decide


def _plan(media: str, topology: str = "star", nodes: int = 2) -> LabPlan:
    return decide(LabSpec(topology=topology, nodes=nodes, media=media))


def test_an_echo_without_a_machine() -> None:
    """Coax, two links each way. Call: 4 x 59.2 µs.

    Answer: the opening's acknowledgement (52.8 µs), behind it a segment of 1,514 bytes (1,211.2 µs a link), whose own
    acknowledgement (52.8 µs) is on its way when the answer of 67 bytes (53.6 µs a link) comes behind it.
    """
    found = machine.echo(_plan("coax"), "h2", "h1", 1)
    assert found.call == pytest.approx(4 * 59.2e-6)
    assert found.first == pytest.approx((52.8 + 2 * 1211.2) * 1e-6)
    assert found.answer == pytest.approx((52.8 + 2 * 1211.2 + 52.8 + 2 * 53.6) * 1e-6)


def test_more_segments_follow_a_frame_time_apart() -> None:
    """Two segments more are 2 x 1,211.2 µs."""
    one, three = (machine.echo(_plan("coax"), "h2", "h1", burst) for burst in (1, 3))
    assert three.answer - one.answer == pytest.approx(2 * 1211.2e-6)


def test_a_slow_pair_has_one_segment_at_a_time() -> None:
    """TCP's first flight at 2,400 bit/s is one segment, so no echo sends three; at 33,600 bit/s it may."""
    assert machine.bursts(_plan("twisted-pair-2400"), "h2", "h1") == (1,)
    assert machine.bursts(_plan("twisted-pair-33600"), "h2", "h1") == (1, machine.BURST)


def test_what_echoes_take_beyond_is_the_machines() -> None:
    """A call late by 80 µs: 20 µs for each of 4 links. An answer late by 100 µs: 10 µs more for each message.

    Two segments more that take 30 µs longer than their frames do: 15 µs each. The first byte of those three is heard
    70 µs late, of which 2 x 20 are the links'.
    """
    plan = _plan("coax")
    one, three = (machine.echo(plan, "h2", "h1", burst) for burst in machine.bursts(plan, "h2", "h1"))
    late = [
        Echo(each.call + 80e-6, each.first + 70e-6, each.answer + more)
        for each, more in ((one, 100e-6), (three, 130e-6))
    ]
    found = machine.share(plan, "h2", "h1", late)
    assert (found.link, found.frame, found.program, found.first) == pytest.approx((20e-6, 15e-6, 10e-6, 30e-6))


def test_a_machine_adds_to_a_conversation_what_it_adds_to_echoes() -> None:
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
    link=st.floats(0, 1e-3),
)
def test_echoes_as_predicted_tell_of_no_machine(media: str, topology: str, link: float) -> None:
    """Echoes that take what they should leave nothing to the machine, and a later call makes links slower only."""
    plan = _plan(media, topology, 3)
    client, server = "h2", "h1"
    if topology == "ring":
        client, server = "n2", "n1"
    expected = [machine.echo(plan, client, server, burst) for burst in machine.bursts(plan, client, server)]
    assert machine.share(plan, client, server, expected) == NO_TIME
    late = [replace(each, call=each.call + link, answer=each.answer + link) for each in expected]
    found = machine.share(plan, client, server, late)
    assert (found.frame, found.program) == pytest.approx((0, 0), abs=1e-9)
    assert found.link >= 0
