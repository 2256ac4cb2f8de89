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
from invoke.parser.parser import ParseMachine
from invoke.tasks import Task
from invoke.tasks import task as invoke_task
from rich.console import Console
from rich.text import Text

from lab.errors import LabError, MachineError, WordsError, plain
from lab.model.plan import LabSpec
from lab.observe import report

out = Console(highlight=False, width=None if sys.stdout.isatty() else 120)
err = Console(stderr=True, highlight=False)

HELP = {
    "timeline": "a file of steps: docs/testing.md",
    "name": "the lab's name",
    "topology": "star, ring or bus",
    "nodes": "how many hosts, or members of a ring: 2 to 250",
    "media": "SPEC of all links: a medium, then settings over it: satellite,rate=2mbit,loss=1%",
    "link": "NAME=SPEC of one link, may be given again; link: its name, or its one host; capture: its name",
    "spec": "what is to change: a medium, settings, or both; with / between for the two directions",
    "place": "a link, a node (all its links), h2-bus (its tap), sides with | between: 'h1,h2,hub | h3'; heal: or all",
    "reset": "go back to what up declared: settings, and no cut",
    "reroute": "have the nodes go round the cut, where there is a way",
    "rate": "as 5mbit",
    "delay": "one way, as 20ms",
    "jitter": "standard deviation of the delay, as 2ms",
    "duplicate": "share of the frames that come twice",
    "corrupt": "share of the frames with one bit turned over",
    "reorder": "share of the frames that overtake",
    "queue": "what may wait: bytes as 64kb, or the time that it lasts, as 50ms",
    "routing": "clockwise or shortest; they differ on a ring",
    "engine": "auto, docker or netns",
    "pool": "addresses to take instead of a free block of 198.18.0.0/15",
    "shaper": "auto; exact: no token buckets; netem, or an error; wire: the software wire for every link",
    "seed": "seed for what is lost, doubled and delayed",
    "json": "one JSON document on stdout",
    "words": "list; or show, start or check, and the name of an exercise",
    "solution": "the file or folder to check; else the folder of the exercise's name",
    "all": "every lab that is there",
    "stale": "every lab that belonged to a program or a test that is gone",
    "server": "the server's node",
    "client": "the client's node; may be given again where a game takes several",
    "games": "how many games the clients play by themselves",
    "message": "what to send; asked for where it is not given",
    "port": "the port of both, 1024 to 65535",
    "buffer": "bytes that the server takes at a time",
    "backlog": "connections that may wait for the server",
    "patience": "seconds that the server may go on when the clients have ended; trace: that both wait for each other",
    "programs": "tcp, udp or a game; or your own files: FILE@NODE, or 'FILE@NODE WORDS'; the server first",
    "timeout": "seconds that your own programs may take",
    "service": "web, database, file or print",
    "beside": "a service, whose programs to take: `--beside database` has psql",
    "app": "tcp",
    "over": "all, or SPECs with spaces between",
    "chart": "an SVG file for a bar chart",
    "node": "a node's name",
    "side": "node, or port: at the other end of the node's cable",
    "write": "the file to write, as pcap, or as pcapng where several places are captured; - is stdout",
    "text": "a line for each packet, as on a terminal",
    "filter": "which packets, in the words of pcap-filter: tcp port 11267, or host h2",
    "count": "how many packets, or looks; 0: no limit",
    "watch": "show rates, queues and drops of every link, until Ctrl-C",
    "interval": "seconds from one look to the next",
    "seconds": "how long; 0: no limit",
    "command": "what to run there, by sh",
    "file": "a file here",
    "to": "put: where on the node, a folder ends in /; trace: the node that the message is for, or an address",
    "from_": "trace: the node that sends the message; link: change the direction that leads from this node; "
    "cut: drop what this node sends, and let it hear",
    "protocol": "tcp or udp",
    "loss": "share of the frames that a link loses, as 1%; trace: meanwhile",
    "on": "serve: the node; trace: the link that loses them, instead of the first of the way",
    "html": "a file for one page that holds all of it",
    "size": "bytes of the message; `trace` makes it of greetings, up to 100000",
    "no_server": "start no server: the message is refused",
    "follow": "go on as more comes",
    "fix": "remove labs, folders and devices that nobody owns any more, and tell which",
    "check": "write nothing; exit code 1 if a file is not current",
    "what": "up, accuracy, media, killed, together, soak or guards",
    "minutes": "how long",
    "quick": "a few only: of links once, nothing is written; of steps every tenth; of rounds one",
    "engines": "only those that bring labs up on every version of Docker and Podman, each in namespaces of its own",
    "only": "test: arguments of pytest; bench media: engines, topologies, media; killed: docker up, …; guards: a word",
}


class Words(Argument):
    """A positional argument that takes any number of words, or none; invoke's own take one each.

    Until the task's words are at their end, it says that it lacks a value, and so the parser gives it the next one.
    """

    at_end = False
    given: list[str] = []  # noqa: RUF012 - never changed in place

    @property
    def value(self) -> Any:
        """All words, once there can be no more."""
        return self.given if self.at_end else None

    @value.setter
    def value(self, word: str) -> None:
        self.given = [*self.given, word]


def _tell_words_their_end(complete: Callable[[ParseMachine], None]) -> Callable[[ParseMachine], None]:
    """What invoke does where a task's words end, with `Words` told first."""

    def complete_context(self: ParseMachine) -> None:
        arguments: list[Argument] = self.context.positional_args if self.context else []
        for argument in arguments:
            if isinstance(argument, Words):
                argument.at_end = True
        complete(self)

    return complete_context


# The parser has no hook of its own.
setattr(ParseMachine, "complete_context", _tell_words_their_end(ParseMachine.complete_context))  # noqa: B010 - or mypy


class Explained(Task[Any]):
    """A task that can be asked for its arguments more than once; invoke's own forgets their help the first time.

    Attributes:
        several: the names of the positional arguments that are `Words`.
    """

    several: tuple[str, ...] = ()

    def get_arguments(self, ignore_unknown_help: bool | None = None) -> list[Argument]:
        """Its arguments, each with its help."""
        if not hasattr(self, "_arguments"):
            own = super().get_arguments(ignore_unknown_help)
            self._arguments: list[Argument] = [
                Words(names=(each.name,), kind=list, default=[], help=each.help, positional=True)
                if each.name in self.several
                else each
                for each in own
            ]
        return self._arguments


def task(*words: Any, several: tuple[str, ...] = (), **options: Any) -> Callable[[Callable[..., None]], Any]:
    """An invoke task that turns the project's errors into one clear message and its exit code.

    Args:
        words: as for invoke.
        several: positional arguments that take any number of words, or none; the function gets a list.
        options: as for invoke.
    """

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
                raise Exit(plain(f"error: {failure}"), code=MachineError.exit_code) from None
            except KeyboardInterrupt:
                raise Exit("interrupted", code=128 + signal.SIGINT) from None

        names = inspect.signature(function).parameters
        explained = {key: value for key, value in HELP.items() if key in names}
        positional = options.pop("positional", None)
        if several:
            positional = [*(positional or ()), *several]
        made = invoke_task(*words, klass=Explained, help=explained, positional=positional, **options)(guarded)
        made.several = several
        return made

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


def seconds(where: str, text: str) -> float:
    """A number of seconds, from a word on the command line."""
    if not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,6})?", text):
        raise WordsError(f"{text!r} is not a number of seconds", where=where, remedy=f"{where} 30")
    return float(text)


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
