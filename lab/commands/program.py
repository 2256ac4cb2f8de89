"""The program that reads the words of a command line: invoke's own, but that wrong words end with exit code 2.

`main` is what an installed wirelab is called by: `wirelab up`. A checkout's `./inv` uses the same reader.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from typing import Any

from invoke.collection import Collection
from invoke.exceptions import Exit, ParseError
from invoke.program import Program
from invoke.tasks import Task

from lab import commands
from lab.errors import LabError, WordsError

HELP = "--help"


class Reader(Program):
    """Invoke's program; words that it cannot read are wrong words."""

    def normalize_argv(self, argv: list[str] | None) -> None:
        """Take `TASK --help` for `--help TASK`, also where a task would take the word for a name."""
        super().normalize_argv(argv)
        task = next((place for place, word in enumerate(self.argv) if place and word.isalpha()), len(self.argv))
        if HELP in self.argv[task + 1 :]:
            self.argv = [*self.argv[:task], HELP, self.argv[task]]

    def parse_core(self, argv: list[str] | None) -> None:
        """Read the words that are not a task's."""
        with _wrong_words():
            super().parse_core(argv)

    def parse_collection(self) -> None:
        """Find the tasks."""
        with _wrong_words():
            super().parse_collection()

    def parse_tasks(self) -> None:
        """Read the tasks' words."""
        with _wrong_words():
            super().parse_tasks()


@contextmanager
def _wrong_words() -> Iterator[None]:
    try:
        yield
    except ParseError as error:
        call, task = LabError.command, getattr(error.context, "name", None)
        remedy = f"{call} --help {task}" if task else f"{call} --list, or {call} --help TASK"
        raise Exit(f"error: {error}\n  next: {remedy}", code=WordsError.exit_code) from None


def tasks() -> Collection:
    """Every task of `lab.commands`."""
    found = Collection()
    for entry in pkgutil.iter_modules(commands.__path__):
        for each in vars(importlib.import_module(f"{commands.__name__}.{entry.name}")).values():
            if isinstance(each, Task) and each.name not in found.task_names:
                found.add_task(each)
    return found


def main(argv: list[str] | None = None) -> Any:
    """Be the program `wirelab`."""
    LabError.command = "wirelab"
    words = ["wirelab", *argv] if argv is not None else None
    Reader(version=metadata.version("wirelab"), namespace=tasks(), name="wirelab", binary="wirelab").run(words)
