"""The tasks: parse the words, call the project, print what comes back. Nothing is decided here."""

from __future__ import annotations

import functools
import inspect
import json
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from invoke.context import Context
from invoke.exceptions import Exit
from invoke.tasks import task as invoke_task
from rich.console import Console
from rich.text import Text

from lab.engine import compose as compose_files
from lab.engine.select import engines, select
from lab.errors import CheckError, LabError, MachineError, WordsError
from lab.lab import Lab, remove
from lab.model import plan as model
from lab.model.plan import LabSpec
from lab.model.units import counted
from lab.observe import conversation, measured, report
from lab.observe import verify as verification

ROOT = Path(__file__).resolve().parent
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
        return invoke_task(*words, help={k: v for k, v in HELP.items() if k in names}, **options)(guarded)

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


@task(iterable=["link"])
def up(
    _: Context,
    topology: str = "star",
    nodes: str = "4",
    media: str = "coax",
    link: list[str] | None = None,
    name: str = "lab",
    routing: str = "clockwise",
    engine: str = "auto",
    pool: str = "",
    shaper: str = "auto",
    seed: str = "1",
    json: bool = False,
) -> None:
    """Bring a lab up; one that is there already is healed."""
    given = {
        "topology": topology,
        "media": media,
        "name": name,
        "routing": routing,
        "pool": pool,
        "shaper": shaper,
    }
    spec = words(nodes, seed, link or [], **given)
    with progress() as say:
        lab = Lab.up(spec, engine, say)
    if json:
        print_json(report.status_document(lab.status()))
    else:
        out.print(report.welcome(lab.plan))


@task()
def down(_: Context, name: str = "lab", all: bool = False, engine: str = "auto") -> None:
    """Remove a lab, or all of them."""
    model.check_name(name)
    total = 0
    for each in engines(engine):
        for lab in sorted(each.labs()) if all else [name]:
            count = remove(each, lab)
            total += count
            if count:
                err.print(f"{lab}: {counted(count, 'object')} removed", markup=False)
    if not total:
        err.print("no lab is there" if all else f"{name}: nothing is there", markup=False)


@task()
def status(_: Context, name: str = "lab", all: bool = False, json: bool = False, engine: str = "auto") -> None:
    """Hold what is declared against what is there, exit code 1 where it differs; `--all` lists the labs."""
    if all:
        labs = [(each.name, record) for each in engines(engine) for record in each.labs().values()]
        print_json(report.labs_document(labs)) if json else out.print(report.labs_table(labs))
        return
    found = Lab.find(name, engine).status()
    if json:
        print_json(report.status_document(found))
    else:
        out.print(report.status_table(found))
    if found.differences:
        raise Exit(code=CheckError.exit_code)


@task()
def heal(_: Context, name: str = "lab", engine: str = "auto") -> None:
    """Mend every difference between what is declared and what is there."""
    with progress() as say:
        mended = Lab.find(name, engine).heal(say)
    for difference in mended:
        err.print(f"mended: {difference}", markup=False)
    err.print(f"{name}: {counted(len(mended), 'difference')} mended" if mended else f"{name}: nothing to mend")


@task(iterable=["link"])
def plan(
    _: Context,
    topology: str = "star",
    nodes: str = "4",
    media: str = "coax",
    link: list[str] | None = None,
    name: str = "lab",
    routing: str = "clockwise",
    pool: str = "",
    shaper: str = "auto",
    seed: str = "1",
    json: bool = False,
) -> None:
    """Show everything that `up` would decide, tc commands included; needs no engine."""
    given = {
        "topology": topology,
        "media": media,
        "name": name,
        "routing": routing,
        "pool": pool,
        "shaper": shaper,
    }
    decided = model.decide(words(nodes, seed, link or [], **given))
    if json:
        print_json(model.as_document(decided))
    else:
        out.print(report.plan_tables(decided))
        print(report.plan_commands(decided))


@task(positional=["protocol"])
def run(
    _: Context,
    protocol: str,
    server: str = "",
    client: str = "",
    message: str = "",
    name: str = "lab",
    port: str = "",
    buffer: str = "",
    backlog: str = "",
    patience: str = "30",
    engine: str = "auto",
) -> None:
    """Run the lecture's server and client on two nodes: `run tcp --server h1 --client h2 --message "hello there!"`."""
    lab = Lab.find(name, engine)
    given = {"server": server, "client": client, "port": port, "buffer": buffer, "backlog": backlog}
    talk = conversation.arrange(lab, protocol, message, patience=patience, **given)
    if not message:
        talk = replace(talk, message=ask("Give message : "))
    outcome = conversation.hold(lab, talk, report.speaker(out, (talk.server, talk.client)))
    if not outcome.good:
        raise Exit(report.outcome(talk, outcome), code=CheckError.exit_code)


