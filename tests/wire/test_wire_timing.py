"""When frames arrive: delay, jitter, the rate of a shared medium, and settings changed under way."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.wire.conftest import Bench, Tools

DATAGRAM = 1400
ON_THE_WIRE = DATAGRAM + 8 + 20 + 14  # UDP, IP and Ethernet headers


@pytest.mark.parametrize("delay", [0.0, 0.020, 0.270])
def test_a_ping_takes_the_delay_there_and_back(bench: Bench, tools: Tools, delay: float) -> None:
    """The round trip is twice the delay: never less, and at the median hardly more (a noisy machine adds to it)."""
    with bench.wire(bench.link("ab", {"delay": delay}, {"delay": delay})):
        round_trips = tools.ping(bench.node("a"), bench.node("b"), 20)
    assert min(round_trips) >= 2 * delay
    assert median(round_trips) == pytest.approx(2 * delay, abs=0.003)


def test_the_two_directions_have_their_own_delay(bench: Bench, tools: Tools) -> None:
    """Of an asymmetric link, each direction delays by what was declared for it."""
    with bench.wire(bench.link("ab", {"delay": 0.030}, {"delay": 0.0})):
        for source, target, delay in (("a", "b", 0.030), ("b", "a", 0.0)):
            arrived = tools.train(bench.node(source), bench.node(target), 10, pause=0.002)
            assert median(packet.delay for packet in arrived) == pytest.approx(delay, abs=0.003)


def test_jitter_spreads_and_keeps_the_order(bench: Bench, tools: Tools) -> None:
    """With jitter, delays differ by milliseconds, and every datagram arrives, in the order of sending."""
    with bench.wire(bench.link("ab", {"delay": 0.020, "jitter": 0.010}, {})):
        arrived = tools.train(bench.node("a"), bench.node("b"), 100, pause=0.001)
    assert [packet.number for packet in arrived] == list(range(100))
    assert max(packet.delay for packet in arrived) - min(packet.delay for packet in arrived) > 0.005


def test_a_hub_shares_one_rate(bench: Bench, tools: Tools) -> None:
    """Two senders at once on a medium of 10 Mbit/s: together they get 10 Mbit/s, within 1 %."""
    medium = {"rate": 10e6, "delay": 0.005, "queue": 2e6}
    with bench.wire(bench.link("abc", medium, shared=True)), bench.node("b").udp(7000) as ear:
        for _ in range(15):
            tools.send(bench.node("a"), bench.node("b"), range(10), size=DATAGRAM)
            tools.send(bench.node("c"), bench.node("b"), range(10), size=DATAGRAM)
        arrived = [tools.receive(ear) for _ in range(300)]
    assert {packet.source for packet in arrived} == {bench.node("a").address, bench.node("c").address}
    rate = 299 * ON_THE_WIRE * 8 / (arrived[-1].stamp - arrived[0].stamp)
    assert rate == pytest.approx(10e6, rel=0.01)


def test_every_node_of_a_hub_hears_everything_but_itself(bench: Bench, tools: Tools) -> None:
    """What a sends to b, c hears too, once; a does not hear it come back."""
    with bench.wire(bench.link("abc", {}, shared=True)) as wire:
        with bench.node("a").raw() as a, bench.node("c").raw() as c, bench.node("b").udp(7000) as ear:
            tools.send(bench.node("a"), bench.node("b"), range(5))
            assert [tools.receive(ear).number for _ in range(5)] == list(range(5))
            tools.until(lambda: wire.carried(5), "the last frame to reach everyone")
            assert len(tools.drain(c)) == 5
            assert [packet for packet in tools.drain(a) if packet.kind != tools.OUTGOING] == []
        assert wire.counters()["received"] == wire.counters()["sent"] == 5
        assert {node: port["sent"] for node, port in wire.ports().items()} == {"a": 0, "b": 5, "c": 5}


def test_settings_change_at_once(bench: Bench, tools: Tools) -> None:
    """A delay set while it runs holds for the next ping, in the direction named and no other."""
    with bench.wire(bench.link("ab", {}, {})) as wire:
        assert wire.ask({"op": "set", "link": "link", "direction": 0, "settings": {"delay": 0.05}}) == {"ok": True}
        assert median(tools.ping(bench.node("a"), bench.node("b"), 5)) == pytest.approx(0.05, abs=0.003)
        wire.ask({"op": "set", "link": "link", "direction": None, "settings": {"delay": 0.01}})
        assert median(tools.ping(bench.node("a"), bench.node("b"), 5)) == pytest.approx(0.02, abs=0.003)


def test_a_change_neither_loses_nor_reorders(bench: Bench, tools: Tools) -> None:
    """Datagrams in flight when the delay is taken away arrive when due, and later ones stay behind them."""
    with bench.wire(bench.link("ab", {"delay": 0.2}, {})) as wire, bench.node("b").udp(7000) as ear:
        tools.send(bench.node("a"), bench.node("b"), range(10))
        tools.until(lambda: wire.counters()["in_flight"] == 10, "ten frames in flight")
        wire.ask({"op": "set", "link": "link", "direction": 0, "settings": {"delay": 0}})
        tools.send(bench.node("a"), bench.node("b"), range(10, 20))
        arrived = [tools.receive(ear) for _ in range(20)]
    assert [packet.number for packet in arrived] == list(range(20))
    assert arrived[0].delay == pytest.approx(0.2, abs=0.003)
