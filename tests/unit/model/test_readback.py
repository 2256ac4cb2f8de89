"""What tc says of a qdisc becomes figures again, and what differs from the declared ones is named."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.model.media import MEDIA, Settings
from lab.model.plan import LabPlan, LabSpec, decide
from lab.model.readback import Figures, departures, figures, link_figures

# `tc -s -json qdisc show` of iproute2 6.1.
COAX = {
    "kind": "tbf",
    "handle": "1:",
    "root": True,
    "refcnt": 3,
    "options": {"rate": 1250000, "burst": 1513, "lat": 48789},
    "bytes": 108,
    "packets": 2,
    "drops": 1,
    "overlimits": 0,
    "requeues": 0,
    "backlog": 64,
    "qlen": 1,
}
WIRELESS: dict[str, Any] = {
    "kind": "netem",
    "handle": "1:",
    "root": True,
    "refcnt": 2,
    "options": {
        "limit": 51,
        "delay": {"delay": 0.002, "jitter": 0.0005, "correlation": 0},
        "loss-random": {"loss": 0.01, "correlation": 0},
        "rate": {"rate": 1375000, "packetoverhead": 0, "cellsize": 0, "celloverhead": 0},
        "ecn": False,
        "gap": 0,
    },
    "bytes": 0,
    "packets": 0,
    "drops": 0,
}
NETEM = {
    "kind": "netem",
    "options": {
        "limit": 9,
        "delay": {"delay": 0.01, "jitter": 0, "correlation": 0},
        "duplicate": {"duplicate": 0.02, "correlation": 0},
        "reorder": {"reorder": 0.25, "correlation": 0},
        "corrupt": {"corrupt": 0.03, "correlation": 0},
        "gap": 1,
    },
}


def test_a_token_bucket_is_read() -> None:
    """Rate in bit/s, the queue from the latency that tc prints, and the counters."""
    read = figures(COAX)
    assert read.queue == pytest.approx(62_500, abs=2)
    assert read == Figures(
        shaper="tbf", rate=10_000_000, queue=read.queue, sent_bytes=108, sent_frames=2, backlog=64, gone={"queue": 1}
    )


def test_a_token_bucket_that_holds_less_than_its_burst_prints_a_limit() -> None:
    """Tc prints `limit` where the latency would be below zero."""
    assert figures({"kind": "tbf", "options": {"rate": 10**8, "burst": 100_000, "limit": 1514}}).queue == 1514


def test_a_netem_is_read() -> None:
    """Times in seconds, shares as shares, the queue in packets."""
    assert figures(WIRELESS) == Figures(
        shaper="netem", rate=11_000_000, delay=0.002, jitter=0.0005, loss=0.01, queue=51
    )


def test_what_netem_drops_is_lost() -> None:
    """It counts its declared loss as drops; nothing tells them from a full queue."""
    assert figures(WIRELESS | {"drops": 3}).gone == {"lost": 3}


def test_a_netem_without_a_rate_limits_nothing() -> None:
    """Every other figure has its place as well."""
    assert figures(NETEM) == Figures(
        shaper="netem", rate=None, delay=0.01, duplicate=0.02, reorder=0.25, corrupt=0.03, queue=9
    )


@pytest.mark.parametrize("kind", ["noqueue", "gone", "none", "fq_codel"])
def test_anything_else_is_told_by_its_kind(kind: str) -> None:
    """And is one departure: the shaper itself."""
    read = figures({"kind": kind})
    assert read == Figures(shaper=kind)
    assert departures(MEDIA["coax"].settings, read) == [("shaper", "tbf, netem or wire", kind)]


def test_what_is_as_declared_does_not_depart() -> None:
    """Tc's rounding of bursts and ticks is no difference."""
    assert departures(MEDIA["coax"].settings, figures(COAX)) == []
    assert departures(MEDIA["wireless"].settings, figures(WIRELESS)) == []


@pytest.mark.parametrize(
    ("changed", "departure"),
    [
        ({"rate": {"rate": 625000}}, ("rate", "1.1e+07", "5e+06")),
        ({"rate": {}}, ("rate", "1.1e+07", "0")),
        ({"delay": {"delay": 0.003, "jitter": 0.0005}}, ("delay", "0.002", "0.003")),
        ({"delay": {"delay": 0.002, "jitter": 0.001}}, ("jitter", "0.0005", "0.001")),
        ({"loss-random": {"loss": 0.02}}, ("loss", "0.01", "0.02")),
        ({"loss-random": {}}, ("loss", "0.01", "0")),
        ({"duplicate": {"duplicate": 0.1}}, ("duplicate", "0", "0.1")),
        ({"corrupt": {"corrupt": 0.1}}, ("corrupt", "0", "0.1")),
        ({"reorder": {"reorder": 0.1}}, ("reorder", "0", "0.1")),
        ({"limit": 1000}, ("queue", "51", "1000")),
    ],
)
def test_each_figure_that_departs_is_named(changed: dict[str, Any], departure: tuple[str, str, str]) -> None:
    """One change, one departure: the setting, what is declared, what is live."""
    live = WIRELESS | {"options": WIRELESS["options"] | changed}
    assert departures(MEDIA["wireless"].settings, figures(live)) == [departure]


