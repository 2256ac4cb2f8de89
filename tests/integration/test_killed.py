"""Killed with SIGKILL at any step, a task leaves nothing that cannot be mended and removed: `./inv bench killed`.

Here it is a sample: the same steps each time, but for what a task does in another order.
"""

from __future__ import annotations

import random

import pytest

from bench import killed
from bench.killed import Outcome
from tests.engine_contract import needed

KILLS = {"docker": 3, "netns": 4}


def test_the_killer_kills_where_it_is_told() -> None:
    """What is found out by killing is worth something only if the task dies at that step, and not at its end."""
    needed("netns")
    _, known = killed.count("netns", "down")
    early, never = killed.walk("netns", "down", known, [killed.Kill(2), killed.Kill(10_000)], print)
    assert early.killed
    assert not early.step.startswith("it was done")
    assert not never.killed
    assert never.step == "it was done before"
    assert (*early.trouble, *never.trouble) == ()


@pytest.mark.parametrize("task", killed.TASKS)
@pytest.mark.parametrize("engine", ["docker", "netns"])
def test_killed_at_a_step(engine: str, task: str) -> None:
    """`status` tells what is there, `heal` (or `up`) makes it whole, and `down` removes all of it; then `up` works."""
    needed(engine)
    steps, known = killed.count(engine, task)
    chance = random.Random(task)  # noqa: S311 - the same each time
    kills = [chance.choice(killed.both(step)) for step in chance.sample(range(1, steps), KILLS[engine])]
    outcomes: list[Outcome] = killed.walk(engine, task, known, kills, print)
    assert [str(outcome) for outcome in outcomes if outcome.trouble] == []
    assert any(outcome.killed for outcome in outcomes)
