"""The blackjack client: for people, and one that plays by itself. Both count along, and notice a server that cheats."""

from __future__ import annotations

import socket
import sys
from collections import defaultdict
from collections.abc import Callable, Sequence

from lab.apps import endpoint
from lab.apps.caller import Caller, calling, words_of_a_client
from lab.apps.common import AppError, ask, perform, say, whole
from lab.apps.dialogues.blackjack import PORT, SEATS, advice, outcome
from lab.apps.dialogues.cards import BEST, DECK, value

OUTCOMES = {"win": 1, "push": 0, "lose": -1}
Choose = Callable[[list[str], str], str]
"""Takes our hand and the card that the dealer shows; says `hit` or `stand`."""


class Player:
    """One player at the table, who sees what everybody sees."""

    def __init__(self, server: Caller, name: str, choose: Choose, *, aloud: bool) -> None:
        self._server, self._name, self._choose, self._aloud = server, name, choose, aloud
        self._hands: defaultdict[str, list[str]] = defaultdict(list)
        self._dealer: list[str] = []
        self._present: set[str] = set()
        self.score = 0

    def sit_down(self, players: int) -> None:
        """Join, and wait until so many sit at the table.

        Raises:
            AppError: the server does not want us.
        """
        self._server.expect("welcome")
        self._server.say("join", self._name)
        while self._name not in self._present or len(self._present) < players:
            self._hear()

    def play_round(self) -> str:
        """Play one round; how it ended for us: `win`, `push` or `lose`.

        Raises:
            AppError: the server was lost, or counts otherwise than we do.
        """
        self._server.say("deal")
        dealt, ours = False, ""
        while True:
            match self._hear():
                case ["cards", self._name, *_]:
                    dealt = True
                case ["turn", self._name] if dealt:
                    self._move()
                case ["card", self._name, *_] if value(self._hands[self._name]) < BEST:
                    self._move()
                case ["result", self._name, word, score] if dealt:
                    ours = self._check(word, score)
                case ["over"] if ours:
                    self._hands.clear()
                    return ours

    def _move(self) -> None:
        if not self._dealer:
            raise AppError("was given the turn before the dealer had a card")
        self._server.say(self._choose(self._hands[self._name], self._dealer[0]))

    def _hear(self) -> list[str]:
        """Hear a line, and keep in mind what it says."""
        heard = self._server.hear()
        if self._aloud:
            say(f"  {' '.join(heard)}")
        match heard:
            case ["joined", name]:
                self._present.add(name)
            case ["left", name]:
                self._present.discard(name)
            case ["cards", name, *cards]:
                self._hands[name] = known(cards)
            case ["card", name, card, _]:
                self._hands[name] += known([card])
            case ["dealer", card]:
                self._dealer = known([card])
            case ["dealer", *cards, _]:
                self._dealer = known(cards)
            case ["error", *words]:
                raise AppError(f"was told by the server: {' '.join(words)}")
        return heard

    def _check(self, word: str, score: str) -> str:
        change = outcome(value(self._hands[self._name]), value(self._dealer))
        if OUTCOMES.get(word) != change or score != str(self.score + change):
            raise AppError(f"counts otherwise than the server: {self._hands[self._name]} against {self._dealer}")
        self.score += change
        return word

    def leave(self) -> None:
        """Say farewell, and hear the server's."""
        self._server.say("leave")
        while self._server.hear() != ["bye", str(self.score)]:
            pass


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program; returns its exit code."""
    parser = words_of_a_client("Plays blackjack.", PORT)
    parser.add_argument("--as", dest="player", default=socket.gethostname()[:16], help="our name (%(default)s)")
    parser.add_argument("--players", type=whole(1, SEATS), default=1, help="wait until so many are there (%(default)s)")
    parser.add_argument("--games", type=whole(1, 10**6), help="play by itself, so many rounds")
    words = parser.parse_args(argv)
    where = endpoint.from_words(parser, words, socket.SOCK_STREAM)

    def talk() -> None:
        with calling(where, words.timeout) as server:
            player = Player(server, words.player, advice if words.games else choose_by_asking, aloud=not words.games)
            player.sit_down(words.players)
            if words.games:
                play(player, words.games)
            else:
                while ask("Another round, y or n : ") == "y":
                    say(f"{player.play_round()}, score {player.score}")
            player.leave()
            say(f"final score {player.score}")

    return perform("client", talk)


def known(cards: list[str]) -> list[str]:
    """The same cards, if they are cards.

    Raises:
        AppError: they are not.
    """
    if not set(cards) <= set(DECK):
        raise AppError(f"was dealt what is no card: {' '.join(cards)!r}")
    return cards


def play(player: Player, games: int) -> None:
    """Play so many rounds, and tell of each."""
    for number in range(games):
        say(f"round {number + 1} of {games}: {player.play_round()}, score {player.score}")


def choose_by_asking(hand: list[str], shown: str) -> str:
    """Have the person choose."""
    while True:
        choice = ask(f"You have {' '.join(hand)} ({value(hand)}), the dealer shows {shown}. hit or stand : ")
        if choice in {"hit", "stand"}:
            return choice


if __name__ == "__main__":
    sys.exit(main())
