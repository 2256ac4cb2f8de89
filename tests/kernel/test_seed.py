"""Seeds: with the tc of the guest kernel's age (iproute2 6.6 and later know netem's seed), chance repeats itself."""

from __future__ import annotations

from typing import Any

import pytest

from lab.model import predict
from tests.kernel.guest import Guest
from tests.kernel.tree import Tree

SECONDS = 60.0
FRAMES = 200


@pytest.fixture(scope="module")
def facts(guest: Guest, tree: Tree) -> dict[str, Any]:
    """What the guest can do with its newer tc first in PATH."""
    found: dict[str, Any] = guest.call("prefer", SECONDS, folder=str(tree.newer_tools))
    return found


def _survivors(guest: Guest, seed: int) -> list[int]:
    """Which of the frames came through a link that loses every fifth."""
    words = {"name": "seeds", "nodes": 2, "topology": "bus", "media": "coax,loss=20%", "seed": seed}
    found: list[int] = guest.call("survivors", SECONDS, words=words, count=FRAMES)
    return found


def test_the_agent_finds_it(facts: dict[str, Any]) -> None:
    """The agent's probe tells that kernel and tc both know seeds."""
    assert {"netem", "seed"} <= set(facts["able"])


@pytest.mark.usefixtures("facts")
def test_the_same_seed_loses_the_same_frames(guest: Guest) -> None:
    """Two labs of one seed lose the very same frames, one of another seed others; and about every fifth."""
    first, again, other = (_survivors(guest, seed) for seed in (7, 7, 8))
    assert first == again != other
    lowest, highest = predict.loss_interval(0.2, FRAMES, 0.9999)
    assert lowest <= 1 - len(first) / FRAMES <= highest


@pytest.mark.usefixtures("facts")
def test_it_is_read_back_too(guest: Guest) -> None:
    """The newer tc prints more, the seed among it, and the lab is still found as declared."""
    words = {"name": "newer", "nodes": 2, "media": "satellite-leo", "seed": 7}
    ways = guest.call("read_back", SECONDS, words=words)
    assert ways["differences"] == []
    assert [way["options"]["seed"] for link in ways["qdiscs"].values() for way in link] == [7] * 4
