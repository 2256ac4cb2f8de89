"""Killed with SIGKILL at any step, a task leaves nothing that cannot be mended and removed: `./inv bench killed`.

Here it is a sample: the same steps each time, but for what a task does in another order.
"""

from __future__ import annotations

import random

import pytest

from bench import killed
from bench.killed import Outcome
from tests.engine_contract import needed

KILLS = {"docker": 2, "netns": 3}


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


def test_the_killer_reaches_out_of_a_node() -> None:
    """Some steps are taken in a node's own PID namespace, where the task that is to be killed has no number."""
    needed("netns")
    steps, known = killed.count("netns", "up")
    outcomes = killed.walk("netns", "up", known, [killed.Kill(at) for at in range(steps // 2, steps // 2 + 9)], print)
    inside = [outcome for outcome in outcomes if "/mnt/" in outcome.step]  # where a node's own root is made
    assert inside
    assert all(outcome.killed for outcome in inside)
    assert [str(outcome) for outcome in outcomes if outcome.trouble] == []


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
