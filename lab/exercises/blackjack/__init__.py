"""Blackjack: the student's player against the lab's server."""

from __future__ import annotations

import re
from pathlib import Path

from lab.apps.dialogues.blackjack import DEALER_STANDS, PORT
from lab.apps.dialogues.cards import DECK, value
from lab.exercises import wire
from lab.exercises.exercise import Check, Exercise, Miss
from lab.exercises.trial import Heard, Trial, quote

ROUNDS, NEVER_STANDS = 5, 11


def _game(trial: Trial) -> tuple[Heard, list[str]]:
    """The player as it was heard, and what the server said to it, as it passed over the wire."""

    def find() -> tuple[Heard, list[str]]:
        server = ("python3", "-m", "lab.apps.blackjack_server", "--seed", str(trial.seed), "--timeout", "10")
        with trial.server("h1", *server), trial.ear("h2") as frames:
            (player,) = trial.run("player.py@h2 h1")
        return player, wire.stream(frames, source=PORT).decode("ascii", "replace").splitlines()

    return trial.once("game", find)


def _ends(trial: Trial) -> None:
    player, said = _game(trial)
    if wrong := [line for line in said if line.startswith("error")]:
        raise Miss(f"the server told your player: {quote(wrong)}")
    player.must_end("the player")


def _rounds(trial: Trial) -> None:
    _, said = _game(trial)
    if (count := said.count("over")) != ROUNDS:
        raise Miss(f"{count} rounds were played, and {ROUNDS} are wanted; a round ends with `over`")


def _sense(trial: Trial) -> None:
    _, said = _game(trial)
    _rounds(trial)
    hand: list[str] = []
    for words in (line.split() for line in said):
        match words:
            case ["cards", _, *cards] if set(cards) <= set(DECK):
                hand = cards
            case ["card", _, card, _] if card in DECK:
                if value(hand) >= DEALER_STANDS:
                    raise Miss(f"your player takes a card with {value(hand)}; is an ace counted right?")
                hand = [*hand, card]
            case ["stands", _, worth] if int(worth) <= NEVER_STANDS:
                raise Miss(f"your player stands with {worth}, where no card can burst it")


def _score(trial: Trial) -> None:
    player, said = _game(trial)
    right = next((line.removeprefix("bye ") for line in said if line.startswith("bye ")), None)
    if right is None:
        raise Miss("your player did not say `leave`, or did not wait for the answer")
    if not player.lines or not re.fullmatch(rf"final score {re.escape(right)}", player.lines[-1]):
        raise Miss(f"the last line is not `final score` and the server's score: {quote(player.lines)}")


EXERCISE = Exercise(
    name="blackjack",
    folder=Path(__file__).parent,
    hands_in=("player.py",),
    checks=(
        Check("the player speaks the protocol, and ends", 3, _ends),
        Check("it plays five rounds", 3, _rounds),
        Check("it plays with sense", 2, _sense),
        Check("it tells the final score", 2, _score),
    ),
)