@task(name="exec", positional=["node", "command"])
def exec_(_: Context, node: str, command: str, name: str = "lab", engine: str = "auto") -> None:
    """Run a command on a node: `exec h1 "ping -c 3 h2"`. Its exit code is passed on."""
    process = Lab.find(name, engine).start(node, ["sh", "-c", command])
    for stream, line in process.lines():
        print(line, file=sys.stdout if stream == "stdout" else sys.stderr, flush=True)
    if code := process.wait():
        raise Exit(code=code)


@task(positional=["node"])
def shell(_: Context, node: str, name: str = "lab", engine: str = "auto") -> None:
    """Open a shell on a node."""
    argv = Lab.find(name, engine).shell(node, ["bash"])
    os.execvp(argv[0], argv)


@task(positional=["node", "file"])
def put(_: Context, node: str, file: str, to: str = "/root/", name: str = "lab", engine: str = "auto") -> None:
    """Copy a file onto a node."""
    Lab.find(name, engine).put(node, Path(file), to)
    err.print(f"{file} is on {node} in {to}", markup=False)


@task(positional=["node"])
def logs(_: Context, node: str, follow: bool = False, name: str = "lab", engine: str = "auto") -> None:
    """Show what programs on a node said, with the time of each line."""
    for line in Lab.find(name, engine).logs(node, follow=follow):
        print(line, flush=True)


@task()
def build(_: Context, engine: str = "auto") -> None:
    """Make the image that nodes are made of, if it is not there."""
    with progress() as say:
        print(select(engine).prepare(say))


@task()
def compose(_: Context, check: bool = False) -> None:
    """Write compose/star.yml, ring.yml and bus.yml, or check that they are current."""
    stale = compose_files.write(ROOT / "compose", dry=check)
    err.print("\n".join(f"compose/{name} {'is stale' if check else 'written'}" for name in stale) or "all are current")
    if check and stale:
        raise Exit("next: ./inv compose", code=CheckError.exit_code)


@task()
def lint(_: Context) -> None:
    """Check style and types."""
    for command in (["ruff", "check"], ["ruff", "format", "--check"], ["mypy"]):
        _must([sys.executable, "-m", *command, *(["."] if command[0] == "ruff" else [])])


@task()
def test(_: Context, only: str = "") -> None:
    """Run the checks and the tests: style and units first, then everything that crosses a network."""
    if not only:
        lint(_)
        _must([sys.executable, "-m", "pytest", "tests/unit"])
    _must([sys.executable, "-m", "pytest", *shlex.split(only or "tests --ignore=tests/unit")])


def _must(command: list[str]) -> None:
    code = subprocess.run(command, cwd=ROOT, check=False).returncode
    if code:
        raise Exit(f"failed: {shlex.join(command)}", code=CheckError.exit_code)


@task(positional=["what"])
def bench(_: Context, what: str, nodes: str = "16", quick: bool = False) -> None:
    """Measure, beside Mininet: `bench up` times a star; `bench accuracy` sweeps links, and writes docs/accuracy.md."""
    if what not in ("up", "accuracy"):
        raise WordsError(f"no benchmark is called {what!r}", remedy="there are up, accuracy")
    count = number("--nodes", nodes, "2 to 250")
    if what == "accuracy":
        from bench import accuracy_page  # noqa: PLC0415 - a benchmark loads what a task does not need

        signal.signal(signal.SIGTERM, signal.default_int_handler)
        print(accuracy_page.make(ROOT / "docs", err.print, quick=quick))
        return
    from bench import up as up_bench  # noqa: PLC0415

    print("\n".join(up_bench.table(up_bench.measure(count, err.print))))


@task()
def verify(_: Context, name: str = "lab", json: bool = False, engine: str = "auto") -> None:
    """Measure every link and direction, and hold it against its prediction; exit code 1 outside the tolerance."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    lab = Lab.find(name, engine)
    with progress() as say:
        found = verification.verify(lab, say)
    if json:
        print_json(measured.document(lab.plan, lab.engine.name, found))
    else:
        out.print(measured.table(lab.plan, lab.engine.name, found))
    if wrong := measured.verdict(name, found):
        raise Exit(wrong, code=CheckError.exit_code)
