"""Programs on several nodes at once, heard in the order in which they speak, and all ended in the end."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from lab.engine.base import Process
from lab.lab import Lab

Hear = Callable[[str, str, str], None]
"""Takes a line: who says it, `stdout` or `stderr`, and the text."""

ENDING_SECONDS = 15.0  # a program that is told to end has 2 s; a busy machine takes its time


class Side:
    """One program, by the name under which it is heard.

    Attributes:
        quiet: whether nobody is to hear what it says.
        spoke: whether it has said anything on stdout.
        ended: whether it has ended, and all that it said was passed on.
    """

    def __init__(self, name: str, process: Process, *, quiet: bool) -> None:
        self.name = name
        self.process = process
        self.quiet = quiet
        self.spoke = False
        self.ended = False

    @property
    def code(self) -> int:
        """The exit code of a program that has ended."""
        return self.process.wait()


class Stage:
    """Where programs run together. As a context manager, it ends in the end whatever runs still."""

    def __init__(self, lab: Lab, hear: Hear) -> None:
        self._lab = lab
        self._hear = hear
        self._heard: queue.Queue[tuple[Side, str, str]] = queue.Queue()
        self.sides: list[Side] = []

    def start(self, name: str, node: str, argv: Sequence[str], *, quiet: bool = False) -> Side:
        """Start a program on a node."""
        side = Side(name, self._lab.start(node, argv), quiet=quiet)
        self.sides.append(side)
        threading.Thread(target=self._listen, args=(side,), daemon=True).start()
        return side

    def _listen(self, side: Side) -> None:
        try:
            for stream, line in side.process.lines():
                self._heard.put((side, stream, line))
        finally:
            self._heard.put((side, "end", ""))

    def pass_on(self, until: Callable[[], bool], seconds: float | None = None) -> bool:
        """Pass lines on until something is so, or the time is up.

        Returns:
            Whether it is so.
        """
        deadline = None if seconds is None else time.monotonic() + seconds
        while not until():
            try:
                left = None if deadline is None else deadline - time.monotonic()
                if left is not None and left <= 0:  # also where somebody speaks without a pause
                    return False
                side, stream, line = self._heard.get(timeout=left)
            except queue.Empty:
                return False
            if stream == "end":
                side.ended = True
                continue
            side.spoke = side.spoke or stream == "stdout"
            if not side.quiet:
                self._hear(side.name, stream, line)
        return True

    def end(self, side: Side) -> None:
        """End a program, and hear what it still has to say."""
        side.process.stop()
        self.pass_on(lambda: side.ended, ENDING_SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for side in self.sides:
            if not side.ended:
                side.process.stop()
