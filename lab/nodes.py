"""A node of a lab, to hold in your hand: run programs on it, and carry files to and from it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lab.engine.base import Engine
from lab.errors import WordsError
from lab.model.tables import NodePlan
from lab.programs import Result, Running


class LiveNode:
    """A node that is there; `lab["h1"]`."""

    def __init__(self, engine: Engine, lab: str, plan: NodePlan, started: list[Running]) -> None:
        self.plan = plan
        self._engine = engine
        self._lab = lab
        self._started = started  # by all nodes of the lab: who resets it ends them

    @property
    def name(self) -> str:
        """Its name: `h1`."""
        return self.plan.name

    @property
    def address(self) -> str:
        """The address by which the other nodes know it: `198.18.0.2`."""
        return self.plan.address

    def run(self, argv: Sequence[str], *, timeout: float = 60.0) -> Result:
        """Run a program to its end.

        Args:
            argv: the program and its words; there is no shell, unless you name one.
            timeout: in seconds; the program is ended then.

        Returns:
            How it ended, whether well or not; `.check()` raises if not.

        Raises:
            LateError: the time was up.
            EngineError: the node does not run.
        """
        __tracebackhide__ = True  # for pytest: the failure is the caller's
        with self.start(argv) as program:
            return program.wait(timeout)

    def start(self, argv: Sequence[str]) -> Running:
        """Start a program, and go on.

        It is ended by `.stop()`, at the end of a `with` block, when the lab is reset or goes down, and when this
        process ends, whatever the cause.

        Raises:
            WordsError: there is nothing to start.
            EngineError: the node does not run.
        """
        if not argv or isinstance(argv, str):
            raise WordsError(
                f"{argv!r} is no list of words", where=self.name, remedy='as run(["ping", "-c", "1", "h2"])'
            )
        self._started[:] = [program for program in self._started if program.exit_code is None]
        program = Running(self._engine, self._lab, self.name, argv)
        self._started.append(program)
        return program

    def put(self, source: Path | str, target: str = "/root/") -> None:
        """Copy a file onto the node, with its permissions; a `target` that ends in `/` is a folder.

        Raises:
            WordsError: there is no such file here.
            EngineError: there is no such folder there.
        """
        if not Path(source).is_file():
            raise WordsError("there is no such file", where=str(source))
        self._engine.put(self._lab, self.name, Path(source), target)

    def get(self, source: str) -> bytes:
        """The content of a file on the node.

        Raises:
            EngineError: there is no such file there.
        """
        return self._engine.get(self._lab, self.name, source)

    def __repr__(self) -> str:
        return f"<node {self.name} of {self._lab}, {self.address}>"
