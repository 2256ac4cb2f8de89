"""Runs ip and tc, many commands in one process, and reads what they say as JSON."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Sequence
from typing import Any


class AgentError(Exception):
    """Something in the fabric did not work: what, and on which node or link."""

    def __init__(self, what: str, where: str = "") -> None:
        super().__init__(what, where)
        self.what = what
        self.where = where


def batch(tool: str, commands: Iterable[Sequence[str]], where: str) -> None:
    """Run commands of ip(8) or tc(8) in one process; the first that fails ends it.

    Args:
        tool: `ip` or `tc`.
        commands: argument vectors, without the tool's name; no word may hold white space.
        where: the node or link that an error is about.

    Raises:
        AgentError: a command failed; with the command and what the tool said.
    """
    lines = [" ".join(command) for command in commands]
    if not lines:
        return
    done = subprocess.run(
        [tool, "-batch", "-"], input="\n".join(lines) + "\n", text=True, capture_output=True, check=False
    )
    if done.returncode:
        raise AgentError(f"{tool} {_failed(lines, done.stderr)}: {_first_line(done.stderr)}", where)


def _failed(lines: list[str], stderr: str) -> str:
    """The command that a batch failed at; the tools say `Command failed -:3`."""
    tail = stderr.strip().rpartition("-:")[2]
    number = int(tail) if tail.isdigit() else 1
    return lines[min(number, len(lines)) - 1]


def _first_line(text: str) -> str:
    return next(iter(text.strip().splitlines()), "no reason given")


def ask(*command: str) -> list[dict[str, Any]]:
    """Run a command of ip or tc that prints a JSON list, and return the list without empty entries.

    Raises:
        AgentError: it failed.
    """
    done = subprocess.run(command, text=True, capture_output=True, check=False)
    if done.returncode:
        raise AgentError(f"{' '.join(command)}: {_first_line(done.stderr)}")
    return [entry for entry in json.loads(done.stdout or "[]") if entry]


def works(*command: str) -> bool:
    """Whether a command ends well."""
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
