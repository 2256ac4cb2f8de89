"""Links that are changed while the lab is up, under netem: in place, and what was set can be taken back."""

from __future__ import annotations

from typing import Any

import pytest

from tests.kernel.guest import Guest
from tests.kernel.tree import Tree

SECONDS = 240.0
FRAMES = 200
ROOMY = "coax,queue=2s"  # a sender that makes up for a pause of the machine shall overflow nothing


Passed = dict[tuple[str, ...], tuple[dict[str, Any], dict[str, Any]]]  # what came of a case's two steps


def changes(guest: Guest, *steps: str, spec: str = ROOMY) -> list[dict[str, Any]]:
    """What came of each step, of a lab whose first link is changed so."""
    words = {"name": "change", "nodes": 2, "links": [["h1", spec]]}
    found: list[dict[str, Any]] = guest.call("changes", SECONDS, words=words, steps=list(steps), count=FRAMES)
    return found


def whole(step: dict[str, Any]) -> bool:
    """Whether the train came through whole and in order, after a change that is read back as it was meant."""
    seen = step["seen"]
    return [seen["received"], seen["late"], seen["twice"], step["differences"]] == [FRAMES, 0, 0, []]


TAKEN_BACK = (
    ("corrupt", "corrupt=20%", "corrupt=0%"),
    ("corrupt", "corrupt=20%", "reset"),
    ("reorder", "delay=20ms,reorder=20%", "reorder=0%"),
    ("reorder", "delay=20ms,reorder=20%", "delay=0ms,reorder=0%"),
    ("reorder", "delay=20ms,reorder=20%", "reset"),
    ("loss-random", "loss=20%", "delay=0ms,loss=0%"),
    ("loss-gemodel", "loss=20%,loss-correlation=50%", "loss=0%"),
    ("duplicate", "duplicate=20%", "duplicate=0%"),
    ("delay", "delay=20ms,jitter=5ms", "delay=0ms,jitter=0ms"),
    ("loss-gemodel", "loss=20%,loss-correlation=50%", "reset"),
)
"""Options of netem, what sets each, and what takes it back."""


@pytest.fixture(scope="module", params=["host", "newer"])
def taken_back(guest: Guest, tree: Tree, request: pytest.FixtureRequest) -> Passed:
    """What came of all of them, one after the other in one lab; by the machine's own tc, then by a newer one."""
    if request.param == "newer":
        guest.call("prefer", SECONDS, folder=str(tree.newer_tools))
    steps = changes(guest, *(step for _, *pair in TAKEN_BACK for step in pair))
    counted = [step["qdisc"]["packets"] for step in steps]
    assert counted == sorted(counted)  # the same qdisc from the first to the last: it was changed in place
    return dict(zip(TAKEN_BACK, zip(steps[::2], steps[1::2], strict=True), strict=True))


@pytest.mark.parametrize("case", TAKEN_BACK, ids=lambda case: f"{case[0]}-{case[-1]}")
def test_what_was_set_can_be_taken_back(taken_back: Passed, case: tuple[str, ...]) -> None:
    """Set, an option is there and tells; taken back, by name or by a reset, it is gone, and nothing is harmed."""
    given, taken = taken_back[case]
    option = case[0]
    assert [option in step["qdisc"]["options"] for step in (given, taken)] == [True, False]
    assert [step["shapers"] for step in (given, taken)] == [["netem"]] * 2
    assert [whole(step) for step in (given, taken)] == [option == "delay", True]
    assert given["differences"] == []


def test_another_model_of_loss_takes_over(guest: Guest) -> None:
    """Losses in bursts, then by chance alone, and back: the model that was there before is gone each time."""
    bursts, chance = "loss=20%,loss-correlation=50%", "loss=20%,loss-correlation=0%"
    steps = changes(guest, bursts, chance, bursts)
    models = [[name for name in ("loss-gemodel", "loss-random") if name in step["qdisc"]["options"]] for step in steps]
    assert models == [["loss-gemodel"], ["loss-random"], ["loss-gemodel"]]
    assert [step["differences"] for step in steps] == [[]] * 3


def test_a_correlation_of_delays_moves_the_link(guest: Guest) -> None:
    """Netem cannot keep it: the link goes over to the software wire and says so; reset, it goes back to netem."""
    steps = changes(guest, "delay=20ms,jitter=2ms", "delay-correlation=50%", "delay=10ms", "reset", "loss=20%", "reset")
    assert [step["shapers"] for step in steps] == [["netem"], ["wire"], ["wire"], ["netem"], ["netem"], ["netem"]]
    assert [step["differences"] for step in steps] == [[]] * 6
    assert [whole(step) for step in steps] == [True, True, True, True, False, True]
    told = [[line.partition(";")[0] for line in step["said"]] for step in steps]
    assert told[1] == ["starting the software wire", "h1-hub: the software wire takes over"]
    assert told[3] == ["h1-hub: back to netem"]
    assert [told[number] for number in (0, 2, 4, 5)] == [[]] * 4
