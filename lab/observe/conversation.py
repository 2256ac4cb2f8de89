"""Two of the project's programs in conversation: a server on one node, a client on another, heard as they speak."""

from __future__ import annotations

import queue
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from lab.engine.base import Process
from lab.errors import CheckError, WordsError
from lab.lab import Lab

PROTOCOLS = ("tcp", "udp")
READY_SECONDS = 15.0  # a busy machine takes its time to start Python

Hear = Callable[[str, str, str], None]
"""Takes a line: the node that it comes from, `stdout` or `stderr`, and the text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """What is to be said, by whom, to whom.

    Attributes:
        protocol: `tcp` or `udp`.
        patience: seconds that the server may go on after the client has ended.
        server_options, client_options: further words for the programs.
    """

    protocol: str
    server: str
    client: str
    message: str
    patience: float = 30.0
    server_options: tuple[str, ...] = ()
    client_options: tuple[str, ...] = ()

    def server_argv(self) -> list[str]:
        """The server's command."""
        return ["python3", "-m", f"lab.apps.{self.protocol}_server", *self.server_options]

    def client_argv(self) -> list[str]:
        """The client's command; it calls the server by its name."""
        words = ["--host", self.server, f"--message={self.message}"]
        return ["python3", "-m", f"lab.apps.{self.protocol}_client", *words, *self.client_options]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a conversation ended: both exit codes. A server that had to be ended has None."""

    server: int | None
    client: int

    @property
    def good(self) -> bool:
        """Whether both programs ended well."""
        return self.server == 0 and self.client == 0


class _Side:
    """One program and the thread that listens to it."""

    def __init__(self, node: str, process: Process, heard: queue.Queue[tuple[str, str, str]]) -> None:
        self.node = node
        self.process = process
        self.ended = threading.Event()
        self._heard = heard
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        try:
            for stream, line in self.process.lines():
                self._heard.put((self.node, stream, line))
        finally:
            self.ended.set()
            self._heard.put((self.node, "end", ""))


def arrange(
    lab: Lab,
    protocol: str,
    message: str,
    *,
    server: str = "",
    client: str = "",
    patience: str = "30",
    **options: str,
) -> Conversation:
    """Read a conversation from words; on a star or bus h1 serves h2 by default, on a ring n1 serves n3.

    Args:
        lab: where it is to be held.
        protocol: `tcp` or `udp`.
        message: what the client sends.
        server: the server's node.
        client: the client's node.
        patience: seconds, as a number.
        options: `port`, `buffer` and `backlog`, each empty where the program's own default holds.

    Raises:
        WordsError: the words do not describe a conversation.
        TopologyError: there is no such node.
    """
    if protocol not in PROTOCOLS:
        raise WordsError(f"no program speaks {protocol!r}", remedy=f"there are {', '.join(PROTOCOLS)}")
    ends = [node.name for node in lab.plan.nodes if node.role != "hub"]
    server = lab.plan.node(server or ends[0]).name
    others = [name for name in (ends[2:] if lab.plan.topology.kind == "ring" else []) + ends if name != server]
    client = lab.plan.node(client or others[0]).name
    if server == client:
        raise WordsError("server and client are the same node", where=server, remedy="name two nodes")
    if not re.fullmatch(r"[0-9]+(\.[0-9]+)?", patience):
        raise WordsError(f"{patience!r} is not a number of seconds", where="--patience", remedy="--patience 30")
    given = {key: value for key, value in options.items() if value}
    both = [word for key in ("port",) if key in given for word in (f"--{key}", given[key])]
    own = [word for key in ("buffer", "backlog") if key in given for word in (f"--{key}", given[key])]
    return Conversation(
        protocol=protocol,
        server=server,
        client=client,
        message=message,
        patience=float(patience),
        server_options=(*both, *own),
        client_options=tuple(both),
    )


def hold(lab: Lab, talk: Conversation, hear: Hear) -> Outcome:
    """Run server and client, and pass on every line as it comes.

    The client is started when the server has said its first line, which it does once it listens.

    Raises:
        CheckError: the server ended or stayed silent before the client could be started.
    """
    heard: queue.Queue[tuple[str, str, str]] = queue.Queue()
    sides: list[_Side] = []
    try:
        server = _Side(talk.server, lab.start(talk.server, talk.server_argv()), heard)
        sides.append(server)
        _pass_on(heard, hear, READY_SECONDS, until=lambda _, stream: stream in ("stdout", "end"))
        if server.ended.is_set():
            raise CheckError("the server ended at once", where=talk.server, remedy=f"./inv logs {talk.server}")
        client = _Side(talk.client, lab.start(talk.client, talk.client_argv()), heard)
        sides.append(client)
        _pass_on(heard, hear, None, until=lambda node, stream: (node, stream) == (talk.client, "end"))
        code = client.process.wait()
        if code == 0 and not server.ended.is_set():
            _pass_on(heard, hear, talk.patience, until=lambda node, stream: (node, stream) == (talk.server, "end"))
        if not server.ended.is_set():
            server.process.stop()
            _pass_on(heard, hear, READY_SECONDS, until=lambda node, stream: (node, stream) == (talk.server, "end"))
            return Outcome(None, code)
        return Outcome(server.process.wait(), code)
    finally:
        for side in sides:
            if not side.ended.is_set():
                side.process.stop()


def _pass_on(
    heard: queue.Queue[tuple[str, str, str]],
    hear: Hear,
    patience: float | None,
    until: Callable[[str, str], bool],
) -> None:
    """Pass lines on until one is reached that `until` is true of, or patience (seconds) is at its end."""
    deadline = None if patience is None else time.monotonic() + patience
    while True:
        try:
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            node, stream, line = heard.get(timeout=left)
        except queue.Empty:
            return
        if stream != "end":
            hear(node, stream, line)
        if until(node, stream):
            return
