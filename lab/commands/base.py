"""What all tasks share: how they report errors, tell what they do, and read words. Nothing is decided here."""

from __future__ import annotations

import functools
import inspect
import json
import os
import re
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from invoke.exceptions import Exit
from invoke.parser.argument import Argument
from invoke.tasks import Task
from invoke.tasks import task as invoke_task
from rich.console import Console
from rich.text import Text

from lab.errors import LabError, MachineError, WordsError
from lab.model.plan import LabSpec
from lab.observe import report

out = Console(highlight=False, width=None if sys.stdout.isatty() else 120)
err = Console(stderr=True, highlight=False)

HELP = {
    "name": "the lab's name",
    "topology": "star, ring or bus",
    "nodes": "how many hosts, or members of a ring: 2 to 250",
    "media": "SPEC of all links: a medium, then settings over it: satellite,rate=2mbit,loss=1%",
    "link": "NAME=SPEC of one link; may be given again",
    "routing": "clockwise or shortest; they differ on a ring",
    "engine": "auto, docker or netns",
    "pool": "addresses to take instead of a free block of 198.18.0.0/15",
    "shaper": "auto, netem or wire",
    "seed": "seed for what is lost, doubled and delayed",
    "json": "one JSON document on stdout",
    "all": "every lab that is there",
    "server": "the server's node",
    "client": "the client's node",
    "protocol": "tcp or udp",
    "message": "what to send; asked for where it is not given",
    "port": "the port of both, 1024 to 65535",
    "buffer": "bytes that the server takes at a time",
    "backlog": "connections that may wait for the server",
    "patience": "seconds that the server may go on when the client has ended",
    "node": "a node's name",
    "command": "what to run there, by sh",
    "file": "a file here",
    "to": "where to put it there; a folder ends in /",
    "follow": "go on as more comes",
    "check": "write nothing; exit code 1 if a file is not current",
    "what": "up or accuracy",
    "quick": "a few links once, and nothing is written",
    "only": "arguments of pytest, instead of all tests",
}


class Explained(Task[Any]):
    """A task that can be asked for its arguments more than once; invoke's own forgets their help the first time."""

    def get_arguments(self, ignore_unknown_help: bool | None = None) -> list[Argument]:
        """Its arguments, each with its help."""
        if not hasattr(self, "_arguments"):
            self._arguments: list[Argument] = super().get_arguments(ignore_unknown_help)
        return self._arguments


def task(*words: Any, **options: Any) -> Callable[[Callable[..., None]], Any]:
    """An invoke task that turns the project's errors into one clear message and its exit code."""

    def wrap(function: Callable[..., None]) -> Any:
        @functools.wraps(function)
        def guarded(*args: Any, **kwargs: Any) -> None:
            signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that what was begun is cleaned up
            try:
                function(*args, **kwargs)
            except LabError as failure:
                raise Exit(report.error(failure), code=failure.exit_code) from None
            except BrokenPipeError:  # as in `plan --json | head`: nobody reads on
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
                raise Exit(code=128 + signal.SIGPIPE) from None
            except OSError as failure:
                raise Exit(f"error: {failure}", code=MachineError.exit_code) from None
            except KeyboardInterrupt:
                raise Exit("interrupted", code=128 + signal.SIGINT) from None

        names = inspect.signature(function).parameters
        explained = {key: value for key, value in HELP.items() if key in names}
        return invoke_task(*words, klass=Explained, help=explained, **options)(guarded)

    return wrap


@contextmanager
def progress() -> Iterator[Callable[..., None]]:
    """Tell on stderr what is being done: a spinner where somebody looks on, lines elsewhere."""
    if not err.is_terminal:
        yield lambda line, passing=False: None if passing else err.print(line, markup=False)
        return
    with err.status("") as status:

        def say(line: str, *, passing: bool = False) -> None:
            if not passing:
                err.print(f"  {line}", markup=False, style="dim")
            status.update(Text(line))

        yield say


def print_json(document: Any) -> None:
    """One document on stdout, and nothing else there."""
    print(json.dumps(document, indent=2))


def ask(prompt: str) -> str:
    """A line from whoever sits at the terminal."""
    try:
        return input(prompt)
    except EOFError:
        raise WordsError("nobody is there to give a message", where="--message", remedy="--message TEXT") from None


def number(where: str, text: str, remedy: str) -> int:
    """A whole number, from a word on the command line."""
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise WordsError(f"{text!r} is not a number", where=where, remedy=remedy)
    return int(text)


def words(nodes: str, seed: str, links: list[str], **given: Any) -> LabSpec:
    """The description of a lab, from the words on the command line."""
    count = number("--nodes", nodes, "2 to 250")
    pairs = [word.partition("=") for word in links]
    if wrong := [name for name, equals, _ in pairs if not equals]:
        raise WordsError(
            f"{wrong[0]!r} gives no SPEC", where="--link", remedy="--link NAME=SPEC, as h2=satellite,loss=1%"
        )
    chance = number("--seed", seed, "a whole number, up to nine digits")
    return LabSpec(nodes=count, seed=chance, links=tuple((name, spec) for name, _, spec in pairs), **given)
