"""Every checker tells the truth: the reference passes, the start state and each wrong solution fail, where they should.

On the embedded engine, for speed; a few on Docker too.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lab.engine.netns.engine import NetnsEngine
from lab.errors import LabError
from lab.exercises import catalogue, judge
from lab.exercises.exercise import Exercise
from lab.exercises.four_layers import truth
from lab.exercises.password import secret
from lab.exercises.trial import quote
from lab.lab import Lab
from tests.exercises.wrong import WRONG, Wrong

SOLUTIONS = Path(__file__).parent / "solutions"
SEED = 1
ALL = tuple(catalogue.exercises().values())
BY_NAME = pytest.mark.parametrize("exercise", ALL, ids=lambda exercise: exercise.name)


@pytest.fixture(scope="session", autouse=True)
def _netns() -> None:
    """Skip where the embedded engine cannot work."""
    try:
        NetnsEngine().facts()
    except LabError as error:
        pytest.skip(str(error))


@contextmanager
def lab_of(exercise: Exercise, engine: str = "netns") -> Iterator[Lab]:
    """The exercise's lab."""
    with Lab.up(exercise.spec(f"t{os.getpid()}-{exercise.folder.name.replace('_', '-')}", SEED), engine) as lab:
        yield lab


def reference(exercise: Exercise, lab: Lab, folder: Path) -> Path:
    """The reference solution, with the secrets of this lab."""
    folder.mkdir(exist_ok=True)
    answers = folder / "answers.toml"
    if exercise.name != "four-layers":
        shutil.copytree(SOLUTIONS / exercise.folder.name, folder, dirs_exist_ok=True)
    else:  # nothing in it is the same twice
        rows = (
            f'{key} = "{value}"' if isinstance(value, str) else f"{key} = {value}" for key, value in truth(lab).items()
        )
        answers.write_text("".join(f"{row}\n" for row in rows), "ascii")
    if exercise.name == "password":
        answers.write_text(answers.read_text("ascii").replace("SECRET", secret(SEED)), "ascii")
    return folder


def spoil(folder: Path, wrong: Wrong, seed: int) -> Path:
    """Make a wrong solution of the reference."""
    for name, before, after in wrong.edits:
        text = (folder / name).read_text("utf-8")
        before = before.replace("SECRET", secret(seed))  # noqa: PLW2901 - as the reference has it
        assert before in text, f"{name} of the reference has no {before!r}"
        (folder / name).write_text(text.replace(before, after), "utf-8")
    return folder


@BY_NAME
def test_reference_start_and_wrong_solutions(exercise: Exercise, tmp_path: Path) -> None:
    """The reference scores all, the start state less, and each mistake just what it spoils."""
    wrongs = [wrong for wrong in WRONG if wrong.exercise == exercise.name]
    assert len(wrongs) >= 2
    with lab_of(exercise) as lab:
        report = judge.judge(exercise, lab, reference(exercise, lab, tmp_path / "reference"))
        assert [result.hint for result in report.results if result.hint] == []
        assert report.score == report.of
        exercise.begin(lab, tmp_path / "start")
        begun = judge.judge(exercise, lab, tmp_path / "start")
        assert begun.score < begun.of / 2
        for number, wrong in enumerate(wrongs):
            folder = spoil(reference(exercise, lab, tmp_path / str(number)), wrong, SEED)
            found = judge.judge(exercise, lab, folder)
            failed = tuple(place for place, result in enumerate(found.results, 1) if result.hint)
            assert failed == wrong.fails, (wrong.mistake, found)


@pytest.mark.parametrize("name", ["two-programs", "who-hears-what", "password"])
def test_on_docker(name: str, tmp_path: Path) -> None:
    """A program, a capture, and both, in containers."""
    exercise = catalogue.find(name)
    with lab_of(exercise, "docker") as lab:
        report = judge.judge(exercise, lab, reference(exercise, lab, tmp_path))
        assert [result.hint for result in report.results if result.hint] == []


def test_hostile_words_stay_words() -> None:
    """What a student's program prints can neither drive the terminal nor be markup."""
    assert quote(["[red]x\x1b[2J\u202e"]) == r"'[red]x\\x1b[2J\\u202e'"
