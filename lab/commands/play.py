"""Faults on a timeline."""

from __future__ import annotations

from pathlib import Path

from invoke.context import Context

from lab.commands.base import number, task
from lab.errors import WordsError, plain
from lab.lab import Lab
from lab.play import Play


@task(positional=["timeline"])
def play(_: Context, timeline: str, seed: str = "1", name: str = "lab", engine: str = "auto") -> None:
    """Do to a running lab what a file says, at the times that it says; the same for the same seed."""
    lab = Lab.find(name, engine)
    if not Path(timeline).is_file():
        raise WordsError("there is no such file", where=timeline, remedy="./inv play FILE")
    with Play(lab, Path(timeline).read_text(), number("--seed", seed, "a whole number"), tell) as played:
        played.wait()


def tell(line: str, *, passing: bool = False) -> None:
    """One event of the log, as it happens."""
    if not passing:
        print(plain(line), flush=True)
