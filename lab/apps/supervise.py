"""Runs one program on behalf of somebody far away, and leaves nothing of it behind.

    python3 -m lab.apps.supervise [--log FILE] [--name WORD] [--timeout SECONDS] [--stdin] -- COMMAND ...

An engine can start a program in a node, but hardly end it: when its own client dies, the program stays. So
this supervisor runs in between. It ends the program's whole process group, SIGTERM first and SIGKILL after
a grace of 2 s, when

- the caller is gone: our stdin ends (not with --stdin), stdout has no reader any more, or SIGHUP comes,
- the time is up,
- it is told to end itself, by SIGTERM or SIGINT,
- the program has ended, and left others of its group behind.

Call it with a stdin that stays open (`docker exec -i`): one from /dev/null means that the caller is gone. A line
`signal N` on it sends signal N to the program alone (not with --stdin).

Exit code: the program's own, 128 + N if signal N ended it, 124 if the time was up, 126 and 127 if it could
not be started (as in timeout(1) and sh(1)), 125 if the log cannot be opened, 2 if the words were wrong.
"""

from __future__ import annotations

import contextlib
import math
import os
import re
import select
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lab.apps.common import Parser, complain, reason, seconds
from lab.apps.relay import Log, Relay
from lab.apps.spawn import (
    STDERR,
    STDIN,
    STDOUT,
    Program,
    adopt_orphans,
    fill_standard_streams,
    hear_signals,
    start,
)

GRACE_SECONDS = 2.0
SIGNAL = re.compile(rb"signal ([0-9]{1,2})")
TIME_WAS_UP, UNUSABLE_LOG, NOT_EXECUTABLE, NOT_FOUND, BY_SIGNAL = 124, 125, 126, 127, 128


@dataclass(frozen=True, slots=True)
class Order:
    """What the words on the command line come to; `timeout` in seconds."""

    command: tuple[str, ...]
    name: str
    log: Path | None
    timeout: float | None
    stdin: bool


def read_words(argv: Sequence[str] | None) -> Order:
    """Read the command line; wrong words end the program with exit code 2."""
    parser = Parser("Runs one program on behalf of somebody far away, and leaves nothing of it behind.")
    parser.add_argument("--log", type=Path, metavar="FILE", help="append each line to it, with time and name")
    parser.add_argument("--name", metavar="WORD", help="the name in the log (default: the command's)")
    parser.add_argument("--timeout", type=seconds, metavar="SECONDS", help="end the program after this time")
    parser.add_argument("--stdin", action="store_true", help="the program reads our stdin, instead of nothing")
    parser.add_argument("command", nargs="+", metavar="COMMAND", help="the program and its words, after --")
    words = parser.parse_args(argv)
    if words.name is not None and not _is_word(words.name):
        parser.error(f"argument --name: one word is needed, not {words.name!r}")
    usual = Path(words.command[0]).name
    name = words.name or (usual if _is_word(usual) else "program")
    return Order(tuple(words.command), name, words.log, words.timeout, words.stdin)


def _is_word(text: str) -> bool:
    return bool(text) and text.isprintable() and " " not in text


