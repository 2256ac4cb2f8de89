"""Steering a running lab: links are changed, cut and healed, and what the nodes see of it, on both engines."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest

from lab import links
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


METER = ("python3", "-m", "lab.apps.meter")
FRAME = 1514  # bytes, of a datagram of 1472


def passing(bench: Bench, *, count: int, rate: float, change: Callable[[], None]) -> dict[str, Any]:
    """What h2 sees of a train of datagrams from h1 while something is done to the links."""
    words = ("--size", "1472", "--count", str(count), "--rate", str(rate))
    with bench.running("h2", *METER, "receive", "--arrivals", "--idle", "1.5", until="ready") as (_, lines):
        sender = bench.lab.start("h1", [*METER, "send", "h2", *words])
        change()
        assert [stream for stream, _ in sender.lines()] == ["stdout"]
        seen: dict[str, Any] = json.loads(next(text for _, text in lines))
    return seen


def windows(arrivals: Sequence[float], seconds: float) -> list[float]:
    """The rate of frames in every stretch of so many seconds that begins with a frame, in bit/s."""
    rates, end = [], 0
    for begin, stamp in enumerate(arrivals):
        while end < len(arrivals) and arrivals[end] < stamp + seconds:
            end += 1
        rates.append((end - begin) * FRAME * 8 / seconds)
    return rates


@pytest.mark.parametrize("pair", ["netns"], indirect=True)
@pytest.mark.parametrize("shaper", ["tbf", "wire"])
def test_fifty_changes_lose_and_turn_nothing(pair: Bench, shaper: str) -> None:
    """A numbered train below the link's rate passes whole and in order while rate, queue or delay change."""
    pair.lab.engine.attend(pair.lab.name)
    link = pair.lab.link("h2")
    if shaper == "wire":
        link.set(delay="20ms")
    ways = ("rate=8mbit", "rate=12mbit", "queue=100kb", "rate=10mbit")
    delays = ("delay=5ms", "rate=12mbit,delay=40ms", "delay=0ms,jitter=0ms", "rate=9mbit,delay=20ms")

    def change() -> None:
        for number in range(50):
            link.set((delays if shaper == "wire" else ways)[number % 4], direction="hub")
        changed.append(time.time())

    changed: list[float] = []
    seen = passing(pair, count=4_000, rate=4e6, change=change)
    assert seen["last"] > changed[0]  # all of them were made under way
    assert (seen["received"], seen["late"], seen["twice"]) == (4_000, 0, 0)


@pytest.mark.parametrize("pair", ["netns"], indirect=True)
@pytest.mark.parametrize("shaper", ["tbf", "wire"])
def test_a_lower_rate_holds_from_the_first_frame(pair: Bench, shaper: str) -> None:
    """10 to 5 Mbit/s under a flood: no 100 ms hold more than 10.1, but for the one bucket that a change of it fills."""
    pair.lab.engine.attend(pair.lab.name)
    link = pair.lab.link("h2")
    if shaper == "wire":
        link.set(delay="20ms")
    link.stats()
    changed: list[float] = []

    def change() -> None:
        time.sleep(1.5)  # the flood's first part, at the old rate
        link.set(rate="5mbit", direction="hub")
        changed.append(time.time())

    def refused() -> int:
        """What found a queue full: before the first link, which takes 10 of the 11 Mbit/s, or before the second."""
        return sum(sum(way.gone.values()) for way in (pair.lab.link("h1").stats()[0], link.stats()[1]))

    before = refused()
    seen = passing(pair, count=4_000, rate=11e6, change=change)
    bucket = FRAME + 10_000_000 / 8 * 1e-3 if shaper == "tbf" else FRAME
    start = seen["first"] + 0.2  # the empty link's own first bucket apart
    arrivals = [seen["first"] + stamp for stamp in seen["arrivals"]]
    later = [stamp for stamp in arrivals if stamp > start]
    assert max(windows(later, 0.1)) <= 10.1e6 + bucket * 8 / 0.1
    settled = [stamp for stamp in arrivals if stamp > changed[0] + 0.1]
    rate = (len(settled) - 1) * FRAME * 8 / (settled[-1] - settled[0])
    assert rate == pytest.approx(5e6, rel=0.03)
    assert seen["late"] == seen["twice"] == 0
    assert seen["received"] + refused() - before == 4_000  # the change itself took nothing


