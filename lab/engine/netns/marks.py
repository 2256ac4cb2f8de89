"""Which processes belong to which lab: by notes in the state folder, and by what the processes carry themselves.

A note holds a process's number and start time, so that a number that was given out again is never mistaken. Notes
can be lost; what a process was started with cannot. Standard library only.
"""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from lab.errors import EngineError
from lab.fabric.namespaces import numbers_of

FABRIC, WIRE, HELPER = "fabric", "wire", "helper"
ENGINE_KEY, ROLE_KEY, LAB_KEY, NODE_KEY, WORDS_KEY = (
    "WIRELAB_ENGINE",
    "WIRELAB_ROLE",
    "WIRELAB_LAB",
    "WIRELAB_NODE",
    "WIRELAB_WORDS",
)
ENGINE = "netns"
PATIENCE_SECONDS = 20.0
CAP_SYS_ADMIN, CAP_BLOCK_SUSPEND = 21, 36  # linux/capability.h; a keeper has the second one only


@dataclass(frozen=True, slots=True)
class Found:
    """A process of a lab. `role` is `node`, or one of the above; `node` and `words` are empty where it has none."""

    process: int
    lab: str
    role: str
    node: str
    words: str


def environment(lab: str, role: str, **more: str) -> dict[str, str]:
    """What a process of a lab is started with, so that `processes` finds it."""
    return {ENGINE_KEY: ENGINE, ROLE_KEY: role, LAB_KEY: lab, **more}


def node_mark(node: str) -> str:
    """The note of a node's keeper, in the lab's folder."""
    return f"nodes/{node}"


def started(process: int) -> str | None:
    """When a process started, in the kernel's ticks; None where there is none any more: proc_pid_stat(5)."""
    try:
        # The name, in parentheses, may hold anything; the state is the first field after it, the time the twentieth.
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else fields[19]


def note(path: Path, process: int) -> None:
    """Write down which process it is."""
    path.write_text(f"{process} {started(process) or 'gone'}\n")


def noted(path: Path) -> int | None:
    """The process that a note speaks of, if it is still there."""
    try:
        process, since = path.read_text().split()
    except (OSError, ValueError):
        return None
    return int(process) if started(int(process)) == since else None


def processes(lab: str | None = None) -> list[Found]:
    """The processes of a lab, or of all, by what they carry in their environment.

    Those inside a node do not count, but for its keeper: a program there is root too, and may carry what it likes.
    Nor does what `can_be_ours` rules out.
    """
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if folder.stat().st_uid:  # anybody may call their processes what they like; ours are root's
                continue
            words = (folder / "environ").read_bytes().split(b"\0")
            if f"{ENGINE_KEY}={ENGINE}".encode() not in words or not can_be_ours(folder):
                continue
        except OSError:
            continue  # it ended, or it is not ours to see
        has = dict(word.decode(errors="replace").split("=", 1) for word in words if b"=" in word)
        if lab in (None, has.get(LAB_KEY)) and started(int(folder.name)):
            more = (has.get(key, "") for key in (LAB_KEY, ROLE_KEY, NODE_KEY, WORDS_KEY))
            found.append(Found(int(folder.name), *more))
    return found


def can_be_ours(folder: Path) -> bool:
    """Whether a process may be a part of a lab: by where it is, and what it may do at most, which no program chooses.

    Outside of nodes, any may. Of the processes in a PID namespace the first may, if it is a keeper, or is just about
    to become one. A container's is neither: root in there can write into its environment, or put a program of its own
    into its place before the container starts again.

    Args:
        folder: the process's in /proc.

    Raises:
        OSError: it ended.
    """
    further_in = numbers_of(folder)[1:]
    if further_in != [1]:
        return not further_in
    lines = (folder / "status").read_text().splitlines()
    most = next(int(line.split()[1], 16) for line in lines if line.startswith("CapBnd:"))
    return most & ~(1 << CAP_BLOCK_SUSPEND) == 0 or bool(most & 1 << CAP_SYS_ADMIN)


def end(numbers: Iterable[int]) -> None:
    """Kill processes, and wait until they are gone; all of them at once. pidfd_open(2).

    Raises:
        EngineError: one does not go.
    """
    waiting = []
    for number in numbers:
        with suppress(ProcessLookupError):
            handle = os.pidfd_open(number)
            waiting.append(handle)
            signal.pidfd_send_signal(handle, signal.SIGKILL)
    deadline = time.monotonic() + PATIENCE_SECONDS
    try:
        for handle in waiting:
            poll = select.poll()
            poll.register(handle, select.POLLIN)
            if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
                raise EngineError("a process does not end, though killed", remedy="look at it: ps -ef")
    finally:
        for handle in waiting:
            os.close(handle)
