"""Reads back what tc (iproute2 6.1) printed of a netem with every option; tests/kernel keeps the sample true."""

from __future__ import annotations

import json
from pathlib import Path

from lab.model import readback
from lab.model.media import Settings

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
        queue=1234,
    )


def test_only_what_differs_is_told() -> None:
    """A direction that is declared like the sample differs in nothing but the limit, which is not its own."""
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
    assert [name for name, *_ in found] == ["queue"]
