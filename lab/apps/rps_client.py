"""The client of rock, paper, scissors: for people, and one that plays by itself. Both check what is revealed."""

from __future__ import annotations

import secrets
import socket
import sys
from collections.abc import Callable, Sequence

from lab.apps import endpoint
from lab.apps.caller import Caller, calling, words_of_a_client
from lab.apps.common import AppError, ask, perform, say, whole
from lab.apps.dialogues.rps import BEATS, PORT, seal


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program; returns its exit code."""
    parser = words_of_a_client("Plays rock, paper, scissors.", PORT)
    parser.add_argument("--as", dest="player", default=socket.gethostname()[:16], help="our name (%(default)s)")
    parser.add_argument("--games", type=whole(1, 10**6), help="play by itself, so many matches")
    words = parser.parse_args(argv)
    where = endpoint.from_words(parser, words, socket.SOCK_STREAM)

    def talk() -> None:
        with calling(where, words.timeout) as server:
            server.expect("welcome")
            server.say("join", words.player)
            server.expect("joined")
            for number in range(words.games or 1):
                verdict = play_match(server, words.player, choose_by_chance if words.games else choose_by_asking)
                say(f"match {number + 1} of {words.games or 1}: {verdict}")
            server.say("leave")
            server.expect("bye")

    return perform("client", talk)


def play_match(server: Caller, name: str, choose: Callable[[], str]) -> str:
    """Play one match; how it ended.

    Raises:
        AppError: the server was lost, or something does not fit.
    """
    server.say("play")
    heard = server.hear()
    if heard == ["waiting"]:
        heard = server.hear()
    if heard[0] != "match":
        raise AppError(f"was told {' '.join(heard)!r}, and expected a match")
    rival = " ".join(heard[1:])
    heard, number = server.hear(), 1
    while heard == ["round", str(number)]:
        heard, number = play_round(server, (name, rival), number, choose()), number + 1
    if heard[0] not in {"won", "lost", "drawn"}:
        raise AppError(f"was told {' '.join(heard)!r} in the middle of a match")
    return f"{heard[0]} against {rival} ({' '.join(heard[1:])})"


def play_round(server: Caller, names: tuple[str, str], number: int, choice: str) -> list[str]:
    """Commit, reveal, and check; what the server says next.

    Raises:
        AppError: the other one's choice does not fit its hash, or the server counts otherwise than we do.
    """
    mine, rival = names
    salt = secrets.token_hex(16)
    server.say("commit", seal(mine, number, choice, salt))
    heard = server.hear()
    if heard[0] != "committed":  # the other one has left
        return heard
    sealed = heard[1:]
    server.say("reveal", choice, salt)
    heard = server.hear()
    if heard[0] != "revealed" or len(heard) == 1:
        return heard
    theirs = heard[1]
    if [seal(rival, number, theirs, " ".join(heard[2:]))] != sealed or theirs not in BEATS:
        raise AppError(f"was shown a choice of {rival}'s that does not fit its hash")
    verdict = server.expect("result", 1)[0]
    right = "draw" if theirs == choice else "win" if BEATS[choice] == theirs else "lose"
    if verdict != right:
        raise AppError(f"counts otherwise than the server: {choice} against {theirs} is no {verdict}")
    return server.hear()


def choose_by_chance() -> str:
    """Choose as nobody can foresee."""
    return secrets.choice(tuple(BEATS))


def choose_by_asking() -> str:
    """Have the person choose."""
    while True:
        choice = ask("rock, paper or scissors : ")
        if choice in BEATS:
            return choice


if __name__ == "__main__":
    sys.exit(main())
