"""Rock, paper, scissors: the student's player against the lab's, by commit and reveal."""

from __future__ import annotations

from pathlib import Path

from lab.apps.dialogues.rps import BEATS, PORT
from lab.exercises import wire
from lab.exercises.exercise import Check, Exercise, Miss
from lab.exercises.trial import Heard, Trial, quote

MATCHES = 10
RIVAL = f"echo ready; exec python3 -m lab.apps.rps_client --host h1 --as rival --games {MATCHES}"


def _game(trial: Trial) -> tuple[Heard, list[str], list[list[str]]]:
    """The player as it was heard; what the server said to it; what it revealed: choice and salt."""

    def find() -> tuple[Heard, list[str], list[list[str]]]:
        server = ("python3", "-m", "lab.apps.rps_server", "--timeout", "10")
        with trial.server("h1", *server), trial.server("h3", "sh", "-c", RIVAL), trial.ear("h2") as frames:
            (player,) = trial.run(f"player.py@h2 h1 student {MATCHES}", timeout=60)
        heard = wire.stream(frames, source=PORT).decode("ascii", "replace").splitlines()
        said = wire.stream(frames, target=PORT).decode("ascii", "replace").splitlines()
        return player, heard, [line.split()[1:] for line in said if line.startswith("reveal ")]

    return trial.once("game", find)


def _plays(trial: Trial) -> None:
    player, heard, _ = _game(trial)
    if wrong := [line for line in heard if line.startswith("error")]:
        raise Miss(f"the server told your player: {quote(wrong)}")
    if "lost cheat" in heard:
        raise Miss("what your player revealed did not fit its hash; what is hashed, in which order?")
    ends = [line for line in heard if line.split()[:1] in (["won"], ["lost"], ["drawn"])]
    if len(ends) != MATCHES:
        raise Miss(f"{len(ends)} of {MATCHES} matches were played; the last word was {quote(heard)}")
    player.must_end("the player")


def _salts(trial: Trial) -> None:
    _plays(trial)
    _, _, shown = _game(trial)
    salts = [words[-1] for words in shown]
    if len(set(salts)) < len(salts):
        raise Miss("a salt was used twice: who has seen it once can try the three choices")


def _chance(trial: Trial) -> None:
    _plays(trial)
    _, _, shown = _game(trial)
    if {words[0] for words in shown} != set(BEATS):
        raise Miss("your player does not use all three choices; a rival soon sees that")


EXERCISE = Exercise(
    name="rps",
    folder=Path(__file__).parent,
    hands_in=("player.py",),
    checks=(
        Check("the player plays ten matches, and ends", 4, _plays),
        Check("each round has a salt of its own", 3, _salts),
        Check("its choices cannot be foreseen", 3, _chance),
    ),
)
