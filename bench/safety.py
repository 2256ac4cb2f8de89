"""What `./inv bench killed` and `./inv bench together` do: everything on each engine that is here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain

from bench import killed
from bench.together import side_by_side
from lab.engine.select import engines

ROUNDS = 5


def walks(only: str, say: Callable[[str], None], *, quick: bool) -> Iterator[tuple[str, list[killed.Outcome]]]:
    """Kill every task at every step, before it and while it is under way: mend the lab once, and remove it once.

    Args:
        only: a part of `docker up` and the like; what does not hold it is left out.
        say: takes a line for each kill.
        quick: every tenth step.

    Returns:
        Engine and task, and what came of each kill.
    """
    for engine in engines():
        for task in killed.TASKS:
            if only not in (what := f"{engine.name} {task}"):
                continue
            steps, known = killed.count(engine.name, task)
            say(f"{what}: {steps} steps")
            last = steps + killed.MORE + 1
            kills = chain.from_iterable(killed.both(step) for step in range(1, last, 10 if quick else 1))
            yield what, killed.walk(engine.name, task, known, kills, say)


def rounds(only: str, say: Callable[[str], None], *, quick: bool) -> list[str]:
    """Eight labs at once, five times over (once, if it shall be quick), on each engine; returns what went wrong."""
    return [
        f"{engine.name}, round {number + 1}: {wrong}"
        for engine in engines()
        if only in engine.name
        for number in range(1 if quick else ROUNDS)
        for wrong in side_by_side(engine.name, lambda line, number=number: say(f"round {number + 1}: {line}"))  # type: ignore[misc]
    ]
