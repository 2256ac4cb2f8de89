"""Messages that circle: the way there, and the way back."""

from __future__ import annotations

from pathlib import Path

from lab.exercises import wire
from lab.exercises.exercise import Check, Exercise, Miss
from lab.exercises.trial import Trial
from lab.observe.frames import is_own

ICMP_TYPE, REQUEST = 34, 8  # where the type stands in a frame, and that of an echo request: RFC 792


def way(trial: Trial, source: str, target: str) -> list[str]:
    """The nodes that an echo request reaches after its source, in the order in which it is heard there."""

    def find() -> list[str]:
        with trial.ear(*(node.name for node in trial.lab.plan.nodes)) as frames:
            trial.out(source, "ping", "-c", "1", "-W", "5", target)
        asks = [each for each in frames if wire.protocol(each) == wire.ICMP and each.data[ICMP_TYPE] == REQUEST]
        came = [each for each in asks if not is_own(each, trial.lab.plan)]
        return [each.node for each in sorted(came, key=lambda each: each.time_ns)]

    return trial.once(f"{source} {target}", find)


def _there(trial: Trial) -> None:
    _compare(trial, "there", "n2", "n1")


def _back(trial: Trial) -> None:
    _compare(trial, "back", "n1", "n2")


def _compare(trial: Trial, key: str, source: str, target: str) -> None:
    said, right = trial.names(key), way(trial, source, target)
    if said != right:
        where = next((n for n, (a, b) in enumerate(zip(said, right, strict=False), 1) if a != b), None)
        what = f"it is not right from its hop {where} on" if where else f"it has not {len(said)} hops"
        raise Miss(f"{key}: {what}; what does traceroute say on {source}?")


def _links(trial: Trial) -> None:
    if trial.number("links") != len(way(trial, "n2", "n1")) + len(way(trial, "n1", "n2")):
        raise Miss("links: a question and its answer together cross another number of links; count both ways")


EXERCISE = Exercise(
    name="round-the-ring",
    folder=Path(__file__).parent,
    topology="ring",
    nodes=5,
    hands_in=("answers.toml",),
    checks=(
        Check("the way from n2 to n1", 4, _there),
        Check("the way from n1 to n2", 3, _back),
        Check("how many links question and answer cross", 3, _links),
    ),
)
