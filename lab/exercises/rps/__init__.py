"""Rock, paper, scissors: the student's player against the lab's, by commit and reveal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lab.apps.dialogues.rps import BEATS, PORT
from lab.exercises import wire
from lab.exercises.exercise import Check, Exercise, Miss
from lab.exercises.trial import Heard, Trial, quote

MATCHES, MORE = 10, 5
BEHIND = "21270"  # where the server is while somebody stands before it who passes on single bytes


@dataclass(frozen=True, slots=True)
class Game:
    """The player as it was heard; what the server said to it; what it revealed: round, choice and salt."""

    player: Heard
    heard: list[str]
    shown: list[tuple[str, str, str]]

    @property
    def choices(self) -> list[str]:
        """What it chose, in order."""
        return [choice for _, choice, _ in self.shown]


def _first(trial: Trial) -> Game:
    return trial.once("first", lambda: _play(trial, "student", MATCHES, str(PORT)))


def _second(trial: Trial) -> Game:
    """Under another name, so many matches more, and with lines that come in pieces."""

    def find() -> Game:
        with trial.server("h1", "python3", "-m", "lab.apps.chop", "--port", str(PORT), "--to", BEHIND):
            return _play(trial, trial.word(), MORE, BEHIND)

    return trial.once("second", find)


def _play(trial: Trial, name: str, matches: int, port: str) -> Game:
    server = ("python3", "-m", "lab.apps.rps_server", "--timeout", "10", "--port", port)
    rival = f"python3 -m lab.apps.rps_client --host h1 --port {port} --as rival --games {matches}"
    with (
        trial.server("h1", *server),
        trial.server("h3", "sh", "-c", f"echo ready; exec {rival}"),
        trial.ear("h2") as frames,
    ):
        (player,) = trial.run(f"player.py@h2 h1 {name} {matches}", timeout=60)
    heard = wire.stream(frames, source=PORT).decode("ascii", "replace").splitlines()
    said = wire.stream(frames, target=PORT).decode("ascii", "replace").splitlines()
    rounds = [line.split()[1] for line in heard if line.startswith("round ")]
    shown = [words for line in said if len(words := line.split()) == 3 and words[0] == "reveal"]  # noqa: PLR2004
    return Game(player, heard, [(k, choice, salt) for k, (_, choice, salt) in zip(rounds, shown, strict=False)])


def _went_well(game: Game, name: str, matches: int) -> None:
    if wrong := [line for line in game.heard if line.startswith("error")]:
        raise Miss(f"the server told your player: {quote(wrong)}")
    if f"joined {name}" not in game.heard:
        raise Miss(f"your player did not join as {name}, the NAME that it was given")
    if "lost cheat" in game.heard:
        raise Miss("what your player revealed did not fit its hash; what is hashed, in which order?")
    ends = [line for line in game.heard if line.split()[:1] in (["won"], ["lost"], ["drawn"])]
    if len(ends) != matches:
        raise Miss(f"{len(ends)} of {matches} matches were played; the last word was {quote(game.heard)}")
    game.player.must_end("the player")


def _plays(trial: Trial) -> None:
    _went_well(_first(trial), "student", MATCHES)


def _plays_again(trial: Trial) -> None:
    try:
        _went_well(_second(trial), trial.word(), MORE)
    except Miss as miss:
        raise Miss(f"under another name, {MORE} matches, and with lines in pieces: {miss}") from None


def _salts(trial: Trial) -> None:
    _plays(trial)
    salts = [salt for game in (_first(trial), _second(trial)) for _, _, salt in game.shown]
    if len(set(salts)) < len(salts):
        raise Miss("a salt was used twice: who has seen it once can try the three choices")


def follows(choices: Sequence[str], what: Sequence[str]) -> bool:
    """Whether the same thing is followed by the same choice each time."""
    return len(set(zip(what, choices, strict=False))) == len(set(what[: len(choices)]))


def _chance(trial: Trial) -> None:
    _plays(trial)
    game, choices = _first(trial), _first(trial).choices
    if set(choices) != set(BEATS):
        raise Miss("your player does not use all three choices; a rival soon sees that")
    rivals = [line.split()[1] for line in game.heard if line.startswith("revealed ")]
    if follows(choices, [number for number, _, _ in game.shown]):
        raise Miss("the number of the round tells what your player chooses")
    if follows(choices[1:], choices) or follows(choices[1:], rivals):
        raise Miss("what was chosen in one round tells what your player chooses in the next")
    again = _second(trial).choices
    if again and again == choices[: len(again)]:
        raise Miss("started again, your player chooses the same as before")


EXERCISE = Exercise(
    name="rps",
    folder=Path(__file__).parent,
    hands_in=("player.py",),
    checks=(
        Check("the player plays ten matches, and ends", 4, _plays),
        Check("each round has a salt of its own", 2, _salts),
        Check("its choices cannot be foreseen", 2, _chance),
        Check("it does so under another name, and when lines come in pieces", 2, _plays_again),
    ),
)
