"""Programs on nodes that measure something: each has a time limit, and all are ended in the end."""

from __future__ import annotations

import itertools
import json
import queue
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from lab.engine.base import Process
from lab.errors import CheckError
from lab.lab import Lab
from lab.model.media import Settings

GRACE_SECONDS = 20.0  # a busy machine takes its time to start programs
FIRST_PORT, PORTS = 21_000, 1000


@dataclass(frozen=True, slots=True)
class Way:
    """From one end of a link to another.

    Attributes:
        source, target: the addresses of both on this link.
        settings: how this direction is declared.
        back: how the other one is; the same on a shared link.
        shaper: what makes it so: `tbf`, `netem` or `wire`.
        shared: whether both directions share one rate.
    """

    lab: str
    link: str
    sender: str
    receiver: str
    source: str
    target: str
    settings: Settings
    back: Settings
    shaper: str
    shared: bool

    def __str__(self) -> str:
        return f"{self.link} ({self.sender} to {self.receiver})"


class Program:
    """A program on a node that a thread of its own listens to, so that no wait is without a limit."""

    def __init__(self, process: Process, way: Way, node: str, limit: float) -> None:
        self._process, self._way, self._node, self._limit = process, way, node, limit
        self._deadline = time.monotonic() + limit
        self._heard: queue.Queue[tuple[str, str]] = queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        try:
            for heard in self._process.lines():
                self._heard.put(heard)
        finally:
            self._heard.put(("end", ""))

    def _next(self) -> tuple[str, str]:
        try:
            return self._heard.get(timeout=max(0.0, self._deadline - time.monotonic()))
        except queue.Empty:
            remedy = f"./inv status --name {self._way.lab}"
            what = f"a measurement on {self._node} took more than {self._limit:.0f} s"
            raise CheckError(what, where=str(self._way), remedy=remedy) from None

    def ready(self, word: str) -> None:
        """Wait until it says a word."""
        said = []
        while (heard := self._next())[0] != "end":
            said.append(heard[1])
            if word in heard[1]:
                return
        raise CheckError(f"a program on {self._node} ended too soon: {' '.join(said)[-300:]}", where=str(self._way))

    def ended(self) -> tuple[int, str, str]:
        """Wait for its end: exit code, and what it said on stdout and stderr since it was ready."""
        said: dict[str, list[str]] = {"stdout": [], "stderr": []}
        while (heard := self._next())[0] != "end":
            said[heard[0]].append(heard[1])
        return self._process.wait(), "\n".join(said["stdout"]), "\n".join(said["stderr"])

    def document(self) -> dict[str, Any]:
        """Wait for its end; the one JSON document that it printed."""
        code, text, complaint = self.ended()
        if code or not text:
            what = f"a program on {self._node} failed with exit code {code}: {complaint[-300:]}"
            raise CheckError(what, where=str(self._way), remedy="./inv doctor")
        document: dict[str, Any] = json.loads(text)
        return document

    def stop(self) -> None:
        """End it."""
        self._process.stop()


class Programs:
    """The measuring programs on a lab's nodes. As a context manager, it ends in the end whatever runs still."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self._running: list[Program] = []
        self._ports = itertools.count()
        self._lock = threading.Lock()
        self._over = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._over = True
            running, self._running = self._running, []
        for program in running:
            program.stop()

    def start(self, way: Way, node: str, argv: Sequence[str], limit: float) -> Program:
        """Start a program that has `limit` seconds, and a busy machine's grace."""
        if self._over:
            raise CheckError("the measurement was broken off", where=str(way))
        program = Program(self.lab.start(node, argv), way, node, limit + GRACE_SECONDS)
        with self._lock:
            self._running.append(program)
        return program

    def finish(self, program: Program) -> None:
        """End a program, and forget it."""
        program.stop()
        with self._lock:
            if program in self._running:
                self._running.remove(program)

    def port(self) -> str:
        """A port that no other measurement uses now."""
        return str(FIRST_PORT + next(self._ports) % PORTS)