class Supervisor:
    """Looks after one running program until it, and all that it started, has ended."""

    def __init__(self, order: Order, program: Program, alarm: int, log: Log) -> None:
        """Take over a running program; `alarm` is the descriptor where signals arrive (`hear_signals`)."""
        self._program = program.process
        self._alarm = alarm
        self._relays = (Relay(program.outputs, STDOUT, log), Relay(program.errors, STDERR, log))
        self._time_up_at = math.inf if order.timeout is None else time.monotonic() + order.timeout
        self._kill_at = math.inf
        self._stdin_is_open = not order.stdin
        self._begun = b""
        self._has_ended = self._was_killed = self._time_was_up = False

    def run(self) -> int:
        """Carry the program's output until it has ended and all is carried; returns the exit code."""
        while not self._is_finished():
            self._keep_time()
            self._look()
        return self._clear_up()

    def _is_finished(self) -> bool:
        """Whether it has ended and all is carried; as a zombie until `_clear_up`, it keeps its group's number."""
        if not self._has_ended:
            options = os.WEXITED | os.WNOHANG | os.WNOWAIT
            self._has_ended = os.waitid(os.P_PID, self._program, options) is not None
            if self._has_ended:
                for relay in self._relays:
                    relay.stop_at_what_is_buffered()
        if not self._has_ended:
            return False
        is_carried = not any(relay.waits_for for relay in self._relays)
        return is_carried or time.monotonic() >= self._kill_at + GRACE_SECONDS

    def _keep_time(self) -> None:
        now = time.monotonic()
        if now >= self._kill_at and not self._has_ended and not self._was_killed:
            self._was_killed = True
            self._signal_group(signal.SIGKILL)
        if now >= self._time_up_at:
            self._time_up_at = math.inf
            self._time_was_up = not self._has_ended and self._kill_at == math.inf
            self._end_program()

    def _look(self) -> None:
        """Wait for the next thing to happen, and see to it.

        With poll(2) itself: `selectors` cannot wait for a stdout to break without waiting for it to be ready.
        """
        poll = select.poll()
        poll.register(self._alarm, select.POLLIN)
        if self._stdin_is_open:
            poll.register(STDIN, select.POLLIN)
        if not self._relays[0].sink_is_gone:
            poll.register(STDOUT, 0)
        wanted = [relay.waits_for for relay in self._relays]
        for descriptor, event in filter(None, wanted):
            poll.register(descriptor, event)
        happened = dict(poll.poll(self._pause_ms()))
        self._heed_caller(happened)
        for relay, wish in zip(self._relays, wanted, strict=True):
            if wish and wish[0] in happened:
                relay.advance()

    def _pause_ms(self) -> int | None:
        """How long nothing can become due; None for ever."""
        due = math.inf if self._was_killed else self._kill_at
        if self._has_ended:
            due = self._kill_at + GRACE_SECONDS
        due = min(due, self._time_up_at)
        return None if due == math.inf else max(0, math.ceil((due - time.monotonic()) * 1000))

    def _heed_caller(self, happened: dict[int, int]) -> None:
        """End the program if the caller is gone, or says so."""
        if self._alarm in happened and set(os.read(self._alarm, 64)) - {signal.SIGCHLD}:
            self._end_program()
        if self._stdin_is_open and STDIN in happened:
            self._heed_words(_read_some(STDIN))
        if happened.get(STDOUT, 0) & (select.POLLERR | select.POLLHUP | select.POLLNVAL):
            self._relays[0].drop_sink()
        if self._relays[0].sink_is_gone:
            self._end_program()

    def _heed_words(self, said: bytes) -> None:
        """Pass on the signals that the caller asks for; an end of its words is the end of the caller."""
        if not said:
            self._stdin_is_open = False
            self._end_program()
        *lines, self._begun = (self._begun + said).split(b"\n")
        for line in lines:
            if (asked := SIGNAL.fullmatch(line)) and not self._has_ended:
                with contextlib.suppress(OSError):
                    os.kill(self._program, int(asked[1]))

    def _end_program(self) -> None:
        """Ask the group to end, once; the grace runs from here."""
        if self._kill_at == math.inf:
            self._kill_at = time.monotonic() + GRACE_SECONDS
            self._signal_group(signal.SIGTERM)

    def _signal_group(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._program, number)
            os.killpg(self._program, signal.SIGCONT)  # one that is stopped hears nothing else

    def _clear_up(self) -> int:
        """End what the program left behind, and return the exit code."""
        for relay in self._relays:
            relay.close()
        # Once more, even if it had been told: a child forked just then may have missed the first SIGTERM.
        self._signal_group(signal.SIGTERM)
        self._kill_at = min(self._kill_at, time.monotonic() + GRACE_SECONDS)
        _, status = os.waitpid(self._program, 0)
        while self._has_orphans() and (rest := self._kill_at - time.monotonic()) > 0:
            if select.select([self._alarm], [], [], rest)[0]:
                os.read(self._alarm, 64)
        if self._has_orphans():
            self._signal_group(signal.SIGKILL)
        if self._time_was_up:
            return TIME_WAS_UP
        code = os.waitstatus_to_exitcode(status)
        return code if code >= 0 else BY_SIGNAL - code

    def _has_orphans(self) -> bool:
        """Whether anyone of the group is left; they are our children, because we are a subreaper."""
        with contextlib.suppress(ChildProcessError):
            while True:
                if os.waitpid(-self._program, os.WNOHANG)[0] == 0:
                    return True
        return False


def _read_some(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 4096)
    except OSError:  # a terminal that was hung up
        return b""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the supervisor; returns the exit code."""
    fill_standard_streams()
    order = read_words(argv)
    try:
        log = Log.at(order.log, order.name)
    except OSError as error:
        complain(f"supervise: cannot open the log {order.log}: {reason(error)}")
        return UNUSABLE_LOG
    alarm = hear_signals()
    adopt_orphans()
    try:
        program = start(order.command, with_stdin=order.stdin)
    except OSError as error:
        complain(f"supervise: cannot start {order.command[0]}: {reason(error)}")
        return NOT_FOUND if isinstance(error, FileNotFoundError) else NOT_EXECUTABLE
    return Supervisor(order, program, alarm, log).run()


if __name__ == "__main__":
    sys.exit(main())
