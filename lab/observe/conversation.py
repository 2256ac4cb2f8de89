"""Two of the project's programs in conversation: a server on one node, a client on another, heard as they speak."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lab.errors import CheckError, WordsError
from lab.lab import Lab
from lab.model.plan import LabPlan
from lab.observe.stage import Hear, Stage

PROTOCOLS = ("tcp", "udp")
READY_SECONDS = 15.0  # a busy machine takes its time to start Python


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


def arrange(
    lab: Lab,
    words: Sequence[str],
    message: str,
    *,
    server: str = "",
    client: str = "",
    patience: float = 30.0,
    **options: str,
) -> Conversation:
    """Read a conversation from words; on a star or bus h1 serves h2 by default, on a ring n1 serves n3.

    Args:
        lab: where it is to be held.
        words: `tcp` or `udp`.
        message: what the client sends.
        server: the server's node.
        client: the client's node.
        patience: seconds that the server may go on after the client has ended.
        options: `port`, `buffer` and `backlog`, each empty where the program's own default holds.

    Raises:
        WordsError: the words do not describe a conversation.
        TopologyError: there is no such node.
    """
    [protocol, *more] = words or [""]
    if protocol not in PROTOCOLS or more:
        raise WordsError(f"no program speaks {' '.join(words)!r}", remedy=f"there are {', '.join(PROTOCOLS)}")
    server, usual = pair(lab.plan, lab.plan.node(server).name if server else "")
    client = lab.plan.node(client or usual).name
    if server == client:
        raise WordsError("server and client are the same node", where=server, remedy="name two nodes")
    given = {key: value for key, value in options.items() if value}
    both = [word for key in ("port",) if key in given for word in (f"--{key}", given[key])]
    own = [word for key in ("buffer", "backlog") if key in given for word in (f"--{key}", given[key])]
    return Conversation(
        protocol=protocol,
        server=server,
        client=client,
        message=message,
        patience=patience,
        server_options=(*both, *own),
        client_options=tuple(both),
    )


def pair(plan: LabPlan, server: str = "") -> tuple[str, str]:
    """A server, the first host where none is named, and a client that is not its neighbour on a ring."""
    ends = [node.name for node in plan.nodes if node.role != "hub"]
    server = server or ends[0]
    others = (ends[2:] if plan.topology.kind == "ring" else []) + ends
    return server, next(name for name in others if name != server)


def hold(lab: Lab, talk: Conversation, hear: Hear) -> Outcome:
    """Run server and client, and pass on every line as it comes.

    The client is started when the server has said its first line, which it does once it listens.

    Raises:
        CheckError: the server ended or stayed silent before the client could be started.
    """
    with Stage(lab, hear) as stage:
        server = stage.start(talk.server, talk.server, talk.server_argv())
        stage.pass_on(lambda: server.spoke or server.ended, READY_SECONDS)
        if server.ended or not server.spoke:
            what = "the server ended at once" if server.ended else f"the server said nothing in {READY_SECONDS:g} s"
            raise CheckError(what, where=talk.server, remedy=f"./inv logs {talk.server}")
        client = stage.start(talk.client, talk.client, talk.client_argv())
        stage.pass_on(lambda: client.ended)
        if not stage.pass_on(lambda: server.ended, 0.0 if client.code else talk.patience):
            stage.end(server)
            return Outcome(None, client.code)
        return Outcome(server.code, client.code)
