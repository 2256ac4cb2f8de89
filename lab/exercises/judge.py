"""Judges a solution: makes sure of the lab, runs the checks, and says what was found, for people and for programs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from lab.engine.base import Say
from lab.engine.select import holder
from lab.errors import NameTakenError, WordsError, plain
from lab.exercises.exercise import Exercise, Miss
from lab.exercises.trial import Trial
from lab.lab import Lab
from lab.model.plan import summary


@dataclass(frozen=True, slots=True)
class Result:
    """One check's: the points that it gave, and a hint where it gave none."""

    what: str
    points: int
    of: int
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """All results of a solution."""

    exercise: str
    results: tuple[Result, ...]

    @property
    def score(self) -> int:
        """The points of all."""
        return sum(result.points for result in self.results)

    @property
    def of(self) -> int:
        """What a whole solution would score."""
        return sum(result.of for result in self.results)


def judge(exercise: Exercise, lab: Lab, solution: Path) -> Report:
    """Run an exercise's checks on a solution.

    Args:
        exercise: the exercise.
        lab: its lab.
        solution: a folder; or the one file, where one is to be handed in.

    Raises:
        WordsError: there is no such folder or file.
    """
    trial = Trial(lab, _folder(exercise, solution, lab.name))
    results = []
    for check in exercise.checks:
        try:
            check.look(trial)
        except Miss as miss:
            results.append(Result(check.what, 0, check.points, str(miss)))
        else:
            results.append(Result(check.what, check.points, check.points))
    return Report(exercise.name, tuple(results))


def _folder(exercise: Exercise, solution: Path, name: str) -> Path:
    if solution.is_dir():
        return solution
    if not solution.is_file():
        raise WordsError(
            "there is no such file or folder",
            where=str(solution),
            remedy=f"./inv exercise start {exercise.name} --name {name}",
        )
    if exercise.hands_in != (solution.name,):
        wanted = ", ".join(exercise.hands_in)
        raise WordsError(f"a folder is needed, with {wanted}", where=str(solution), remedy="--solution FOLDER")
    return solution.parent


@contextmanager
def lab_for(exercise: Exercise, name: str, engine: str, seed: int, say: Say) -> Iterator[Lab]:
    """The lab of an exercise: the one that is there, with its own seed, else one for as long as the block lasts.

    Raises:
        NameTakenError: a lab of this name is there, and it is not the exercise's.
    """
    if holder(name, engine):
        lab = Lab.find(name, engine)
        there = lab.plan.spec
        if replace(there, pool="", shaper="auto") != exercise.spec(name, there.seed):
            raise NameTakenError(
                f"a lab of this name is there, and it is not that of {exercise.name} ({summary(there)})",
                where=name,
                remedy=f"./inv down --name {name}, or give another --name",
            )
        yield lab
    else:
        say(f"no lab is called {name}: one is made for this check, with secrets of its own")
        with Lab.up(exercise.spec(name, seed), engine, say) as lab:
            yield lab


def as_document(report: Report) -> dict[str, Any]:
    """A report as one JSON document."""
    checks = [asdict(result) for result in report.results]
    return {"exercise": report.exercise, "score": report.score, "of": report.of, "checks": checks}


def as_table(report: Report) -> RenderableType:
    """A report for people. A student's words are text, and never markup."""
    lines = []
    for result in report.results:
        good = result.points == result.of
        mark = ("✓", "green") if good else ("✗", "bold red")
        lines.append(Text.assemble(mark, f" {result.points}/{result.of}  {result.what}"))
        if result.hint:
            lines.append(Text(f"       {plain(result.hint)}", style="yellow"))
    lines.append(Text(f"{report.exercise}: {report.score} of {report.of} points", style="bold"))
    return Group(*lines)
