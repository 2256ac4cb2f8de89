"""Runs ip and tc, many commands in one process, and reads what they say as JSON."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Sequence
from typing import Any


class AgentError(Exception):
    """Something in the fabric did not work: what, on which node or link, and what to do about it."""

    def __init__(self, what: str, where: str = "", remedy: str | None = None) -> None:
        super().__init__(what, where, remedy)
        self.what = what
        self.where = where
        self.remedy = remedy


def batch(tool: str, commands: Iterable[Sequence[str]], where: str | Sequence[str]) -> None:
    """Run commands of ip(8) or tc(8) in one process; the first that fails ends it.

    Args:
        tool: `ip` or `tc`.
        commands: argument vectors, without the tool's name; no word may hold white space.
        where: the node or link that an error is about; one for all commands, or one for each.

    Raises:
        AgentError: a command failed; with the command and what the tool said.
    """
    lines = [" ".join(command) for command in commands]
    if not lines:
        return
    done = _run([tool, "-batch", "-"], lines)
    if done.returncode:
        number = _failed(done.stderr, len(lines))
        place = where if isinstance(where, str) else where[number]
        raise AgentError(f"{tool} {lines[number]}: {_first_line(done.stderr)}", place)


def _run(argv: list[str], lines: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(argv, input="\n".join(lines) + "\n", text=True, capture_output=True, check=False)


def _failed(stderr: str, count: int) -> int:
    """Which command a batch failed at, from 0; the tools say `Command failed -:3`."""
    tail = stderr.strip().rpartition("-:")[2]
    return min(int(tail) if tail.isdigit() else 1, count) - 1


def _first_line(text: str) -> str:
    return next(iter(text.strip().splitlines()), "no reason given")


def ask(tool: str, *questions: Sequence[str]) -> list[list[dict[str, Any]]]:
    """Run commands of ip or tc that print JSON lists, in one process.

    Args:
        tool: `ip` or `tc`.
        questions: argument vectors, without the tool's name.

    Returns:
        The list that each printed, without empty entries.

    Raises:
        AgentError: one failed.
    """
    if not questions:
        return []
    lines = [" ".join(question) for question in questions]
    done = _run([tool, "-statistics", "-json", "-batch", "-"], lines)
    if done.returncode:
        raise AgentError(f"{tool} {lines[_failed(done.stderr, len(lines))]}: {_first_line(done.stderr)}")
    answers = _documents(done.stdout)
    if len(answers) != len(lines):
        raise AgentError(f"{tool} gave {len(answers)} answers to {len(lines)} questions")
    return [[entry for entry in answer if entry] for answer in answers]


def _documents(text: str) -> list[list[dict[str, Any]]]:
    """The JSON documents that follow one another in a text."""
    decoder = json.JSONDecoder()
    found = []
    at = 0
    while at < len(text.rstrip()):
        document, at = decoder.raw_decode(text, at)
        found.append(document)
        while text[at : at + 1].isspace():
            at += 1
    return found


def works(*command: str) -> bool:
    """Whether a command ends well."""
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
