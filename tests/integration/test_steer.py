"""Steering a running lab: links are changed, cut and healed, and what the nodes see of it, on both engines."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from lab.lab import Lab
from lab.model.plan import LabSpec
from tests.engine_contract import needed
from tests.support import Bench

SHOUT = (  # an ARP request to everybody, by hand: a lab's neighbours are static
    "import socket; s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW); s.bind(('eth0', 0x806)); "
    "s.send(b'\\xff' * 6 + b'\\2' * 6 + b'\\x08\\x06' + bytes(46))"
)


@pytest.fixture(params=["docker", "netns"])
def pair(request: pytest.FixtureRequest) -> Iterator[Bench]:
    """A star of two over coax, on each engine."""
    needed(request.param)
    with Lab.up(LabSpec(name=f"t{os.getpid()}-steer", nodes=2), request.param) as lab:
        yield Bench(lab)


def answers(bench: Bench, node: str, target: str) -> bool:
    """Whether a node hears another's answer to an echo request."""
    return bench.result(node, "ping", "-c", "1", "-W", "1", target)[0] == 0


def test_a_link_is_changed_cut_and_healed(pair: Bench) -> None:
    """In place and remembered; a cut takes the carrier, keeps routes and neighbours, and heals without a trace."""
    link = pair.lab.link("h1")
    before = pair.out("h1", "sh", "-c", "ip route; ip neigh")
    link.set("rate=5mbit", direction="h1")
    assert [way.rate for way in link.stats()] == [5_000_000, 10_000_000]
    link.cut()
    assert "NO-CARRIER" in pair.out("h1", "ip", "link", "show", "eth0")
    assert not answers(pair, "h1", "h2")
    assert pair.lab.status().differences == ()  # it is meant to be so
    link.heal()
    assert answers(pair, "h1", "h2")
    assert pair.out("h1", "sh", "-c", "ip route; ip neigh") == before
    assert [way.rate for way in Lab.find(pair.lab.name).link("h1-hub").stats()] == [5_000_000, 10_000_000]
    link.reset()
    status = pair.lab.status()
    assert status.now is status.plan
    assert status.differences == ()


def heard(bench: Bench, node: str) -> int:
    """How many frames have come in at a node's eth0."""
    return int(bench.out(node, "cat", "/sys/class/net/eth0/statistics/rx_packets"))


@pytest.mark.parametrize("pair", ["netns"], indirect=True)
@pytest.mark.parametrize("shaper", ["tbf", "wire"])
def test_a_cut_one_way(pair: Bench, shaper: str) -> None:
    """What the hub sends is dropped, ARP as well as IP, and what h1 sends still arrives; healed, all is as before."""
    link = pair.lab.link("h1")
    if shaper == "wire":
        link.set(delay="1ms")  # which a token bucket cannot do
    assert {way.shaper for way in link.stats()} == {shaper}
    link.cut(sender="hub")
    before = heard(pair, "h1"), heard(pair, "hub")
    assert not answers(pair, "h1", "hub")
    pair.out("hub", "python3", "-c", SHOUT)
    assert heard(pair, "h1") == before[0]
    assert heard(pair, "hub") > before[1]
    assert pair.lab.status().differences == ()
    link.heal()
    pair.out("hub", "python3", "-c", SHOUT)
    assert heard(pair, "h1") == before[0] + 1
    assert answers(pair, "h1", "hub")
