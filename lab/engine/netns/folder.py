"""A lab's folder under /run/wirelab: its words, and the notes of its processes.

The folder is there before anything else of the lab, and goes last, so no crash leaves what it does not show.
"""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path

from lab.engine.netns import marks
from lab.errors import NameTakenError
from lab.model.plan import NAME, LabPlan, LabSpec, check_name

STATE = Path("/run/wirelab")
_DESCRIPTION = "lab.json"


@dataclass(frozen=True, slots=True)
class Description:
    """What is written down of a lab: its words and owner (as JSON), its block of addresses, the bridge of each link."""

    words: str
    block: IPv4Network
    bridges: dict[str, str]
    owner: str


class Folder:
    """The folder of one lab, whether it is there or not."""

    def __init__(self, name: str) -> None:
        """Take a lab's name, which becomes part of a path.

        Raises:
            WordsError: it is no lab's name.
        """
        self.name = check_name(name)
        self.path = STATE / name

    def exists(self) -> bool:
        """Whether it is there."""
        return self.path.is_dir()

    @contextmanager
    def made(self, take_back: Callable[[], object]) -> Iterator[None]:
        """Make it, for a lab that is being made.

        Args:
            take_back: removes all of the lab; called if making it fails, Ctrl-C at any moment included.

        Raises:
            NameTakenError: it is there, or something else of a lab of this name is.
        """
        STATE.mkdir(mode=0o700, parents=True, exist_ok=True)
        undo: Callable[[], object] | None = None
        try:
            with _no_interruption():
                self.path.mkdir(mode=0o700)
                undo = self.remove
            self._check_free()
            undo = take_back
            (self.path / "nodes").mkdir()
            yield
        except BaseException as error:
            if undo:
                undo()
            elif isinstance(error, FileExistsError):
                raise self._taken() from None
            raise

    def _check_free(self) -> None:
        """Make sure that nothing of such a lab runs, though its folder was lost."""
        if marks.processes(self.name):
            raise self._taken()

    def _taken(self) -> NameTakenError:
        return NameTakenError(
            "a lab of this name is there",
            where=self.name,
            remedy=f"./inv down --name {self.name}, or give another --name",
        )

    def describe(self, plan: LabPlan, bridges: dict[str, str], owner: str = "") -> None:
        """Write down what the lab is to be, and whose."""
        block = str(plan.addresses.block)
        text = json.dumps({"words": plan.spec.to_json(), "block": block, "bridges": bridges, "owner": owner})
        (self.path / _DESCRIPTION).write_text(text)

    def description(self) -> Description | None:
        """What is written down; None where nothing that can be read is."""
        try:
            found = json.loads((self.path / _DESCRIPTION).read_text())
            return Description(found["words"], IPv4Network(found["block"]), found["bridges"], found.get("owner", ""))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def fabric(self) -> int | None:
        """The keeper of the fabric, if it is there."""
        return marks.noted(self.path / marks.FABRIC)

    def nodes(self) -> dict[str, int]:
        """The keepers of the nodes that are there."""
        found = {path.name: marks.noted(path) for path in self.path.glob(marks.node_mark("*"))}
        return {name: process for name, process in sorted(found.items()) if process}

    def node(self, name: str) -> int | None:
        """The keeper of a node, if it is there."""
        return marks.noted(self.path / marks.node_mark(name))

    def remove(self) -> None:
        """Remove it."""
        shutil.rmtree(self.path, ignore_errors=True)


@contextmanager
def _no_interruption() -> Iterator[None]:
    """Have Ctrl-C wait: else it may come when a thing is done, and not yet known to be."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def names() -> list[str]:
    """The labs that have a folder."""
    return sorted(path.name for path in STATE.glob("*") if path.is_dir() and NAME.fullmatch(path.name))


def read_words(text: str) -> LabSpec | None:
    """A lab's words; None where another version of the project wrote them."""
    try:
        return LabSpec.from_json(text)
    except (ValueError, TypeError, KeyError):
        return None
