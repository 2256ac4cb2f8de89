"""Reads back what tc (iproute2 6.1) printed of a netem with every option; tests/kernel keeps the sample true."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lab.model import readback
from lab.model.media import Settings
from lab.model.spec import parse

SAMPLE = Path(__file__).with_name("netem_qdisc.json")


def test_every_figure_is_read() -> None:
    """Each option of netem is found under the name, and in the unit, that tc gives it."""
    live = readback.figures(json.loads(SAMPLE.read_text()))
    assert live == readback.Figures(
        shaper="netem",
        rate=2400,
        delay=0.27,
        jitter=0.005,
        loss=0.01,
        duplicate=0.02,
        corrupt=0.03,
        reorder=0.04,
        loss_correlation=0.1,
        delay_correlation=0.25,
        queue=1234,
    )


def test_only_what_differs_is_told() -> None:
    """A direction that is declared like the sample differs in the limit, which is not its own, and correlations."""
    settings = Settings(
        rate=2400,
        queue=10_000,
        mtu=296,
        delay=0.27,
        jitter=0.005,
        loss=0.01,
        duplicate=0.02,
        corrupt=0.03,
        reorder=0.04,
    )
    found = readback.departures(settings, readback.figures(json.loads(SAMPLE.read_text())))
    assert [name for name, *_ in found] == ["loss-correlation", "delay-correlation", "queue"]


def test_bursts_are_read_back_as_they_were_declared() -> None:
    """From the two chances that netem has, rounded as tc rounds them: share and correlation."""
    settings = parse("coax,loss=1%,loss-correlation=25%").forward.settings
    options = {"limit": 42, "rate": {"rate": 1_250_000}}
    options |= {"loss-gemodel": {"p": 0.0075, "r": 0.7425, "1-h": 1, "1-k": 0}}
    live = readback.figures({"kind": "netem", "options": options})
    assert [live.loss, live.loss_correlation] == [pytest.approx(0.01), pytest.approx(0.25)]
    assert readback.departures(settings, live) == []
    options["loss-gemodel"] = {"p": 0.0075, "r": 0.5, "1-h": 1, "1-k": 0}
    found = readback.departures(settings, readback.figures({"kind": "netem", "options": options}))
    assert [name for name, *_ in found] == ["loss", "loss-correlation"]
