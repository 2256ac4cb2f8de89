"""Starts the real programs as processes over loopback, and awaits what they say."""

from __future__ import annotations

import os
import random
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

import pytest

ROOT = Path(__file__).parents[3]
PATIENCE_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Ended:
    """How a program ended: its exit code, and what it had said that nobody had read yet."""

    code: int
    out: str
    err: str


class Ear:
    """Reads one stream of a program, with a deadline."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._heard = b""

    def until(self, mark: bytes) -> bytes:
        """Wait for `mark` (an empty one: for the end of the stream); returns what came before it."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not (mark and mark in self._heard):
            rest = max(0.0, deadline - time.monotonic())
            if not select.select([self._stream], [], [], rest)[0]:
                pytest.fail(f"waited in vain for {mark!r}, heard only {self._heard!r}")
            piece = os.read(self._stream.fileno(), 1 << 16)
            if not piece:
                break
            self._heard += piece
        if mark and mark not in self._heard:
            pytest.fail(f"ended without {mark!r}, said only {self._heard!r}")
        before, _, self._heard = self._heard.partition(mark) if mark else (self._heard, b"", b"")
        return before


class Running:
    """A program that runs, and that can be listened to, spoken to and ended."""

    def __init__(self, argv: list[str], env: dict[str, str] | None) -> None:
        pipe = subprocess.PIPE
        whole = None if env is None else {**os.environ, **env}
        self.process = subprocess.Popen(argv, bufsize=0, stdin=pipe, stdout=pipe, stderr=pipe, cwd=ROOT, env=whole)
        assert self.process.stdin
        assert self.process.stdout
        assert self.process.stderr
        self.stdin, self.stdout = self.process.stdin, self.process.stdout
        self._out, self._err = Ear(self.process.stdout), Ear(self.process.stderr)

    def line(self) -> str:
        """The next line on stdout."""
        return self._out.until(b"\n").decode()

    def lines(self, count: int) -> list[str]:
        """The next lines on stdout."""
        return [self.line() for _ in range(count)]

    def says(self, words: str) -> None:
        """Wait for words on stdout, whether or not a line ends there."""
        self._out.until(words.encode())

    def complaint(self) -> str:
        """The next line on stderr."""
        return self._err.until(b"\n").decode()

    def hears(self, text: str) -> None:
        """Type something."""
        self.stdin.write(text.encode())

    def ends(self, *, with_stdin: bool = True) -> Ended:
        """Wait for the end; its stdin is closed first, unless that is itself a reason to end."""
        if with_stdin:
            self.stdin.close()
        out, err = self._out.until(b""), self._err.until(b"")
        return Ended(self.process.wait(PATIENCE_SECONDS), out.decode(), err.decode())

    def gets(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    def clear_away(self) -> None:
        """End it if it runs still, a supervisor with all that it looks after, and close the pipes."""
        with self.process:
            self.process.terminate()
            try:
                self.process.wait(PATIENCE_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()


class Launch(Protocol):
    """Starts `python -m lab.apps.NAME WORDS`."""

    def __call__(self, name: str, *words: object, env: dict[str, str] | None = None) -> Running:
        """Start it; `env` is added to the environment."""


@pytest.fixture
def launch() -> Iterator[Launch]:
    """Start programs, and leave none behind. Without site-packages (-S): on a node there are none either."""
    running: list[Running] = []

    def start(name: str, *words: object, env: dict[str, str] | None = None) -> Running:
        argv = [sys.executable, "-S", "-m", f"lab.apps.{name}", *map(str, words)]
        running.append(Running(argv, env))
        return running[-1]

    yield start
    for program in running:
        program.clear_away()


@pytest.fixture
def free_port() -> int:
    """A port that nobody listens at, over TCP or UDP.

    Below the ephemeral range: else a client may be given this very port, and connect to itself.
    """
    while True:
        port = random.randint(20000, 32000)  # noqa: S311 - nothing secret about a port
        with socket.socket() as stream, socket.socket(type=socket.SOCK_DGRAM) as datagram:
            try:
                stream.bind(("", port))
                datagram.bind(("", port))
            except OSError:
                continue
            return port
