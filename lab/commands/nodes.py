"""What runs on nodes: the two programs, any command, a shell, files and logs."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

from invoke.context import Context
from invoke.exceptions import Exit

from lab.commands.base import ask, err, out, task
from lab.errors import CheckError
from lab.lab import Lab
from lab.observe import conversation, report


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
