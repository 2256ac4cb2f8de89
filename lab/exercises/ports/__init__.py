"""Ports: which there are, who may use them, and how to find those that somebody listens at."""

from __future__ import annotations

import secrets
from pathlib import Path

from lab.exercises.exercise import Check, Exercise, Miss
from lab.exercises.trial import Trial, quote

FIRST, LAST, OPEN = 20_000, 20_099, 4
LISTEN = """
import socket, sys, signal
held = [socket.create_server(("", int(port))) for port in sys.argv[1:]]
print("ready", flush=True)
signal.pause()
"""
SECONDS = 30.0


def hidden() -> set[int]:
    """The ports that somebody listens at: each time others, which nobody knows before, and the last one."""
    return {LAST, *secrets.SystemRandom().sample(range(FIRST, LAST), OPEN - 1)}


def _scan(trial: Trial, host: str) -> None:
    wanted = hidden()
    with trial.server(host, "python3", "-c", LISTEN, *map(str, wanted)):
        (found,) = trial.run(f"scan.py@h2 {host}", timeout=SECONDS)
    found.must_end("the scan")
    said = [line.strip() for line in found.lines]
    if not all(line.isdigit() for line in said):
        raise Miss(f"one number a line is wanted, and nothing else: {quote([s for s in said if not s.isdigit()])}")
    seen = {int(line) for line in said}
    if missed := len(wanted - seen):
        raise Miss(f"{missed} of {len(wanted)} open ports were not found; is the last one of the range looked at?")
    if more := len(seen - wanted):
        raise Miss(f"{more} ports were reported at which nobody listens; what does connect do there?")


def _limits(trial: Trial) -> None:
    for key, right in (("first_free_to_use", 1024), ("last", 65535)):
        if trial.number(key) != right:
            raise Miss(f"{key} is not {trial.answer(key)}; how many bits has a port, and which are reserved?")


EXERCISE = Exercise(
    name="ports",
    folder=Path(__file__).parent,
    hands_in=("scan.py", "answers.toml"),
    checks=(
        Check("scan.py finds the open ports, and only those", 4, lambda trial: _scan(trial, "h1")),
        Check("it does so on another host, where others are open", 3, lambda trial: _scan(trial, "h3")),
        Check("the limits of what one may use", 3, _limits),
    ),
)
