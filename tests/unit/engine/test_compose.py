"""The compose files in the repository are the ones that the plan gives."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from lab.engine import compose, container
from lab.model.plan import LabSpec, decide

FOLDER = Path(__file__).parents[3] / "compose"


def test_the_files_are_current() -> None:
    """Nobody changed the plan without `./inv compose`, and nothing stale lies beside what is generated."""
    assert compose.write(FOLDER, dry=True) == []
    assert {path.name for path in FOLDER.iterdir()} == compose.files().keys()


@pytest.mark.parametrize("shape", ["star", "ring", "bus"])
def test_a_file_says_what_the_plan_says(shape: str) -> None:
    """Every node is a service, every link a network, each with the plan's addresses; nodes stay unprivileged."""
    plan = decide(LabSpec(name=shape, topology=shape))
    document = yaml.safe_load((FOLDER / f"{shape}.yml").read_text())
    assert document["services"].keys() == {node.name for node in plan.nodes} | {"shaper"}
    assert document["networks"].keys() == {link.name for link in plan.links}
    for node in plan.nodes:
        service = document["services"][node.name]
        addresses = {link: entry["ipv4_address"] for link, entry in service["networks"].items()}
        assert addresses == {face.link: face.ip for face in node.interfaces}
        assert (service["cap_drop"], service["cap_add"]) == (["ALL"], list(container.NODE_CAPABILITIES))
        assert "privileged" not in service


def test_a_stale_file_is_named_and_written(tmp_path: Path) -> None:
    """What is missing or differs is named; written once, nothing is stale any more."""
    assert set(compose.write(tmp_path)) == compose.files().keys()
    (tmp_path / "bus.yml").write_text("services: {}\n")
    assert compose.write(tmp_path, dry=True) == ["bus.yml"]
    assert compose.write(tmp_path) == ["bus.yml"]
    assert compose.write(tmp_path) == []
