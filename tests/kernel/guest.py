"""A guest kernel with netem: user-mode Linux on the host's own files, as one process that answers requests.

The host's files are read-only to it, twice over: the root is mounted so in the guest, and in the mount namespace that
the kernel's process runs in. It writes to file systems in memory only, and answers over a serial line; so a guest that
is killed leaves nothing behind.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.kernel.tree import Tree

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
MEMORY = "1G"
BOOT_SECONDS = 60.0
END_SECONDS = 10.0
TAIL = 40  # lines of the console that a failure shows


class GuestError(Exception):
    """The guest did not boot, died, or took too long; with the end of its console."""


class Guest:
    """A running guest kernel. Ended by `end`, or by the end of whoever started it."""

    def __init__(self, tree: Tree, console: Path) -> None:
        self.console = console
        theirs_in, self._out = os.pipe()
        self._in, theirs_out = os.pipe()
        self._rest = b""
        with console.open("wb") as log:
            begun = time.monotonic()
            # A process group of its own, which `end` kills; the launcher's namespaces take all else with them.
            self._process = subprocess.Popen(
                _command(tree, console, theirs_in, theirs_out),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=(theirs_in, theirs_out),
                start_new_session=True,
            )
        os.close(theirs_in)
        os.close(theirs_out)
        try:
            self.facts: dict[str, Any] = self._answer(BOOT_SECONDS, "boot")["result"]
        except BaseException:
            self.end()
            raise
        self.boot_seconds = time.monotonic() - begun

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._process.poll() is None

    def call(self, operation: str, seconds: float, **words: Any) -> Any:
        """Have something done inside.

        Args:
            operation: a name from `tests.kernel.inside.OPERATIONS`.
            seconds: the time limit; a guest that exceeds it is killed.
            words: the operation's arguments.

        Raises:
            GuestError: it died, took too long, or the operation failed; with the end of its console.
        """
        if not self.alive:
            raise GuestError(f"the guest is gone before {operation}\n{self.tail()}")
        os.write(self._out, json.dumps({"operation": operation, "words": words}).encode() + b"\n")
        answer = self._answer(seconds, operation)
        if "error" in answer:
            raise GuestError(f"{operation} failed in the guest\n{answer['error']}\n{self.tail()}")
        return answer["result"]

    def _answer(self, seconds: float, what: str) -> dict[str, Any]:
        """The next line from the guest; it is killed if that does not come in time."""
        deadline = time.monotonic() + seconds
        while b"\n" not in self._rest:
            ready, _, _ = select.select([self._in], [], [], max(0.0, deadline - time.monotonic()))
            piece = os.read(self._in, 1 << 16) if ready else b""
            if not piece:
                self.end(orderly=False)
                why = "ended" if ready else f"took more than {seconds:g} s"
                raise GuestError(f"the guest {why} in {what}\n{self.tail()}")
            self._rest += piece
        line, _, self._rest = self._rest.partition(b"\n")
        found: dict[str, Any] = json.loads(line)
        return found

    def tail(self) -> str:
        """The end of what it said on its console."""
        lines = self.console.read_text(errors="replace").splitlines()
        return f"the end of {self.console}:\n" + "\n".join(lines[-TAIL:])

    def end(self, *, orderly: bool = True) -> None:
        """End it: nobody asks any more, so it powers off; if it does not, it is killed. May be called again.

        Args:
            orderly: whether to give it the time.
        """
        for descriptor in (self._out, self._in):
            with suppress(OSError):
                os.close(descriptor)
        first = self._first_inside()
        try:
            self._process.wait(END_SECONDS if orderly else 0)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        if first is not None:  # it is gone when all others in its namespace are: pid_namespaces(7)
            select.select([first], [], [], END_SECONDS)
            os.close(first)

    def _first_inside(self) -> int | None:
        """A pidfd of the first process of the guest's PID namespace, the launcher's only child; None if it is gone."""
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        try:
            return os.pidfd_open(int(children.read_text().split()[0]))
        except (OSError, IndexError):
            return None


def _command(tree: Tree, console: Path, hears: int, says: int) -> list[str]:
    """The command that boots a guest.

    Args:
        tree: the kernel.
        console: where its console is written; no two guests have the same, so its processes can be told by that.
        hears: the descriptor that its serial line reads from.
        says: the descriptor that it writes to.
    """
    # In this PID namespace all processes go with the first, and that goes with unshare(1).
    apart = ["unshare", "--mount", "--pid", "--fork", "--kill-child=KILL"]
    # What the host unmounts meanwhile goes here too, and nothing that is mounted here is seen there.
    apart += ["--propagation", "slave"]
    root = ["rootfstype=hostfs", "rootflags=/mnt", "ro"]
    lines = ["con=null", "con0=null,fd:1", f"ssl0=fd:{hears},fd:{says}"]
    # seccomp: system calls are caught in the process, not by ptrace(2), where the host allows that: twice as fast.
    kernel = [f"mem={MEMORY}", "uml_dir=/tmp/", "panic=-1", "ipv6.disable=1", "seccomp=auto"]
    told = {
        "wirelab_console": console,
        "wirelab_tree": tree.path,
        "wirelab_root": ROOT,
        "wirelab_python": sys.executable,
    }
    words = [f"{key}={value}" for key, value in told.items()]
    start = ["sh", str(HERE / "launch.sh"), str(tree.path), "/usr/bin/linux.uml"]
    return [*apart, *start, *root, *lines, *kernel, *words, "init=/bin/sh", "--", str(HERE / "init.sh")]
