"""How a verification is planned and shown. That it tells true links from false ones is for the integration tests."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console

from lab.engine.base import LabRecord
from lab.lab import Status
from lab.model.media import MEDIA
from lab.model.plan import LabPlan, LabSpec, decide
from lab.model.predict import Prediction
from lab.model.shaping import netem_limit
from lab.observe import measured, steps
from lab.observe.measure import middle
from lab.observe.programs import Way
from lab.observe.steps import Measurement
from lab.observe.verify import AT_ONCE, batches, ways

Read = Callable[..., dict[str, Any]]


def _status(plan: LabPlan, live: dict[str, Any]) -> Status:
    return Status(plan, "docker", LabRecord(plan.name, plan.spec), live, (), plan)


def _way(plan: LabPlan, as_read: Read, number: int = 0, link: int = 0) -> Way:
    return ways(plan.name, plan.links[link], _status(plan, as_read(plan)))[number]


def _batches(**words: Any) -> list[list[str]]:
    return [[link.name for link in batch] for batch in batches(decide(LabSpec(**words)).links)]


def test_slow_links_are_measured_side_by_side() -> None:
    """Eight telephone pairs at once, the ninth and tenth after them."""
    assert [len(batch) for batch in _batches(nodes=10, media="twisted-pair-2400")] == [AT_ONCE, 2]


def test_fast_links_are_measured_alone() -> None:
    """From 50 Mbit/s on; of coax, as many as make 50 Mbit/s; and the slow before the fast."""
    assert _batches(nodes=2, media="fibre") == [["h1-hub"], ["h2-hub"]]
    assert [len(batch) for batch in _batches(nodes=12)] == [5, 5, 2]
    assert _batches(nodes=2, links=(("h1", "fibre"),)) == [["h2-hub"], ["h1-hub"]]


def test_both_directions_of_a_link_have_their_own_settings(as_read: Read) -> None:
    """Each with the addresses that its ends have on this very link."""
    plan = decide(LabSpec(nodes=2, links=(("h1", "coax/satellite"),)))
    out, back = (_way(plan, as_read, number) for number in (0, 1))
    first, second = (str(port.address) for port in plan.addresses.ports["h1-hub"])
    assert (out.sender, out.receiver, out.source, out.target) == ("h1", "hub", first, second)
    assert (back.sender, back.receiver, back.source, back.target) == ("hub", "h1", second, first)
    assert (
        (out.settings, out.back) == (back.back, back.settings) == (MEDIA["coax"].settings, MEDIA["satellite"].settings)
    )
    assert str(back) == "h1-hub (hub to h1)"


def test_on_a_bus_each_sends_once_and_receives_once(as_read: Read) -> None:
    """Five pairs for five hosts."""
    plan = decide(LabSpec(topology="bus", nodes=5))
    found = ways("lab", plan.links[0], _status(plan, as_read(plan)))
    assert [(way.sender, way.receiver) for way in found] == [
        *(("h1", "h2"), ("h2", "h3"), ("h3", "h4"), ("h4", "h5"), ("h5", "h1")),
    ]
    assert all(way.shared and way.shaper == "tbf" for way in found)


def test_a_link_that_is_gone_is_measured_all_the_same(as_read: Read) -> None:
    """It has no shaper, and will measure nothing."""
    plan = decide(LabSpec(nodes=2))
    live = as_read(plan)
    del live["links"]["h1-hub"]
    assert {way.shaper for way in ways("lab", plan.links[0], _status(plan, live))} == {"none"}


def test_a_slow_train_fits_the_queue(as_read: Read) -> None:
    """At 2,400 bit/s: twelve frames of 100 bytes, all at once, in 4 s; the queue holds 3,100 bytes."""
    train = steps.busy_train(_way(decide(LabSpec(nodes=2, media="twisted-pair-2400")), as_read))
    assert (train.count, train.frame, train.rate) == (12, 100, 0)


def test_a_fast_train_comes_faster_than_the_link(as_read: Read) -> None:
    """At 10 Mbit/s: the largest frames at 12.5 Mbit/s for more than 1.5 s; with 20 % lost, as many more."""
    train = steps.busy_train(_way(decide(LabSpec(nodes=2)), as_read))
    assert (train.frame, train.rate) == (1514, 12.5e6)
    assert train.count * 1514 * 8 / 12.5e6 > 1.5
    lossy = steps.busy_train(_way(decide(LabSpec(nodes=2, media="coax,loss=20%")), as_read))
    assert lossy.rate == pytest.approx(12.5e6 / 0.8)


@pytest.mark.parametrize(
    ("media", "count", "rate"),
    [("twisted-pair-2400", 12, 1_200), ("coax", 1_000, 2000 * 512), ("coax,loss=1%", 8_000, 2000 * 512)],
)
def test_a_train_for_loss_never_waits(as_read: Read, media: str, count: int, rate: float) -> None:
    """At half the rate at most; of more frames where something is declared to be lost."""
    train = steps.loss_train(_way(decide(LabSpec(nodes=2, media=media)), as_read))
    assert (train.count, train.rate) == (count, rate)


@pytest.mark.parametrize(
    "media", ["satellite,rate=1mbit,queue=50ms", "satellite,rate=9600bit", "coax,delay=5s", "coax"]
)
def test_a_train_for_loss_finds_room_in_netem(as_read: Read, media: str) -> None:
    """Those in flight, and a burst after a pause of a tenth of a second, take half of its packets at the most."""
    way = replace(_way(decide(LabSpec(nodes=2, media=media)), as_read), shaper="netem")
    train = steps.loss_train(way)
    per_second = train.rate / 8 / train.frame
    assert per_second * (way.settings.delay + 0.1) <= netem_limit(way.settings) / 2 + 1e-9


def test_what_the_machine_cannot_fill_is_not_judged(as_read: Read) -> None:
    """A link of 1 Gbit/s that got less than it takes, or no processor for it; a slow one is bad all the same."""
    fast, slow = (_way(decide(LabSpec(topology="bus", nodes=3, media=media)), as_read) for media in ("fibre", "coax"))
    predicted = Prediction(1e9, 0.98e9, 1.02e9)

    def said(way: Way, rate: float, offered: float, idle: float, predicted: Prediction = predicted) -> tuple[bool, str]:
        seen = {"offered": offered / 2, "idle": idle}
        after, note = steps.excused(way, predicted, rate, [seen, seen])
        return after.judged, after.note or note

    assert said(fast, 0.99e9, 1.2e9, 0.0) == (True, "")
    assert said(fast, 0.7e9, 0.7e9, 0.5) == (False, "not judged: the senders managed no more than 700 Mbit/s")
    assert said(fast, 0.7e9, 1.2e9, 0.01) == (False, steps.NO_TIME)
    assert said(fast, 0.7e9, 1.2e9, 0.5) == (True, "")
    assert said(fast, 0.5e9, 0.7e9, 0.5) == (True, "the senders managed no more than 700 Mbit/s")
    coax = Prediction(10e6, 9.95e6, 10.05e6)
    busy = "the senders managed no more than 8 Mbit/s: is the machine too busy?"
    assert said(slow, 8e6, 8e6, 0.0, coax) == (True, busy)


def test_iperf3_measures_fast_links_that_tcp_can_fill(as_read: Read) -> None:
    """Above 100 Mbit/s, and without loss."""
    used = {
        media: steps.by_iperf(_way(decide(LabSpec(nodes=2, media=media)), as_read))
        for media in ("coax", "satellite-leo", "fibre", "fibre,loss=1%")
    }
    assert used == {"coax": False, "satellite-leo": False, "fibre": True, "fibre,loss=1%": False}


def test_late_echoes_do_not_move_a_median() -> None:
    """Where chance scatters them, the mean is what is predicted."""
    assert middle([1.0, 1.0, 10.0], scattered=False) == 1
    assert middle([1.0, 1.0, 10.0], scattered=True) == 4
    assert middle([], scattered=False) is None


RATE = Measurement("h1-hub", "h1", "hub", "rate", Prediction(10e6, 9.95e6, 10.05e6), 9.99e6, "1,405 frames in 1.7 s")
BAD = Measurement(
    "h1-hub", "hub", "h1", "rate", Prediction(2400, 2388, 2412), 1200, "12 frames in 8 s", "measured twice"
)
TRIP = Measurement("h1-hub", "h1", "hub", "round trip", Prediction(0.54, 0.53, 0.55), 0.5409, "10 echoes")
LOSS = Measurement("h1-hub", "h1", "hub", "loss", Prediction(0.01, 0.005, 0.015), 0.012, "1,000 frames")
SILENT = Measurement("h1-hub", "hub", "h1", "round trip", Prediction(0.54, 0.53, 0.55), None, "0 echoes")
OPEN = Measurement("bus", "all", "all", "tcp goodput", Prediction(5e5, note="not judged"), 4e5, "9 bytes", "not judged")
ALL = (RATE, BAD, TRIP, LOSS, SILENT, OPEN)


def test_a_measurement_is_good_within_its_bounds() -> None:
    """Nothing measured is not good; what is not judged is never bad."""
    assert [row.good for row in ALL] == [True, False, True, True, False, True]
    assert [row.error for row in ALL] == [
        pytest.approx(e) if e else e for e in (-0.001, -0.5, 0.0009, 0.002, None, None)
    ]


def test_the_table_shows_predicted_measured_and_error() -> None:
    """Each link's name once, each figure in its unit, notes below."""
    console = Console(file=io.StringIO(), width=150, highlight=False)
    console.print(measured.table(decide(LabSpec(nodes=2)), "docker", ALL))
    file = console.file
    assert isinstance(file, io.StringIO)
    lines = [" ".join(line.split()) for line in file.getvalue().splitlines()]
    assert lines == [
        "lab lab: star on docker, predicted and measured",
        "link direction what predicted measured error of",
        "h1-hub h1 → hub rate 10.000 Mbit/s 9.990 Mbit/s -0.10 % 1,405 frames in 1.7 s good",
        "hub → h1 rate 2,400.0 bit/s 1,200.0 bit/s -50.00 % 12 frames in 8 s NOT GOOD (1)",
        "h1 ⇄ hub round trip 540.00 ms 540.90 ms +0.90 ms 10 echoes good",
        "h1 → hub loss 1.00 % 1.20 % +0.20 points 1,000 frames good",
        "hub ⇄ h1 round trip 540.00 ms - - 0 echoes NOT GOOD",
        "bus all tcp goodput 500.00 kbit/s 400.00 kbit/s - 9 bytes - (2)",
        "(1) measured twice",
        "(2) not judged",
    ]


def test_the_document_has_every_figure() -> None:
    """In bit/s, seconds and shares; it survives JSON."""
    document = json.loads(json.dumps(measured.document(decide(LabSpec(nodes=2)), "docker", ALL)))
    assert (document["lab"], document["engine"], document["topology"], document["good"]) == (
        *("lab", "docker", "star"),
        False,
    )
    assert document["measurements"][1] == {
        "link": "h1-hub",
        "from": "hub",
        "to": "h1",
        "what": "rate",
        "predicted": 2400,
        "lowest": 2388,
        "highest": 2412,
        "measured": 1200,
        "error": -0.5,
        "judged": True,
        "good": False,
        "samples": "12 frames in 8 s",
        "note": "measured twice",
    }


def test_the_verdict_names_link_and_direction() -> None:
    """Of all that did not hold; nothing where all did."""
    assert measured.verdict("lab", ALL) == (
        "error: h1-hub (hub to h1): rate is not as predicted\n"
        "error: h1-hub (hub to h1): round trip is not as predicted\n"
        "  next: ./inv status --name lab"
    )
    assert measured.verdict("lab", (RATE, OPEN)) == ""
