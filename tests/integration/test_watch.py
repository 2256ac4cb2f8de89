"""Looking on while something passes: rates by the links' own counters, and what does not arrive."""

from __future__ import annotations

import os

import pytest

from lab.lab import Lab
from lab.model.plan import LabSpec
from lab.observe import watching
from tests.support import Bench


@pytest.mark.parametrize("engine", ["docker", "netns"])
def test_a_train_is_seen_as_it_passes(engine: str) -> None:
    """Half of coax's rate shows on the two links of its way, in its direction only; twice the rate shows as drops."""
    with Lab.up(LabSpec(name=f"t{os.getpid()}-watch", nodes=3), engine) as lab:
        bench = Bench(lab)
        receive = ("python3", "-m", "lab.apps.meter", "receive", "--idle", "5")
        with bench.running("h1", *receive, until="ready"):
            send = ("python3", "-m", "lab.apps.meter", "send", "h1", "--size", "1000")
            sender = lab.start("h2", [*send, "--count", "6000", "--rate", "5000000"])
            first, *looks = watching.watch(lab, 1.5, 3)
            sender.stop()
            list(sender.lines())
            sender = lab.start("h2", [*send, "--count", "40000", "--rate", "20000000"])
            *_, flooded = watching.watch(lab, 1.5, 3)
            sender.stop()
            list(sender.lines())
    assert all(flow.rate is None for flow in first)
    seen = {(flow.link, flow.way): flow.rate or 0.0 for flow in looks[-1]}
    assert seen["h2-hub", "h2 → hub"] == pytest.approx(5e6, rel=0.1)
    assert seen["h1-hub", "hub → h1"] == pytest.approx(5e6, rel=0.1)
    assert seen["h3-hub", "h3 → hub"] == seen["h1-hub", "h1 → hub"] == 0.0
    [full] = [flow for flow in flooded if (flow.link, flow.way) == ("h2-hub", "h2 → hub")]
    assert full.gone["queue"] > 0
    assert full.rate == pytest.approx(1e7, rel=0.1)
    assert any("queue" in line for line in watching.lines(flooded))
