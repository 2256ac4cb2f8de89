"""Servers as an office has them, beside the nodes of a lab: a web, a database, a file and a print server.

Each is Debian's own package in an image of its own (`images/`), on the interfaces of the node that it stands beside, so
that its clients reach it over the lab's links. What it keeps is gone with the lab.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass

from lab.engine.base import Beside, Process, Say, unheard
from lab.errors import CheckError, WordsError
from lab.lab import Lab

READY_SECONDS = 60.0  # a database on a busy machine takes its time
ANSWER_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Service:
    """A server, and how one calls it.

    Attributes:
        name: what it serves; its image's name too.
        what: the program.
        port: TCP.
        answers: a command beside the server that ends well once it answers.
        visit: what a client types on another node; `{server}` is the server's node.
    """

    name: str
    what: str
    port: int
    answers: tuple[str, ...]
    visit: str


SERVICES = {
    service.name: service
    for service in (
        Service("web", "nginx", 80, ("curl", "-fsS", "-o", "/dev/null", "http://127.0.0.1/"), "curl http://{server}/"),
        Service(
            "database",
            "PostgreSQL",
            5432,
            ("psql", "-h", "127.0.0.1", "-U", "student", "-c", "select 1", "lab"),
            "psql -h {server} -U student -c 'select version()' lab",
        ),
        Service(
            "file",
            "OpenSSH's SFTP server",
            22,
            ("sh", "-c", "echo ls | sftp -q -b - 127.0.0.1"),
            "sftp {server}:hello.txt /tmp/ && cat /tmp/hello.txt",
        ),
        Service(
            "print",
            "CUPS",
            631,
            ("lpstat", "-h", "127.0.0.1:631", "-p", "paper"),
            "date | lp -h {server}:631 -d paper",
        ),
    )
}


def find(name: str) -> Service:
    """A service by its name.

    Raises:
        WordsError: there is none.
    """
    if name not in SERVICES:
        raise WordsError(f"no service is called {name!r}", remedy=f"there are {', '.join(SERVICES)}")
    return SERVICES[name]


def serve(lab: Lab, name: str, node: str, say: Say = unheard) -> Service:
    """Start a server beside a node; it answers when this returns. One that runs already is left as it is.

    Args:
        lab: where.
        name: which service.
        node: the node whose place on the links it shares.
        say: takes a line for each step.

    Raises:
        WordsError: there is no such service or node.
        MachineError: it could not be started.
        CheckError: it did not answer within a minute.
    """
    service = find(name)
    beside = lab.plan.node(node).name
    own = lab.engine.serve(lab.name, beside, service.name, say)
    say(f"waiting for {service.what} at port {service.port}")
    listening = ("python3", "-m", "lab.apps.listening", "--port", str(service.port), "--timeout", f"{READY_SECONDS:g}")
    for argv in (listening, ("timeout", f"{ANSWER_SECONDS:g}", *service.answers)):
        code, said = _end(own.start(argv))
        if code:
            what = f"{service.what} does not answer: {said[-300:] or f'exit code {code}'}"
            raise CheckError(what, where=beside, remedy=f"docker logs {lab.name}-{beside}-{service.name}")
    return service


def _end(process: Process) -> tuple[int, str]:
    said = " ".join(line for _, line in process.lines())
    return process.wait(), said


def place(lab: Lab, name: str, node: str) -> AbstractContextManager[Beside]:
    """Where a service's programs are, beside a node: the server's own place, or a client's for as long as it is held.

    Raises:
        WordsError: there is no such service or node.
        MachineError: there can be no such place.
    """
    return lab.engine.beside(lab.name, lab.plan.node(node).name, find(name).name)
