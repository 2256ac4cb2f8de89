"""What runs on nodes: the two programs, any command, a shell, files and logs."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

from invoke.context import Context
from invoke.exceptions import Exit

from lab import services
from lab.commands.base import ask, err, number, out, seconds, task
from lab.errors import CheckError, WordsError, plain
from lab.lab import Lab
from lab.observe import conversation, gathering, own, report


@task(several=("programs",), iterable=["client"])
def run(
    _: Context,
    programs: list[str],
    server: str = "",
    client: list[str] | None = None,
    message: str = "",
    name: str = "lab",
    port: str = "",
    buffer: str = "",
    backlog: str = "",
    patience: str = "30",
    timeout: str = "60",
    games: str = "10",
    engine: str = "auto",
) -> None:
    """Run the lecture's programs (`tcp`, `udp`), its games (`password`, `blackjack`, `rps`), or your own FILE@NODE."""
    lab = Lab.find(name, engine)
    server_may_go_on = seconds("--patience", patience)
    if programs and "@" in programs[0]:
        _run_own(lab, programs, server_may_go_on, seconds("--timeout", timeout))
        return
    if programs and programs[0] in gathering.GAMES:
        rounds = number("--games", games, "--games 10")
        _play(gathering.arrange(lab, programs, server=server, clients=client or [], games=rounds), lab)
        return
    if not programs or programs[0] not in conversation.PROTOCOLS:
        there = ", ".join([*conversation.PROTOCOLS, *gathering.GAMES])
        what = f"nothing is called {programs[0]!r}" if programs else "what is to run?"
        raise WordsError(what, remedy=f"there are {there}; or your own files: FILE@NODE FILE@NODE")
    given = {"server": server, "client": _one(client or []), "port": port, "buffer": buffer, "backlog": backlog}
    talk = conversation.arrange(lab, programs, message, patience=server_may_go_on, **given)
    if not message:
        talk = replace(talk, message=ask("Give message : "))
    _tell_cuts(lab, talk.server, [talk.client])
    outcome = conversation.hold(lab, talk, report.speaker(out, (talk.server, talk.client)))
    if not outcome.good:
        raise Exit(report.outcome(talk, outcome), code=CheckError.exit_code)


def _run_own(lab: Lab, programs: list[str], patience: float, timeout: float) -> None:
    """Run somebody's own programs; the first exit code that is not 0 is passed on."""
    placed = own.name(own.read(lab, text) for text in programs)
    _tell_cuts(lab, placed[0].node, [each.node for each in placed[1:] if each.node != placed[0].node])
    speaker = report.speaker(out, tuple(each.name for each in placed))
    endings = own.perform(lab, placed, speaker, timeout=timeout, patience=patience)
    for line in own.remarks(endings, timeout):
        err.print(line, markup=False)
    if code := own.exit_code(endings):
        raise Exit(code=code)


def _play(play: gathering.Gathering, lab: Lab) -> None:
    _tell_cuts(lab, play.server, play.clients)
    codes = gathering.hold(lab, play, report.speaker(out, (play.server, *play.clients)))
    if wrong := gathering.failure(codes):
        raise Exit(wrong, code=CheckError.exit_code)


def _tell_cuts(lab: Lab, server: str, clients: Iterable[str]) -> None:
    """Say what a client cannot get over, before it waits for the server; it goes on, for a link may be healed."""
    now = lab.status().now
    for line in dict.fromkeys(line for client in clients for line in report.cut_notes(now, server, client)):
        err.print(line, markup=False)


def _one(clients: list[str]) -> str:
    if len(clients) > 1:
        raise WordsError("the lecture's server takes one client", where="--client", remedy="name one node")
    return "".join(clients)


@task(name="exec", positional=["node", "command"])
def exec_(_: Context, node: str, command: str, beside: str = "", name: str = "lab", engine: str = "auto") -> None:
    """Run a command on a node: `exec h1 "ping -c 3 h2"`. Its exit code is passed on."""
    lab = Lab.find(name, engine)
    argv = ["sh", "-c", command]
    with services.place(lab, beside, node) if beside else nullcontext() as place:
        process = place.start(argv) if place else lab.start(node, argv)
        for stream, line in process.lines():
            to = sys.stdout if stream == "stdout" else sys.stderr
            print(plain(line) if to.isatty() else line, file=to, flush=True)
        code = process.wait()
    if code:
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
        print(plain(line), flush=True)
