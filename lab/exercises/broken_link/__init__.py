"""One link of a star swallows what goes one way. Which, and which way?"""

from __future__ import annotations

from pathlib import Path

from lab.exercises import wire
from lab.exercises.exercise import Check, Exercise, Links, Miss
from lab.exercises.trial import Trial


def broken(seed: int) -> tuple[str, bool]:
    """The host whose link is broken, and whether it is what the host sends that vanishes."""
    return f"h{2 + seed % 4}", seed // 4 % 2 == 0


def links(seed: int) -> Links:
    """One link with a deaf direction."""
    host, outward = broken(seed)
    return ((host, "coax,loss=100%/coax" if outward else "coax/coax,loss=100%"),)


def seen(trial: Trial) -> tuple[str, str]:
    """Which link is broken, and whose frames vanish on it: found with calls and ears, not taken from the plan."""
    for host in ("h2", "h3", "h4", "h5"):
        with trial.ear(host) as frames:
            answers = trial.out("h1", "ping", "-c", "1", "-W", "2", host)
        if not any("time=" in line for line in answers):
            asked = any(wire.protocol(frame) == wire.ICMP for frame in frames)
            return f"{host}-hub", host if asked else "hub"
    raise Miss("no link of this lab is broken: ./inv heal, and begin anew")


def _link(trial: Trial) -> None:
    said = trial.answer("link")
    if said != trial.once("seen", lambda: seen(trial))[0]:
        raise Miss("link: that one works; call every host from h1")


def _direction(trial: Trial) -> None:
    said = trial.answer("frames_from")
    if said != trial.once("seen", lambda: seen(trial))[1]:
        raise Miss("frames_from: what does tcpdump hear at the host when it is called?")


EXERCISE = Exercise(
    name="broken-link",
    folder=Path(__file__).parent,
    nodes=5,
    links=links,
    hands_in=("answers.toml",),
    checks=(
        Check("which link is broken", 5, _link),
        Check("whose frames vanish on it", 5, _direction),
    ),
)
