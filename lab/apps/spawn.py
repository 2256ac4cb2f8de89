"""Starts a program the way a supervisor needs it: in a session of its own, its ends and ours in order.

Only the system calls; what to do with a running program is decided in supervise.
"""

from __future__ import annotations

import ctypes
import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass

STDIN, STDOUT, STDERR = 0, 1, 2
PR_SET_CHILD_SUBREAPER = 36
"""From linux/prctl.h."""


@dataclass(frozen=True, slots=True)
class Program:
    """A running program: its process (and group) id, and the reading ends of its stdout and stderr."""

    process: int
    outputs: int
    errors: int


def start(command: Sequence[str], *, with_stdin: bool) -> Program:
    """Start a program in a session of its own, its stdin ours or /dev/null.

    Raises:
        OSError: it was not found, or is not executable.
    """
    outputs, errors = os.pipe(), os.pipe()
    actions: list[tuple[int, int, int] | tuple[int, int, str, int, int]] = [
        (os.POSIX_SPAWN_DUP2, outputs[1], STDOUT),
        (os.POSIX_SPAWN_DUP2, errors[1], STDERR),
    ]
    if not with_stdin:
        actions.append((os.POSIX_SPAWN_OPEN, STDIN, os.devnull, os.O_RDONLY, 0))
    try:
        # Python ignores SIGPIPE; a program that inherits that writes on when nobody reads.
        process = os.posix_spawnp(
            command[0],
            list(command),
            os.environ,
            file_actions=actions,
            setsid=True,
            setsigdef=[signal.SIGPIPE, signal.SIGXFSZ],
        )
    finally:
        os.close(outputs[1])
        os.close(errors[1])
    return Program(process, outputs[0], errors[0])


def hear_signals() -> int:
    """Have signals written into a pipe, where poll(2) sees them; returns its reading end."""
    hears, tells = os.pipe()
    os.set_blocking(tells, False)
    signal.set_wakeup_fd(tells, warn_on_full_buffer=False)
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:  # as nohup(1) wants
            signal.signal(number, lambda *_: None)
    return hears


def fill_standard_streams() -> None:
    """Put /dev/null where the caller has closed a standard stream, or a pipe of ours takes its number."""
    for descriptor in (STDIN, STDOUT, STDERR):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


def adopt_orphans() -> None:
    """Become the parent of grandchildren whose own has ended, so that their end can be awaited: prctl(2)."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
