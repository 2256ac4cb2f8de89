"""Killed with SIGKILL at any step, a task leaves nothing that `down` does not remove. `./inv bench killed` walks all.

Here it is a sample: the same steps each time, but for what a task does in another order.
"""

from __future__ import annotations

import random

import pytest

from bench import killed
from tests.engine_contract import needed

SAMPLES = {"docker": {"up": 5, "down": 3, "heal": 2}, "netns": {"up": 6, "down": 2, "heal": 3}}
STEPS = {"docker": {"up": 100, "down": 60, "heal": 90}, "netns": {"up": 370, "down": 12, "heal": 60}}
"""About how many there are; a step that does not come kills nothing, and the task is done."""


@pytest.mark.parametrize("task", killed.TASKS)
@pytest.mark.parametrize("engine", ["docker", "netns"])
def test_killed_at_a_step(engine: str, task: str) -> None:
    """`status` tells what is there, without a traceback; `down` removes all of it; and `up` works again."""
    needed(engine)
    chance = random.Random(task)  # noqa: S311 - the same each time
    steps = chance.sample(range(1, STEPS[engine][task]), SAMPLES[engine][task])
    outcomes = killed.walk(engine, task, zip(steps, (0.0, killed.LATE_SECONDS) * len(steps), strict=False), print)
    assert [str(outcome) for outcome in outcomes if outcome.trouble] == []
    assert any(outcome.killed for outcome in outcomes)
