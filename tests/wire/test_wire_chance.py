"""What happens to frames by chance: loss, duplication, corruption, reordering, repeatable by the seed."""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.wire.conftest import Bench, Direction, Tools

COUNT = 1000


def arrived_numbers(bench: Bench, tools: Tools, direction: Direction, seed: int = 1) -> tuple[list[int], int]:
    """The datagrams of a train that arrive from a at b, and how many the wire says it lost."""
    with bench.wire(bench.link("ab", direction, {}), seed=seed) as wire, bench.node("b").udp(7000) as ear:
        tools.send(bench.node("a"), bench.node("b"), range(COUNT))
        tools.until(lambda: wire.carried(COUNT), "the whole train")
        return [packet.number for packet in tools.drain(ear)], wire.counters()["lost"]


def test_loss_is_counted_and_repeatable(bench: Bench, tools: Tools) -> None:
    """What does not arrive is counted, and within the 99 % interval; the same seed loses the same frames."""
    numbers, lost = arrived_numbers(bench, tools, {"loss": 0.05})
    assert len(numbers) == COUNT - lost
    assert lost == pytest.approx(50, abs=2.576 * sqrt(COUNT * 0.05 * 0.95))
    assert arrived_numbers(bench, tools, {"loss": 0.05, "delay": 0.02}) == (numbers, lost)
    assert arrived_numbers(bench, tools, {"loss": 0.05}, seed=2)[0] != numbers


def test_losses_come_in_bursts_where_asked_for(bench: Bench, tools: Tools) -> None:
    """As many are lost, but far oftener after a lost one; and the same ones for the same seed."""
    direction = {"loss": 0.2, "loss_correlation": 0.75}
    numbers, lost = arrived_numbers(bench, tools, direction)
    assert lost == pytest.approx(200, abs=2.576 * sqrt(COUNT * 0.2 * 0.8 * 1.75 / 0.25))
    gone = set(range(COUNT)) - set(numbers)
    assert sum(number + 1 in gone for number in gone) / lost == pytest.approx(0.8, abs=0.1)
    assert arrived_numbers(bench, tools, direction) == (numbers, lost)


def test_duplicates_arrive_twice(bench: Bench, tools: Tools) -> None:
    """A share of the datagrams arrives twice, one after the other, and as many are counted."""
    with bench.wire(bench.link("ab", {"duplicate": 0.3}, {})) as wire, bench.node("b").udp(7000) as ear:
        tools.send(bench.node("a"), bench.node("b"), range(100))
        tools.until(lambda: wire.carried(100), "the whole train")
        numbers = [packet.number for packet in tools.drain(ear)]
        assert wire.counters()["duplicated"] == len(numbers) - 100 > 0
        assert wire.counters()["sent"] == len(numbers)
    assert numbers == sorted(numbers)
    assert set(numbers) == set(range(100))


def test_corruption_changes_one_bit(bench: Bench, tools: Tools) -> None:
    """Each frame arrives with one bit changed, somewhere behind its Ethernet header."""
    frame = bytes.fromhex("020000000002 020000000001 88b5") + bytes(200)
    with bench.wire(bench.link("ab", {"corrupt": 1.0}, {})) as wire:
        with bench.node("a").raw() as mouth, bench.node("b").raw() as ear:
            for _ in range(10):
                mouth.send(frame)
            spoilt = [tools.receive(ear).frame for _ in range(10)]
        assert wire.counters()["corrupted"] == 10
    changes = [int.from_bytes(one) ^ int.from_bytes(frame) for one in spoilt]
    assert [change.bit_count() for change in changes] == [1] * 10
    assert all(one.startswith(frame[:14]) for one in spoilt)
    assert len(set(changes)) > 1


def test_reordered_frames_overtake(bench: Bench, tools: Tools) -> None:
    """A share of the datagrams skips the delay; all arrive, and the others keep their order."""
    with bench.wire(bench.link("ab", {"delay": 0.05, "reorder": 0.25}, {})) as wire:
        arrived = tools.train(bench.node("a"), bench.node("b"), 100)
        reordered = wire.counters()["reordered"]
    numbers = [packet.number for packet in arrived]
    assert sorted(numbers) == list(range(100))
    assert numbers != sorted(numbers)
    early = [packet.number for packet in arrived if packet.delay < 0.04]
    assert len(early) == reordered > 0
    assert numbers == early + [number for number in range(100) if number not in early]
