"""Links with two different directions, and links that lose, double, spoil and delay frames, all by netem."""

from __future__ import annotations

from typing import Any

import pytest

from lab.model import predict
from tests.kernel.guest import Guest
from tests.kernel.labs import IMPAIRED, SATELLITE, Labs
from tests.kernel.test_media import rows_of, wrong

SECONDS = 60.0
FRAMES = 1000
ROOMY = "coax,queue=2s"  # a sender that makes up for a pause of the machine shall overflow nothing


@pytest.mark.parametrize("lab", ["impaired"])
@pytest.mark.parametrize("host", IMPAIRED)
def test_it_is_true(labs: Labs, lab: str, host: str) -> None:
    """Each direction holds what the SPEC says, under netem, and nothing differs when it is read back."""
    measured, link = labs[lab], f"{host}-hub"
    assert {way["kind"] for way in measured["qdiscs"][link]} == {"netem"}
    assert all(way["packets"] > 0 for way in measured["qdiscs"][link])
    assert measured["differences"] == []
    rows = rows_of(measured, link)
    assert {row["what"] for row in rows} == {"round trip", "rate", "loss"}
    assert wrong(rows) == []


@pytest.mark.parametrize("lab", ["impaired"])
def test_directions_differ(labs: Labs, lab: str) -> None:
    """The two directions of one link have a rate each."""
    rates = {row["sender"]: row["measured"] for row in rows_of(labs[lab], "h1-hub") if row["what"] == "rate"}
    assert rates == {"h1": pytest.approx(2_000_000, rel=0.005), "hub": pytest.approx(512_000, rel=0.005)}


def passage(guest: Guest, spec: str, size: int = 100, rate: float = 1e6) -> dict[str, Any]:
    """What `lab.apps.meter` saw of a train over one link."""
    words = {"name": "passage", "nodes": 2, "links": [["h1", spec]]}
    seen: dict[str, Any] = guest.call("passage", SECONDS, words=words, size=size, count=FRAMES, rate=rate)
    assert seen["qdisc"]["kind"] == "netem"
    return seen


def test_a_full_frame_finds_room(guest: Guest) -> None:
    """A satellite link at half its rate drops nothing, though a round trip's worth of frames is in flight."""
    assert passage(guest, SATELLITE, size=1472)["received"] == FRAMES


def test_jitter_keeps_the_order(guest: Guest) -> None:
    """Under jitter of five frame gaps no frame overtakes another, for netem also has a rate (`shaping.netem`)."""
    seen = passage(guest, f"{ROOMY},delay=20ms,jitter=5ms")
    assert (seen["received"], seen["late"], seen["twice"]) == (FRAMES, 0, 0)


def test_reordered_frames_overtake(guest: Guest) -> None:
    """With `reorder`, some frames skip the delay, and so those before them come late; none is lost."""
    seen = passage(guest, f"{ROOMY},delay=20ms,reorder=10%")
    assert (seen["received"], seen["twice"]) == (FRAMES, 0)
    assert seen["late"] > 0


def test_lost_frames_come_in_bursts(guest: Guest) -> None:
    """With `loss-correlation`, a frame after a lost one is lost with the chance that the SPEC says (5 sigma)."""
    words = {"name": "bursts", "nodes": 2, "topology": "bus", "media": "coax,loss=10%,loss-correlation=75%"}
    there = set(guest.call("survivors", SECONDS, words=words, count=2 * FRAMES))
    lost = set(range(2 * FRAMES)) - there
    again = sum(number + 1 in lost for number in lost) / len(lost)
    assert again == pytest.approx(0.775, abs=5 * (0.775 * 0.225 / len(lost)) ** 0.5)


def test_doubled_frames_come_twice(guest: Guest) -> None:
    """With `duplicate`, the share that comes twice is in the 99.99 % interval, and all come once."""
    seen = passage(guest, f"{ROOMY},duplicate=5%")
    lowest, highest = predict.loss_interval(0.05, FRAMES, 0.9999)
    assert seen["received"] == FRAMES
    assert lowest <= seen["twice"] / FRAMES <= highest


def test_spoilt_frames_do_not_come(guest: Guest) -> None:
    """With `corrupt`, checksums end the share of the frames that is in the 99.99 % interval."""
    seen = passage(guest, f"{ROOMY},corrupt=5%")
    lowest, highest = predict.loss_interval(0.05, FRAMES, 0.9999)
    assert lowest <= 1 - seen["received"] / FRAMES <= highest
