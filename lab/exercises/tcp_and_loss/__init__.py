"""What TCP does about loss, and UDP does not."""

from __future__ import annotations

import json
from pathlib import Path

from lab.exercises.exercise import Check, Exercise, Links, Miss
from lab.exercises.trial import START_SECONDS, Trial

COUNT, RATE, POINTS = 4000, "1000000", 3.0  # so many, that chance is worth 0.7 points at most (one sigma)
TRAIN = ("python3", "-m", "lab.apps.meter")


def share(seed: int) -> int:
    """The loss on h2's link, in percent."""
    return 6 + seed % 5 * 4


def links(seed: int) -> Links:
    """A link that loses, another share for each seed."""
    return (("h2", f"coax,loss={share(seed)}%"),)


def _lost(trial: Trial) -> None:
    said = trial.number("udp_lost_percent")
    receive = (*TRAIN, "receive", "--idle", "2", "--count", str(COUNT))
    with trial.server("h2", *receive, ends=START_SECONDS) as heard:
        trial.out("h1", *TRAIN, "send", "h2", "--size", "100", "--count", str(COUNT), "--rate", RATE)
    seen = [json.loads(line) for line in heard if line.startswith("{")]
    lost = 100.0 * (1 - seen[0]["received"] / COUNT) if seen else 100.0
    if abs(said - lost) > POINTS:
        raise Miss(
            f"udp_lost_percent: {said:g} is too {'many' if said > lost else 'few'}; send some thousand, and count"
        )


def _nothing_missing(trial: Trial) -> None:
    if trial.number("tcp_bytes_missing") != 0:
        raise Miss("tcp_bytes_missing: compare what was sent with what came out, byte for byte")


def _who(trial: Trial) -> None:
    if trial.answer("who_sends_again") != "sender":
        raise Miss("who_sends_again: who still has what was lost? It is sender, receiver or hub")


EXERCISE = Exercise(
    name="tcp-and-loss",
    folder=Path(__file__).parent,
    links=links,
    hands_in=("answers.toml",),
    checks=(
        Check("the share of datagrams that UDP loses", 5, _lost),
        Check("the bytes that are missing with TCP", 3, _nothing_missing),
        Check("who sends again what was lost", 2, _who),
    ),
)
