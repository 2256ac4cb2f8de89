"""The launcher: works from any folder, and ends with 2 where the words are wrong."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Launch = Callable[..., subprocess.CompletedProcess[str]]
ROOT = Path(__file__).parents[2]


@pytest.fixture
def launch(tmp_path: Path) -> Launch:
    """Runs `./inv` from a folder elsewhere."""
    if not (ROOT / ".venv" / "wirelab.json").exists():
        pytest.skip("there is no .venv: ./inv was never used in this checkout")

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, str(ROOT / "inv"), *words], cwd=tmp_path, text=True, capture_output=True, check=False
        )

    return run


def test_it_finds_the_tasks_from_any_folder(launch: Launch) -> None:
    """A folder that has nothing to do with the project is as good as its own."""
    done = launch("plan", "--nodes", "2")
    assert done.returncode == 0, done.stderr
    assert "lab lab: star" in done.stdout


@pytest.mark.parametrize(
    ("words", "remedy"),
    [
        (["moon"], "./inv --list, or ./inv --help TASK"),
        (["--moon"], "./inv --list, or ./inv --help TASK"),
        (["up", "--moon"], "./inv --help up"),
        (["up", "--topology"], "./inv --help up"),
        (["put"], "./inv --help put"),
        (["exec", "h1"], "./inv --help exec"),
        (["logs"], "./inv --help logs"),
    ],
)
def test_words_that_cannot_be_read_end_with_2(launch: Launch, words: list[str], remedy: str) -> None:
    """Unknown tasks and flags, and missing values, are wrong words: one message, with whose help to ask for."""
    done = launch(*words)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert done.stderr.endswith(f"\n  next: {remedy}\n")
    assert "Traceback" not in done.stderr
