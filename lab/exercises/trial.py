"""A solution on trial: runs a student's files on the lab's nodes, and reads their answers. Believes nothing."""

from __future__ import annotations

import math
import secrets
import shlex
import tomllib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from lab.apps.common import safe
from lab.exercises.exercise import Miss
from lab.lab import Lab
from lab.observe import own
from lab.observe.capture import capturing
from lab.observe.frames import Frame
from lab.observe.stage import Stage

T = TypeVar("T")
RUN_SECONDS, PATIENCE_SECONDS, START_SECONDS = 30.0, 3.0, 15.0
MOST_LINES, SHOWN = 2000, 100  # of a program that never stops talking; characters of a line that we repeat


@dataclass(slots=True)
class Heard:
    """What one program said, and how it ended: None where it had to be ended."""

    lines: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    code: int | None = None

    def must_end(self, who: str) -> None:
        """Miss, unless it ended by itself, and well."""
        if self.code is None:
            raise Miss(f"{who} did not end, and was ended; what does it still wait for?")
        if self.code:
            raise Miss(f"{who} ended with exit code {self.code}: {quote(self.complaints[-1:] or self.lines[-1:])}")


def quote(lines: Sequence[str]) -> str:
    """What somebody's program said, fit for a terminal."""
    return repr(safe(lines[-1])[:SHOWN]) if lines else "nothing"


class Trial:
    """A lab, and a folder with somebody's solution."""

    def __init__(self, lab: Lab, folder: Path) -> None:
        self.lab = lab
        self.folder = folder
        self._known: dict[str, Any] = {}

    @property
    def seed(self) -> int:
        """The lab's seed, on which secrets depend."""
        return self.lab.plan.spec.seed

    def once(self, key: str, find: Callable[[], T]) -> T:
        """What several checks look at is found out once."""
        if key not in self._known:
            self._known[key] = find()
        found: T = self._known[key]
        return found

    def word(self) -> str:
        """A word that nobody can have known before this check, the same for all of it."""
        return self.once("word", lambda: "w" + secrets.token_hex(4))

    def file(self, name: str) -> Path:
        """A file of the solution's."""
        path = self.folder / name
        if not path.is_file():
            raise Miss(f"there is no {name} in {self.folder}")
        return path

    def run(self, *programs: str, timeout: float = RUN_SECONDS, ours: Path | None = None) -> list[Heard]:
        """Run files of the solution's on nodes, `FILE@NODE WORDS` each; the first is the server.

        Args:
            programs: what to run.
            timeout: seconds for all of it.
            ours: a file that is not the solution's, for the program of its name.
        """
        placed: list[own.Own] = []
        for program in programs:
            first, *words = shlex.split(program)
            name, _, node = first.partition("@")
            path = ours if ours and ours.name == name else self.file(name)
            placed.append(own.Own(str(len(placed)), node, path, tuple(words)))
        heard = {each.name: Heard() for each in placed}

        def hear(who: str, stream: str, line: str) -> None:
            kept = heard[who].lines if stream == "stdout" else heard[who].complaints
            if len(kept) < MOST_LINES:
                kept.append(line)

        for ending in own.perform(self.lab, placed, hear, timeout=timeout, patience=PATIENCE_SECONDS):
            heard[ending.name].code = ending.code
        return list(heard.values())

    def answers(self) -> dict[str, Any]:
        """What stands in answers.toml."""
        try:
            return tomllib.loads(self.file("answers.toml").read_text("utf-8"))
        except (
            ValueError,
            RecursionError,
        ) as error:  # not TOML, not UTF-8, a number of 5,000 digits, brackets without end
            raise Miss(f"answers.toml cannot be read: {safe(str(error))}") from None

    def answer(self, key: str) -> Any:
        """One answer."""
        found = self.answers().get(key)
        if found is None or found in ("", []):
            raise Miss(f"answers.toml says nothing of {key}")
        return found

    def number(self, key: str) -> float:
        """One answer that is a number."""
        found = self.answer(key)
        if isinstance(found, bool) or not isinstance(found, int | float):
            raise Miss(f"{key} is to be a number, without quotes")
        try:
            number = float(found)
        except OverflowError:
            number = math.inf
        if not math.isfinite(number):  # `nan` is as near to everything as one likes
            raise Miss(f"{key} is to be a number that one can count or measure")
        return number

    def names(self, key: str) -> list[str]:
        """One answer that is a list of names."""
        found = self.answer(key)
        if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
            raise Miss(f'{key} is to be a list of names, as ["h2", "h3"]')
        return found

    def out(self, node: str, *argv: str, seconds: float = RUN_SECONDS) -> list[str]:
        """What a program of ours says on a node; it is ended when the time is up."""
        heard: list[str] = []
        with Stage(self.lab, lambda _, stream, line: heard.append(line) if stream == "stdout" else None) as stage:
            side = stage.start(node, node, argv)
            if not stage.pass_on(lambda: side.ended, seconds):
                stage.end(side)
        return heard

    @contextmanager
    def server(self, node: str, *argv: str, ends: float = 0.0) -> Iterator[list[str]]:
        """A program of ours that serves as long as the block lasts, from its first word on; gives what it says.

        Args:
            node: where.
            argv: the program.
            ends: so many seconds it has after the block to end by itself.
        """
        heard: list[str] = []
        with Stage(self.lab, lambda _, stream, line: heard.append(line) if stream == "stdout" else None) as stage:
            side = stage.start(node, node, argv)
            stage.pass_on(lambda: side.spoke or side.ended, START_SECONDS)
            yield heard
            if not stage.pass_on(lambda: side.ended, ends):
                stage.end(side)

    @contextmanager
    def ear(self, *nodes: str) -> Iterator[list[Frame]]:
        """Hear all frames at these nodes as long as the block lasts; the list is filled at its end."""
        places = [(node, face.link) for node in nodes for face in self.lab.plan.node(node).interfaces]
        frames: list[Frame] = []
        with capturing(self.lab, places) as taken:
            yield frames
        frames += taken.frames
