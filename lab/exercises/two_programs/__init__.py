"""The two programs of the lecture, written by the student."""

from __future__ import annotations

import re
from pathlib import Path

from lab.exercises.exercise import Check, Exercise, Miss
from lab.exercises.trial import Heard, Trial, quote

GREETING, OTHER = "hello there!", "Grüezi mitenand, 11267 times"


def _talk(trial: Trial, message: str) -> list[Heard]:
    return trial.once(message, lambda: trial.run("server.py@h1", f"client.py@h2 h1 '{message}'"))


def _both_end(trial: Trial) -> None:
    server, client = _talk(trial, GREETING)
    client.must_end("the client")
    server.must_end("the server")
    if not server.lines:
        raise Miss("they end, but the server has not said a word")


def _server_speaks(trial: Trial) -> None:
    server, _ = _talk(trial, GREETING)
    address = re.escape(trial.lab.plan.node("h2").address)
    wanted = (
        "server waits for connection",
        rf"server accepted connection request from +\('{address}', \d+\)",
        "server waits for data",
        f"server received +{re.escape(GREETING)}",
    )
    for number, pattern in enumerate(wanted):
        line = server.lines[number] if number < len(server.lines) else ""
        if not re.fullmatch(pattern, line):
            raise Miss(f"the server's line {number + 1} is not the lecture's: {quote([line] if line else [])}")


def _client_speaks(trial: Trial) -> None:
    _, client = _talk(trial, GREETING)
    if "client is connected" not in client.lines:
        raise Miss(f"the client does not say that it is connected: {quote(client.lines)}")


def _other_message(trial: Trial) -> None:
    server, _ = _talk(trial, OTHER)
    if not server.lines or not server.lines[-1].endswith(OTHER):
        raise Miss(f"another message came out as {quote(server.lines)}; is it encoded and decoded alike?")


EXERCISE = Exercise(
    name="two-programs",
    folder=Path(__file__).parent,
    hands_in=("server.py", "client.py"),
    checks=(
        Check("both programs end by themselves, and well", 2, _both_end),
        Check("the server says the lecture's four lines", 3, _server_speaks),
        Check("the client says that it is connected", 2, _client_speaks),
        Check("another message arrives as it was sent", 3, _other_message),
    ),
)
