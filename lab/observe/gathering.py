"""The lecture's assignments, played by themselves: one server, and clients on as many other nodes as one likes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lab.errors import CheckError, WordsError
from lab.lab import Lab
from lab.model.units import counted
from lab.observe.conversation import READY_SECONDS
from lab.observe.stage import Hear, Stage


@dataclass(frozen=True, slots=True)
class Game:
    """One of the assignments: the name of its programs in `lab.apps`, and how many clients it takes."""

    name: str
    least: int
    most: int
    usual: int

    def client_options(self, clients: int) -> list[str]:
        """What the clients must know of each other."""
        return ["--players", str(clients)] if self.name == "blackjack" else []


GAMES = {game.name: game for game in (Game("password", 1, 60, 1), Game("blackjack", 1, 7, 2), Game("rps", 2, 2, 2))}


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathering:
    """Who plays what with whom, how often."""

    game: Game
    server: str
    clients: tuple[str, ...]
    games: int

    def server_argv(self) -> list[str]:
        """The server's command; it ends when all have gone."""
        return ["python3", "-m", f"lab.apps.{self.game.name}_server", "--clients", str(self._connections())]

    def _connections(self) -> int:
        return len(self.clients) * (self.games if self.game.name == "password" else 1)

    def client_argv(self) -> list[str]:
        """Each client's command; it calls the server by its name."""
        words = ["--host", self.server, "--games", str(self.games), *self.game.client_options(len(self.clients))]
        return ["python3", "-m", f"lab.apps.{self.game.name}_client", *words]


def arrange(
    lab: Lab, words: Sequence[str], *, server: str = "", clients: Sequence[str] = (), games: int = 10
) -> Gathering:
    """Read a gathering from words; by default the first host serves, and the next ones are clients.

    Raises:
        WordsError: the words do not describe one.
        TopologyError: there is no such node.
    """
    name, *more = words
    if more or name not in GAMES:
        raise WordsError(f"no game is called {' '.join(words)!r}", remedy=f"there are {', '.join(GAMES)}")
    game = GAMES[name]
    if not games:
        raise WordsError("no game at all", where="--games", remedy="--games 10")
    ends = [node.name for node in lab.plan.nodes if node.role != "hub"]
    server = lab.plan.node(server or ends[0]).name
    others = [end for end in ends if end != server]
    chosen = tuple(lab.plan.node(client).name for client in clients) or tuple(others[: game.usual])
    if server in chosen or len(set(chosen)) < len(chosen):
        raise WordsError("each program needs a node of its own", where=" ".join(chosen), remedy="name other nodes")
    if not game.least <= len(chosen) <= game.most:
        wanted = str(game.least) if game.least == game.most else f"{game.least} to {game.most}"
        raise WordsError(f"{name} takes {wanted} clients", where="--client", remedy="--client h2 --client h3")
    return Gathering(game=game, server=server, clients=chosen, games=games)


def hold(lab: Lab, play: Gathering, hear: Hear, limit: float | None = None) -> dict[str, int | None]:
    """Run the server and all clients, and pass on every line as it comes.

    Args:
        lab: where.
        play: what.
        hear: takes each line.
        limit: seconds for all of it; None: as long as it takes.

    Returns:
        Each node's exit code; None where the program had to be ended.

    Raises:
        CheckError: the server ended or stayed silent before the clients could be started.
    """
    with Stage(lab, hear) as stage:
        server = stage.start(play.server, play.server, play.server_argv())
        stage.pass_on(lambda: server.spoke or server.ended, READY_SECONDS)
        if server.ended or not server.spoke:
            raise CheckError("the server did not start", where=play.server, remedy=f"./inv logs {play.server}")
        clients = [stage.start(client, client, play.client_argv()) for client in play.clients]
        if stage.pass_on(lambda: all(client.ended for client in clients), limit):
            stage.pass_on(lambda: server.ended, READY_SECONDS)
        sides = [server, *clients]
        still = [side for side in sides if not side.ended]
        for side in still:
            stage.end(side)
        return {side.name: None if side in still else side.code for side in sides}


def failure(codes: dict[str, int | None]) -> str:
    """What went wrong, in one line; empty where nothing did."""
    wrong = [
        f"{node} had to be ended" if code is None else f"{node}: exit code {code}"
        for node, code in codes.items()
        if code != 0
    ]
    return f"error: {counted(len(wrong), 'program')} failed: {', '.join(wrong)}" if wrong else ""
