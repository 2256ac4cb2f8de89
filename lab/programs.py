"""A program that runs on a node, to hold in your hand: what it says, how it ends, and what to wait for meanwhile.

Nothing here polls: a thread reads what the program says as it comes, and whoever waits is woken by it.
"""

from __future__ import annotations

import re
import signal
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from lab.engine.base import Engine, Process
from lab.errors import CheckError, EngineError, LabError, LateError

GONE = 128 + signal.SIGKILL  # of a program whose node was taken away under it
TAIL = 400  # characters of what a program said that go into an error
STOP_SECONDS = 10.0  # the supervisor needs 2 s at most for a program that does not heed it


@dataclass(frozen=True, slots=True)
class Result:
    """How a program on a node ended.

    Attributes:
        node: where it ran.
        argv: the program and its words.
        exit_code: its own; 128 and the signal's number where a signal ended it; 127 if there is no such program.
        stdout: what it said, its lines joined by newlines.
        stderr: what it complained of, likewise.
    """

    node: str
    argv: tuple[str, ...]
    exit_code: int
    stdout: str
    stderr: str

    def check(self) -> Self:
        """Return this result if the program ended well.

        Raises:
            CheckError: its exit code is not 0; the error holds the end of what it said.

        >>> Result("h1", ("true",), 0, "", "").check().exit_code
        0
        >>> Result("h1", ("ping", "h9"), 2, "", "ping: h9: Name or service not known").check()
        Traceback (most recent call last):
        lab.errors.CheckError: h1: `ping h9` ended with exit code 2: ping: h9: Name or service not known
        """
        __tracebackhide__ = True  # for pytest: the failure is the caller's
        if self.exit_code:
            raise CheckError(_with_tail(f"ended with exit code {self.exit_code}", self), where=self.node)
        return self


