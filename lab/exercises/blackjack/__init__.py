"""Blackjack: the student's player against the lab's server."""

from __future__ import annotations

import re
import zlib
from pathlib import Path

from lab.apps.dialogues.blackjack import DEALER_STANDS, PORT
from lab.apps.dialogues.cards import DECK, value
from lab.exercises import wire
from lab.exercises.exercise import Check, Exercise, Miss
from lab.exercises.trial import Heard, Trial, quote

ROUNDS, NEVER_STANDS = 5, 11
BEHIND = "21269"  # where the server is while somebody stands before it who passes on single bytes


def _game(trial: Trial) -> tuple[Heard, list[str]]:
    """The player as it was heard, and what the server said to it, as it passed over the wire."""

    def find() -> tuple[Heard, list[str]]:
        with trial.server("h1", *_server(trial)), trial.ear("h2") as frames:
            (player,) = trial.run("player.py@h2 h1")
        return player, wire.stream(frames, source=PORT).decode("ascii", "replace").splitlines()

    return trial.once("game", find)


def _server(trial: Trial) -> tuple[str, ...]:
    """The cards follow from the player's file: the same for it each time, and no use to learn by heart."""
    seed = zlib.crc32(trial.file("player.py").read_bytes())
    return ("python3", "-m", "lab.apps.blackjack_server", "--seed", str(seed), "--timeout", "10")


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


def _pieces(trial: Trial) -> None:
    chop = ("python3", "-m", "lab.apps.chop", "--port", str(PORT), "--to", BEHIND)
    with trial.server("h1", *_server(trial), "--port", BEHIND), trial.server("h1", *chop):
        (player,) = trial.run("player.py@h2 h1")
    if player.code != 0 or not any(line.startswith("final score ") for line in player.lines):
        raise Miss("when lines come in pieces, your player is lost; where does a message end, if not with recv?")


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
        Check("it plays five rounds", 2, _rounds),
        Check("it plays with sense", 2, _sense),
        Check("it tells the final score", 1, _score),
        Check("lines may come in pieces", 2, _pieces),
    ),
)