def test_a_token_bucket_departs_from_what_it_cannot_do() -> None:
    """A delay that is declared, but not there, is a departure."""
    settings = Settings(rate=10_000_000, queue=62_500, delay=0.1)
    assert departures(settings, figures(COAX)) == [("delay", "0.1", "0")]


@given(st.integers(2_400, 10**10), st.integers(68, 9_000), st.integers(10, 1_000))
def test_whatever_is_declared_reads_back_as_declared(rate: int, mtu: int, frames: int) -> None:
    """From 2,400 bit/s on, no rounding of tc's looks like a change: whole bytes a second, whole µs, 64 ns ticks."""
    settings = Settings(rate=rate, mtu=mtu, queue=(mtu + 14) * frames)
    burst = settings.frame + rate // 8000
    ticks = int(int(burst / (rate // 8) * 1e6) * 15.625)
    latency = int((settings.queue / (rate // 8) - ticks / 15.625e6) * 1e6)
    held = {"lat": latency} if latency >= 0 else {"limit": settings.queue}
    options = {"rate": rate // 8, "burst": int(ticks / 15.625e6 * (rate // 8))} | held
    assert departures(settings, figures({"kind": "tbf", "options": options})) == []


def _off_the_bridge(*qdiscs: dict[str, Any]) -> dict[str, Any]:
    ports = {"h1": {"bridge": ""}, "hub": {"bridge": ""}}
    return {"by_wire": True, "ports": ports, "directions": list(qdiscs)}


def _way(**changed: Any) -> dict[str, Any]:
    figures = {"delay": 0.27, "jitter": 0.0, "loss": 0.01, "duplicate": 0.0, "corrupt": 0.0, "reorder": 0.0}
    settings = {"rate": 10_000_000.0, "queue": 675_000, "loss_correlation": 0.0, "delay_correlation": 0.0} | figures
    counters = {"sent": 3, "sent_bytes": 300, "queued_bytes": 40, "lost": 2, "dropped": {"queue": 0, "cut": 1}}
    return {"settings": settings | changed} | counters


def test_a_link_on_its_bridge_has_the_figures_of_its_qdiscs() -> None:
    """Whatever the wire may say of it; and a link without ports has what is left of it."""
    on_bridge = {"by_wire": False, "ports": {"h1": {"bridge": "br-1"}}, "directions": [COAX, COAX]}
    assert link_figures(on_bridge, {"directions": [_way()]}) == [figures(COAX)] * 2
    assert link_figures({"by_wire": True, "ports": {}, "directions": [{"kind": "gone"}]}, None) == [
        Figures(shaper="gone")
    ]


def test_a_link_off_its_bridge_has_the_figures_of_the_wire() -> None:
    """Settings and counters of the wire; what was lost, told by its reason, and only where there is any."""
    first, second = link_figures(_off_the_bridge({"kind": "noqueue"}, COAX), {"directions": [_way(), _way(rate=None)]})
    assert (first.shaper, first.rate, first.delay, first.loss, first.queue) == ("wire", 1e7, 0.27, 0.01, 675_000)
    assert (first.sent_frames, first.sent_bytes, first.backlog) == (3, 300, 40)
    assert first.gone == {"lost": 2, "cut": 1}
    assert (second.rate, second.backlog) == (10_000_000, 104), "the bucket at the far port keeps the rate"
    assert second.gone == {"lost": 2, "cut": 1, "queue": 1}
    assert departures(Settings(rate=10_000_000, queue=675_000, delay=0.27, loss=0.01), first) == []


def test_a_wire_that_is_gone_is_a_departure() -> None:
    """Ports off their bridge with nobody to carry their frames: nothing passes there."""
    (dead,) = link_figures(_off_the_bridge({"kind": "noqueue"}), None)
    assert [name for name, _, _ in departures(MEDIA["coax"].settings, dead)] == ["shaper"]


def test_both_directions_of_every_link_have_figures() -> None:
    """Every medium's declared figures are the settings that departures hold them against."""
    plan: LabPlan = decide(LabSpec(nodes=2, media="satellite/coax"))
    assert departures(plan.links[0].link.spec.back.settings, figures(COAX)) == []