class Running:
    """A program that runs on a node. As a context manager, it stops the program at the end.

    Attributes:
        node: where it runs.
        argv: the program and its words.
    """

    def __init__(self, engine: Engine, lab: str, node: str, argv: Sequence[str]) -> None:
        """Start it; `engine.base.Engine.start` says what may be raised."""
        self.node = node
        self.argv = tuple(argv)
        self._engine = engine
        self._lab = lab
        self._process: Process = engine.start(lab, node, self.argv)
        self._changed = threading.Condition()
        self._lines: list[tuple[str, str]] = []
        self._looked_at = 0
        self._exit_code: int | None = None
        self._at_end: list[Callable[[], None]] = []
        threading.Thread(target=self._listen, name=f"{node}: {self.argv[0]}", daemon=True).start()

    def _listen(self) -> None:
        try:
            for line in self._process.lines():
                with self._changed:
                    self._lines.append(line)
                    self._changed.notify_all()
            code = self._process.wait()
        except (LabError, OSError):  # the node was taken away under it
            code = GONE
        with self._changed:
            self._exit_code = code
            self._changed.notify_all()
        for call in self._at_end:
            call()

    @property
    def stdout(self) -> str:
        """What it has said until now."""
        return self._said("stdout")

    @property
    def stderr(self) -> str:
        """What it has complained of until now."""
        return self._said("stderr")

    @property
    def output(self) -> str:
        """Both, in the order in which the lines came."""
        return self._said("stdout", "stderr")

    def _said(self, *streams: str) -> str:
        with self._changed:
            return "\n".join(text for stream, text in self._lines if stream in streams)

    @property
    def exit_code(self) -> int | None:
        """Its exit code; None while it runs."""
        with self._changed:
            return self._exit_code

    def wait(self, timeout: float = 60.0) -> Result:
        """Wait for its end.

        Args:
            timeout: in seconds.

        Raises:
            LateError: it still runs then, and goes on.
        """
        __tracebackhide__ = True  # for pytest: the failure is the caller's
        with self._changed:
            if not self._changed.wait_for(lambda: self._exit_code is not None, timeout):
                raise self._late("did not end", timeout)
            code = self._exit_code
        assert code is not None  # noqa: S101 - it was waited for
        return Result(self.node, self.argv, code, self.stdout, self.stderr)

    def wait_for_line(self, pattern: str, timeout: float = 10.0) -> re.Match[str]:
        """Wait for a line, on either stream, that a regular expression is found in.

        A second call goes on after the line that the first one found.

        Args:
            pattern: as `re.search` takes it.
            timeout: in seconds.

        Returns:
            What was found; `.string` is the whole line.

        Raises:
            LateError: there was none in that time.
            CheckError: the program ended without such a line.
        """
        __tracebackhide__ = True  # for pytest: the failure is the caller's
        wanted = re.compile(pattern)
        until = time.monotonic() + timeout
        with self._changed:
            while True:
                while self._looked_at < len(self._lines):
                    found = wanted.search(self._lines[self._looked_at][1])
                    self._looked_at += 1
                    if found:
                        return found
                if self._exit_code is not None:
                    raise self._ended(f"before it said {pattern!r}")
                if not self._changed.wait(until - time.monotonic()):
                    raise self._late(f"did not say {pattern!r}", timeout)

    def wait_for_port(self, port: int, protocol: str = "tcp", timeout: float = 10.0) -> None:
        """Wait until somebody on the node listens on a port.

        Args:
            port: 1 to 65535.
            protocol: `tcp` or `udp`.
            timeout: in seconds.

        Raises:
            LateError: nobody did in that time.
            CheckError: this program ended before.
        """
        __tracebackhide__ = True  # for pytest: the failure is the caller's
        words = ("--port", str(port), "--protocol", protocol, "--timeout", f"{timeout:g}")
        with Running(self._engine, self._lab, self.node, ("python3", "-m", "lab.apps.listening", *words)) as watch:
            self._at_end.append(watch.stop)
            if self.exit_code is not None:
                raise self._ended(f"before it listened on port {port}")
            done = watch.wait(timeout + STOP_SECONDS)
            self._at_end.remove(watch.stop)
        if done.exit_code and self.exit_code is not None:
            raise self._ended(f"before it listened on port {port}")
        if done.exit_code == 1:
            raise self._late(f"did not listen on {protocol} port {port}", timeout)
        done.check()

    def send_signal(self, number: int) -> None:
        """Send the program a signal, as `subprocess.Popen.send_signal` does; one that has ended gets none."""
        self._process.send_signal(number)

    def stop(self) -> None:
        """End the program and what it started: SIGTERM, and SIGKILL after 2 s. Does not wait."""
        self._process.stop()

    def _late(self, what: str, timeout: float) -> LateError:
        return LateError(_with_tail(f"{what} within {timeout:g} s", self), where=self.node)

    def _ended(self, when: str) -> CheckError:
        return CheckError(_with_tail(f"ended with exit code {self.exit_code} {when}", self), where=self.node)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        if self.exit_code is None:
            self.wait(STOP_SECONDS)

    def __repr__(self) -> str:
        state = "running" if self.exit_code is None else f"exit code {self.exit_code}"
        return f"<{self.node}: {_words(self)}, {state}>"


def ended(running: Sequence[Running], seconds: float = STOP_SECONDS) -> None:
    """Stop programs, all at once, and wait for their end.

    Raises:
        EngineError: one does not end.
    """
    for program in running:
        program.stop()
    for program in running:
        try:
            program.wait(seconds)
        except LateError as error:
            raise EngineError(
                f"{_words(program)} does not end", where=program.node, remedy="./inv down, then again"
            ) from error


def _words(program: Result | Running) -> str:
    return f"`{' '.join(program.argv)}`"


def _with_tail(what: str, program: Result | Running) -> str:
    said = (program.stderr or program.stdout).strip()
    return f"{_words(program)} {what}" + (f": {said[-TAIL:]}" if said else "")
