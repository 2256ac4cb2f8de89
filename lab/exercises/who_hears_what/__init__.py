"""Who hears a message that is for somebody else: on a bus, and on a star."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from lab.exercises import wire
from lab.exercises.exercise import Check, Exercise, Miss
from lab.exercises.trial import Trial
from lab.lab import Lab

ASK = ("ping", "-c", "1", "-W", "5", "h2")


def listeners(trial: Trial) -> list[str]:
    """The nodes, but for the sender, at which an echo request from h1 to h2 is heard."""
    nodes = [node.name for node in trial.lab.plan.nodes if node.name != "h1"]
    with trial.ear(*nodes) as frames:
        trial.out("h1", *ASK)
    mine = {face.address.partition("/")[0] for face in trial.lab.plan.node("h1").interfaces}
    asks = [frame for frame in frames if wire.protocol(frame) == wire.ICMP and wire.addresses(frame)[0] in mine]
    return sorted({frame.node for frame in asks})


def _on_the_bus(trial: Trial) -> None:
    _compare(trial, "bus", trial.once("bus", lambda: listeners(trial)))


def _on_the_star(trial: Trial) -> None:
    trial.names("star")
    spec = replace(trial.lab.plan.spec, name=f"{trial.lab.name}-star", topology="star", pool="")
    with Lab.up(spec, trial.lab.engine.name) as star:
        heard = listeners(Trial(star, trial.folder))
    _compare(trial, "star", heard)


def _compare(trial: Trial, key: str, heard: list[str]) -> None:
    said = set(trial.names(key))
    if wrong := len(said - set(heard)):
        raise Miss(f"{key}: {wrong} of those that you name hear nothing; have you listened there?")
    if missing := len(set(heard) - said):
        raise Miss(f"{key}: {missing} more of them hear it; listen at every node while h1 calls h2")


EXERCISE = Exercise(
    name="who-hears-what",
    folder=Path(__file__).parent,
    topology="bus",
    nodes=4,
    hands_in=("answers.toml",),
    checks=(
        Check("who hears it on a bus", 5, _on_the_bus),
        Check("who hears it on a star", 5, _on_the_star),
    ),
)
