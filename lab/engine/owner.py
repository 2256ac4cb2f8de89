"""Which process something belongs to, so that others can tell when it has gone. Knows no engine."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from dataclasses import asdict, astuple, dataclass
from pathlib import Path
from typing import Self

from lab.engine.netns import marks


@dataclass(frozen=True, slots=True)
class Owner:
    """A process, told apart from every other one, of this machine or another, now or later.

    A lab that a program or a test brings up belongs to it: `Lab.up(spec, owner=Owner.here())`. A lab that was typed
    has no owner, for it is to outlive its shell.

    Attributes:
        machine: the machine's name, and its identity where it has one (machine-id(5)).
        boot: which start of that machine; empty where the system does not tell.
        space: the PID namespace that `process` is a number in: a container has its own.
        process: its number.
        started: when it started, as the system tells it; numbers are given out again.
    """

    machine: str
    boot: str
    space: str
    process: int
    started: str

    @classmethod
    def here(cls) -> Self:
        """The calling process."""
        process = os.getpid()
        return cls(_machine(), _boot(), _space(), process, _started(process) or "")

    @classmethod
    def read(cls, text: str) -> Self | None:
        """Read what `to_json` wrote; None where it is something else."""
        try:
            read = cls(**json.loads(text))
        except (ValueError, TypeError):
            return None
        kinds = [type(value) for value in astuple(read)]
        return read if kinds == [str, str, str, int, str] else None

    def to_json(self) -> str:
        """The owner as one line."""
        return json.dumps(asdict(self), separators=(",", ":"))

    @property
    def seen(self) -> bool:
        """Whether it can be told from here if it is there: not of a process in a container, or on another machine."""
        return self.machine == _machine() and (self.boot != _boot() or self.space == _space())

    @property
    def gone(self) -> bool:
        """Whether it has ended, for certain."""
        return self.seen and (self.boot != _boot() or _started(self.process) != self.started)

    def __str__(self) -> str:
        where = "" if self.machine == _machine() else f" on {self.machine.partition(' ')[0]}"
        return f"process {self.process}{where}"


def _machine() -> str:
    return f"{platform.node()} {_content('/etc/machine-id')}".strip()


def _boot() -> str:
    return _content("/proc/sys/kernel/random/boot_id")


def _space() -> str:
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return ""


def _content(path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return ""


def _started(process: int) -> str | None:
    """When a process started, by the system's own count; None where there is none any more."""
    if sys.platform != "linux":
        done = subprocess.run(
            ["ps", "-o", "lstart=", "-p", str(process)],
            capture_output=True,
            text=True,
            check=False,
            env={"LC_ALL": "C", "TZ": "UTC", "PATH": os.environ.get("PATH", "/bin:/usr/bin")},
        )
        return done.stdout.strip() or None
    return marks.started(process)