@pytest.mark.parametrize("topology", ["star", "bus"])
@pytest.mark.parametrize("engine", ["docker", "netns"])
def test_reset_goes_back_to_the_bucket(engine: str, topology: str) -> None:
    """A link that went over to the software wire leaves it when it is reset, and says what that costs: nothing here.

    A train that comes to its end before, and one that begins afterwards, pass whole; then a cut works as before.
    """
    needed(engine)
    with Lab.up(LabSpec(name=f"t{os.getpid()}-back", nodes=2, topology=topology), engine) as lab:
        bench, said = Bench(lab), list[str]()
        name = lab.plan.links[0].name
        link = replace(lab.link(name), say=lambda line, **_: said.append(line))
        link.set(delay="30ms")
        assert {way.shaper for way in link.stats()} == {"wire"}
        (seen,) = bench.trains(("h1", "h2"), size=1000, count=200, rate=4e6)
        assert (seen["received"], seen["late"], seen["twice"]) == (200, 0, 0)
        link.reset()
        assert [line.partition(";")[0] for line in said if name in line] == [
            f"{name}: the software wire takes over",
            f"{name}: back to tbf",
        ]
        status = lab.status()
        assert (status.differences, status.now is status.plan) == ((), True)
        assert {way.shaper for way in link.stats()} == {"tbf"}
        assert "lost" not in "".join(f"{way.gone}" for way in link.stats())
        (seen,) = bench.trains(("h1", "h2"), size=1000, count=200, rate=4e6)
        assert (seen["received"], seen["late"], seen["twice"]) == (200, 0, 0)
        link.cut(sender="h1")
        assert not answers(bench, "h1", "h2")
        link.set(delay="1ms")
        assert not answers(bench, "h1", "h2")
        link.reset()
        assert answers(bench, "h1", "h2")


def test_a_cut_ring_goes_the_other_way_round() -> None:
    """Told by the TTL of what arrives: n1's words reach n4 over n2 and n3 then, and healed, by the ring as before."""
    needed("netns")
    with Lab.up(LabSpec(name=f"t{os.getpid()}-round", topology="ring"), "netns") as lab:
        bench = Bench(lab)
        tables = {node.name: bench.out(node.name, "ip", "route") for node in lab.plan.nodes}

        def ttl(node: str, target: str) -> str:
            return next(word for word in bench.out(node, "ping", "-c", "1", target).split() if word.startswith("ttl="))

        # Clockwise, request and answer together go round once: n4's answer comes straight over n4-n1.
        assert [ttl("n1", "n4"), ttl("n2", "n1")] == ["ttl=64", "ttl=64"]
        assert [ttl("n4", "n1"), ttl("n1", "n2")] == ["ttl=62", "ttl=62"]
        links.cut(lab.engine, lab.plan, "n4-n1", reroute=True)
        assert [ttl("n1", "n4"), ttl("n4", "n1"), ttl("n2", "n1")] == ["ttl=62", "ttl=62", "ttl=64"]
        with bench.running("n1", "tcpdump", "-i", "any", "-nvl", "udp", until="listening") as (_, lines):
            bench.result("n2", *METER, "send", "n1", "--count", "1")  # nobody takes it there
            assert "ttl 64" in next(text for _, text in lines if "ttl" in text)  # n2 is next to n1 this way round
        assert lab.status().differences == ()
        assert [each.live for each in lab.heal()] == ["cut"]
        assert {node.name: bench.out(node.name, "ip", "route") for node in lab.plan.nodes} == tables
