"""What integration tests do with a lab."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import testinfra
from testinfra.host import Host

from lab.engine.base import Engine, Process
from lab.lab import Lab
from tests.engine_contract import await_line

ROOT = Path(__file__).parents[1]
METER = ("python3", "-m", "lab.apps.meter")
_HOLD = """
import sys
from lab.engine.select import select
with select(sys.argv[1]).claim(*sys.argv[2:]):
    print("held", flush=True)
    sys.stdin.read()
"""


def holder(engine: Engine, lab: str, doing: str) -> subprocess.Popen[str]:
    """Another process, which holds the claim on a lab until it is killed, or its stdin ends."""
    argv = [sys.executable, "-c", _HOLD, engine.name, lab, doing]
    process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    await_line(iter(process.stdout or ()), "held")
    return process


@dataclass(frozen=True, slots=True)
class Bench:
    """A lab, and what tests do with it."""

    lab: Lab

    def host(self, node: str) -> Host:
        """A node, for testinfra."""
        return testinfra.get_host(f"docker://{self.lab.name}-{node}")

    def out(self, node: str, *argv: str) -> str:
        """What a command on a node prints; it must end well."""
        code, lines = self.result(node, *argv)
        assert code == 0, f"{node}: {' '.join(argv)}: exit code {code}: {lines}"
        return "\n".join(text for stream, text in lines if stream == "stdout")

    def result(self, node: str, *argv: str) -> tuple[int, list[tuple[str, str]]]:
        """Exit code and lines of a command on a node."""
        process = self.lab.start(node, list(argv))
        lines = list(process.lines())
        return process.wait(), lines

    @contextmanager
    def running(self, node: str, *argv: str, until: str = "") -> Generator[tuple[Process, Iterator[tuple[str, str]]]]:
        """A program on a node, from its first line that holds `until`, ended at the end of the block."""
        process = self.lab.start(node, list(argv))
        lines = process.lines()
        try:
            seen = []
            for _, text in lines:
                seen.append(text)
                if until in text:
                    break
            else:
                pytest.fail(f"{node}: {' '.join(argv)} never said {until!r}: {seen}")
            yield process, lines
        finally:
            process.stop()
            for _ in lines:
                pass

    def trains(self, *ways: tuple[str, str], size: int, count: int, rate: float) -> list[dict[str, Any]]:
        """Send a train of datagrams along each way at once, and return what each receiver saw.

        Args:
            ways: sender and receiver of each.
            size: payload in bytes.
            count: datagrams.
            rate: of each sender, in bit/s of frames; 0: all at once.
        """
        with ExitStack() as stack:
            receivers = [
                stack.enter_context(self.running(to, *METER, "receive", "--arrivals", "--idle", "1.5", until="ready"))
                for _, to in ways
            ]
            words = ("--size", str(size), "--count", str(count), "--rate", str(rate))
            senders = [self.lab.start(of, [*METER, "send", to, *words]) for of, to in ways]
            for sender in senders:
                assert [stream for stream, _ in sender.lines()] == ["stdout"]
            return [json.loads(next(text for _, text in lines)) for _, lines in receivers]
