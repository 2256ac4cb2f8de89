"""Verification: every medium's links are as predicted here, and links that are not as declared are found."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lab.lab import Lab
from lab.model import wiring
from lab.model.plan import LabSpec, decide
from lab.observe import measured
from lab.observe.verify import verify

ROOT = Path(__file__).resolve().parents[2]
Verified = Callable[..., dict[str, Any]]


@pytest.fixture
def verified() -> Verified:
    """Brings a lab up, verifies it, and gives the document, with the `seconds` that the verification took."""

    def run(**words: Any) -> dict[str, Any]:
        name = f"v-t{os.getpid()}-{words['topology']}"
        with Lab.up(LabSpec(name=name, **words), "docker") as lab:
            begun = time.monotonic()
            found = verify(lab)
            seconds = time.monotonic() - begun
        assert measured.verdict(lab.name, found) == "", json.dumps(
            measured.document(lab.plan, "docker", found), indent=1
        )
        return measured.document(lab.plan, "docker", found) | {"seconds": seconds}

    return run


def _kinds(document: dict[str, Any], link: str) -> list[tuple[str, str, str]]:
    return [(row["what"], row["from"], row["to"]) for row in document["measurements"] if row["link"] == link]


@pytest.mark.parametrize(("topology", "nodes"), [("star", 2), ("ring", 3)])
def test_coax_is_as_predicted(verified: Verified, topology: str, nodes: int) -> None:
    """Each link by itself, on a ring too; rate, loss and goodput of each direction, and the round trip."""
    document = verified(topology=topology, nodes=nodes)
    link = {"star": ("h1-hub", "h1", "hub"), "ring": ("n1-n2", "n1", "n2")}[topology]
    there, back = link[1:], link[:0:-1]
    assert _kinds(document, link[0]) == [
        *(("round trip", *there), ("rate", *there), ("rate", *back), ("loss", *there), ("loss", *back)),
        *(("tcp goodput", *there), ("tcp goodput", *back)),
    ]
    assert all(row["judged"] for row in document["measurements"])


def test_a_bus_of_coax_is_as_predicted(verified: Verified) -> None:
    """Each host to its neighbour, and several at once, who have the rate together."""
    document = verified(topology="bus", nodes=3)
    pairs = [("h1", "h2"), ("h2", "h3"), ("h3", "h1")]
    assert [(f, t) for what, f, t in _kinds(document, "bus") if what == "rate"] == pairs
    (together,) = (row for row in document["measurements"] if row["what"] == "rate of all")
    assert together["note"] == "h1 to h2, h3 to h1 at once"
    assert together["measured"] == pytest.approx(10e6, rel=0.01)


def test_a_star_of_telephone_pairs_is_verified_within_a_minute(verified: Verified) -> None:
    """Four links at 2,400 bit/s, side by side."""
    document = verified(topology="star", nodes=4, media="twisted-pair-2400")
    assert document["seconds"] < 60
    rates = [row["measured"] for row in document["measurements"] if row["what"] == "rate"]
    assert rates == [pytest.approx(2400, rel=0.005)] * 8


def test_a_star_of_satellites_is_as_predicted(verified: Verified) -> None:
    """Half a second there and back, and TCP fills the link once it may have enough on its way."""
    document = verified(topology="star", nodes=2, media="satellite")
    assert all(row["judged"] for row in document["measurements"])


def test_a_wireless_bus_is_as_predicted(verified: Verified) -> None:
    """Shared rate, delay and loss at once; TCP's goodput is told and not judged."""
    document = verified(topology="bus", nodes=3, media="wireless")
    judged = {row["what"]: row["judged"] for row in document["measurements"]}
    assert judged == {"round trip": True, "rate": True, "rate of all": True, "loss": True, "tcp goodput": False}


def test_a_link_that_damages_frames_is_as_predicted(verified: Verified) -> None:
    """Frames with a wrong checksum are lost, and are no part of the rate, though the receiver's socket counts them."""
    document = verified(topology="star", nodes=2, media="coax,corrupt=5%")
    rates = [row for row in document["measurements"] if row["what"] == "rate"]
    assert [row["measured"] for row in rates] == [pytest.approx(9.5e6, rel=0.03)] * 4
    assert all("too busy" not in row["note"] for row in document["measurements"])


def test_a_link_that_is_not_as_declared_is_found() -> None:
    """The agent wires one direction at 9.8 Mbit/s behind the lab's back: exit code 1, link and direction named."""
    with Lab.up(LabSpec(name=f"v-t{os.getpid()}-false", nodes=2), "docker") as lab:
        other = decide(replace(lab.plan.spec, links=(("h1", "coax/coax,rate=9.8mbit"),)))
        lab.engine.agent(lab.name, wiring.document(other, "wire") | {"probes": []})
        argv = [sys.executable, "-m", "invoke", "verify", "--name", lab.name, "--json"]
        done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    complaints = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert "error: h1-hub (hub to h1): rate is not as predicted" in complaints
    assert all(line.startswith("error: h1-hub (hub to h1): ") for line in complaints)
    document = json.loads(done.stdout)
    bad = [row for row in document["measurements"] if row["what"] == "rate" and not row["good"]]
    assert [(row["link"], row["from"], row["to"]) for row in bad] == [("h1-hub", "hub", "h1")]
    assert bad[0]["measured"] == pytest.approx(9.8e6, rel=0.005)
    assert not document["good"]
