"""What a bus and a seed promise: one rate for all who talk at once, and the same frames lost each time."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from lab.lab import Lab
from lab.model import predict
from lab.model.plan import LabSpec
from lab.observe import steps
from lab.observe.measure import Instruments
from lab.observe.verify import ways
from tests.kernel.cases import survivors_on

FRAMES = 600
SURE = 0.9999  # of the interval for what chance does: one run of ten thousand may be outside

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="the embedded engine needs root")


@pytest.fixture
def wireless() -> Iterator[Lab]:
    """A bus of three over one radio channel."""
    spec = LabSpec(name=f"t{os.getpid()}-radio", topology="bus", nodes=3, media="wireless")
    with Lab.up(spec, "netns") as lab:
        yield lab


def test_three_pairs_share_the_rate_of_a_bus_of_five() -> None:
    """All at once they have 10 Mbit/s together, within 3 %; `verify` holds the same to 1 %, on a quiet machine."""
    spec = LabSpec(name=f"t{os.getpid()}-five", topology="bus", nodes=5)
    with Lab.up(spec, "netns") as lab, Instruments(lab) as instruments:
        (row,) = steps.together(instruments, ways(lab.name, lab.plan.links[0], lab.status()))
    assert row.note.endswith("h1 to h2, h3 to h4, h5 to h1 at once")
    assert [row.predicted.lowest, row.predicted.highest] == [pytest.approx(9.9e6), pytest.approx(10.1e6)]
    assert row.measured == pytest.approx(10e6, rel=0.03)


def test_a_wireless_bus_shares_its_rate_delays_and_loses(wireless: Lab) -> None:
    """Two pairs have 11 Mbit/s together; an echo takes 4 ms and its frames' time; every hundredth frame is lost."""
    course = ways(wireless.name, wireless.plan.links[0], wireless.status())
    with Instruments(wireless) as instruments:
        (shared,) = steps.together(instruments, course)
        trip = steps.trips(instruments, course[:1])[0]
        losses = steps.losses(instruments, course)
    assert shared.measured == pytest.approx(11e6, rel=0.03)
    assert trip.measured == pytest.approx(0.00409, abs=0.0015)
    frames = sum(steps.loss_train(way, steps.BUS_SECONDS / len(course)).count for way in course)
    lost = sum(row.measured or 0.0 for row in losses) / len(losses)
    lowest, highest = predict.loss_interval(0.01, frames, SURE)
    assert lowest <= lost <= highest


@pytest.mark.parametrize("engine", ["netns", "docker"])
def test_the_same_seed_loses_the_same_frames(engine: str) -> None:
    """Two labs of one seed lose the very same frames, one of another seed others; and about every fifth."""
    found = []
    for seed in (7, 7, 8):
        spec = LabSpec(name=f"t{os.getpid()}-seed", topology="bus", nodes=2, media="coax,loss=20%", seed=seed)
        with Lab.up(spec, engine) as lab:
            found.append(survivors_on(lab, FRAMES))
    first, again, other = found
    assert first == again != other
    lowest, highest = predict.loss_interval(0.2, FRAMES, SURE)
    assert all(lowest <= 1 - len(each) / FRAMES <= highest for each in found)
