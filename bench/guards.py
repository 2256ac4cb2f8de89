"""Takes each guard of docs/security.md out of a copy of the checkout, and runs its test there: it must fail."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.security.guards import GUARDS, Guard

ROOT = Path(__file__).resolve().parents[1]
NOT_COPIED = shutil.ignore_patterns(".git", ".venv*", "__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache")
SECONDS = 300
TESTS_FAILED = 1  # pytest's exit code; another one means that it could not even try


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a test said without its guard."""

    guard: Guard
    code: int
    said: str

    @property
    def noticed(self) -> bool:
        """Whether the test failed, and not for want of a lab."""
        return self.code == TESTS_FAILED and "failed" in self.said and "error" not in self.said

    def __str__(self) -> str:
        verdict = "noticed" if self.noticed else "NOT NOTICED"
        return (
            f"{self.guard.promise:2} {self.guard.file}: {self.guard.test.rpartition('::')[2]}: {verdict} ({self.said})"
        )


def take_out(only: str, say: Callable[[str], None]) -> Iterator[Outcome]:
    """Try every guard whose promise, file or test holds a word.

    Args:
        only: the word; nothing for all.
        say: takes a line before each.
    """
    for guard in GUARDS:
        if only in f"{guard.promise} {guard.file} {guard.test}":
            say(f"without {guard.old.strip()[:60]!r} in {guard.file}")
            yield _tried(guard)


def _tried(guard: Guard) -> Outcome:
    with tempfile.TemporaryDirectory(prefix="wirelab-guard-") as made:
        copy = Path(made, "checkout")
        shutil.copytree(ROOT, copy, ignore=NOT_COPIED)
        path = copy / guard.file
        path.write_text(without(path.read_text("utf-8"), guard), "utf-8")
        argv = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", f"tests/{guard.test}"]
        done = subprocess.run(
            argv, cwd=copy, env={**os.environ, "PYTHONPATH": str(copy)}, text=True, capture_output=True,
            check=False, timeout=SECONDS,
        )  # fmt: skip
    last = re.sub(r" in [0-9.]+s.*", "", ((done.stdout or done.stderr).strip().splitlines() or ["nothing"])[-1])
    return Outcome(guard, done.returncode, last)


def without(text: str, guard: Guard) -> str:
    """A file's text without a guard.

    Raises:
        ValueError: it is not there, or more than once.
    """
    if (count := text.count(guard.old)) != 1:
        raise ValueError(f"{guard.file} has {count} times {guard.old!r}")
    return text.replace(guard.old, guard.new)
