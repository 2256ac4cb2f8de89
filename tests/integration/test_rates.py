"""Links have the rate of their medium, by the receivers' packet stamps. Tolerance 3 %: a noisy machine keeps it."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from lab.lab import Lab
from lab.model.plan import LabSpec
from tests.support import Bench


@pytest.mark.parametrize("bench", ["star", "ring", "bus"], indirect=True)
def test_coax_carries_ten_megabits(bench: Bench) -> None:
    """A flood over the longest way comes out at 10 Mbit/s."""
    way = ("n2", "n1") if bench.lab.plan.topology.kind == "ring" else ("h1", "h2")
    (seen,) = bench.trains(way, size=1472, count=2500, rate=14e6)
    assert seen["rate"] == pytest.approx(10e6, rel=0.03)


def test_two_pairs_share_the_rate_of_a_bus(bus: Bench) -> None:
    """Two conversations at once on a bus have 10 Mbit/s together; on their own links they would have twice that."""
    seen = bus.trains(("h1", "h2"), ("h3", "h4"), size=1472, count=2000, rate=10e6)
    begun, ended = max(way["first"] for way in seen), min(way["last"] for way in seen)
    assert ended - begun > 1  # they did talk at once
    moments = [way["first"] + after for way in seen for after in way["arrivals"]]
    heard = sum(begun < moment <= ended for moment in moments)
    assert heard * 1514 * 8 / (ended - begun) == pytest.approx(10e6, rel=0.03)


def test_two_pairs_do_not_share_on_a_star(star: Bench) -> None:
    """Each host of a star has its own link, so two conversations have 10 Mbit/s each."""
    seen = star.trains(("h1", "h2"), ("h3", "h4"), size=1472, count=1500, rate=12e6)
    assert [way["rate"] for way in seen] == [pytest.approx(10e6, rel=0.03)] * 2


@pytest.fixture(scope="module")
def modem() -> Iterator[Bench]:
    """A star of two over telephone pairs."""
    with Lab.up(LabSpec(name=f"t{os.getpid()}-modem", nodes=2, media="twisted-pair"), "docker") as lab:
        yield Bench(lab)


def test_a_telephone_pair_carries_33600_bits(modem: Bench) -> None:
    """Ten small frames at once, no more than the queue holds, come out at 33,600 bit/s."""
    (seen,) = modem.trains(("h1", "h2"), size=400, count=10, rate=0)
    assert seen["received"] == 10
    assert seen["rate"] == pytest.approx(33_600, rel=0.03)
