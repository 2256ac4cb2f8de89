"""What an exercise is: a lab to bring up, files to hand in, and checks that tell the truth about them."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lab.lab import Lab
from lab.model.plan import LabSpec
from lab.observe import files

if TYPE_CHECKING:
    from lab.exercises.trial import Trial

Links = tuple[tuple[str, str], ...]
SECTIONS = ("Goal", "Picture", "Predict", "Run", "Observe", "Explain")


class Miss(Exception):  # noqa: N818 - it is no error of ours: an answer missed
    """An answer is not right. The text says what was seen and where to look, not what would be right."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that a solution must do.

    Attributes:
        what: what is to be so, for the student to read.
        points: how much it counts.
        look: looks whether it is; raises `Miss` where it is not.
    """

    what: str
    points: int
    look: Callable[[Trial], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exercise:
    """An exercise. Its folder holds `text.md`, and in `start/` what a student begins with.

    Attributes:
        name: what one types.
        folder: where it is.
        hands_in: the files of a solution.
        links: SPECs of single links; may depend on the seed, so that neighbours have different labs.
        prepare: makes what depends on the lab, into the student's folder.
    """

    name: str
    folder: Path
    hands_in: tuple[str, ...]
    checks: tuple[Check, ...]
    topology: str = "star"
    nodes: int = 3
    links: Callable[[int], Links] = lambda _: ()
    prepare: Callable[[Lab, Path], None] | None = None

    @property
    def text(self) -> str:
        """The text, in Markdown."""
        return (self.folder / "text.md").read_text("utf-8")

    @property
    def title(self) -> str:
        """The text's first heading."""
        found = re.match(r"# (.+)", self.text)
        return found[1] if found else self.name

    @property
    def points(self) -> int:
        """What a whole solution scores."""
        return sum(check.points for check in self.checks)

    def spec(self, name: str, seed: int) -> LabSpec:
        """The words for its lab."""
        return LabSpec(name=name, topology=self.topology, nodes=self.nodes, links=self.links(seed), seed=seed)

    def begin(self, lab: Lab, folder: Path) -> list[Path]:
        """Put the start state into a folder; what is there already stays as it is.

        Returns:
            The files that were written.
        """
        folder.mkdir(parents=True, exist_ok=True)
        new = []
        for source in sorted((self.folder / "start").iterdir()):
            if source.is_file() and not os.path.lexists(folder / source.name):
                files.write(folder / source.name, source.read_text("utf-8"))
                new.append(folder / source.name)
        if self.prepare:
            self.prepare(lab, folder)
        return new
