"""The two programs of the lecture, written by the student."""

from __future__ import annotations

import re
from pathlib import Path

from lab.exercises import wire
from lab.exercises.exercise import Check, Exercise, Miss
from lab.exercises.trial import Heard, Trial, quote
from lab.observe.frames import Frame

GREETING, PORT = "hello there!", 11267


def _talk(trial: Trial, server: str, client: str, message: str) -> tuple[list[Heard], list[Frame]]:
    """Both programs as they were heard, and what passed to the server's port."""

    def find() -> tuple[list[Heard], list[Frame]]:
        with trial.ear(server) as frames:
            heard = trial.run(f"server.py@{server}", f"client.py@{client} {server} '{message}'")
        return heard, [each for each in frames if wire.protocol(each) == wire.TCP and wire.ports(each)[1] == PORT]

    return trial.once(message, find)


def _lecture(trial: Trial) -> tuple[list[Heard], list[Frame]]:
    return _talk(trial, "h1", "h2", GREETING)


def _both_end(trial: Trial) -> None:
    (server, client), _ = _lecture(trial)
    client.must_end("the client")
    server.must_end("the server")
    if not server.lines:
        raise Miss("they end, but the server has not said a word")


def _server_speaks(trial: Trial) -> None:
    (server, _), frames = _lecture(trial)
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
    port = int(re.findall(r"\d+", server.lines[1])[-1])
    if port not in {wire.ports(frame)[0] for frame in frames}:
        raise Miss(f"the server names port {port}, but no client called from there; what does accept give?")


def _client_speaks(trial: Trial) -> None:
    (_, client), frames = _lecture(trial)
    if not frames:
        raise Miss(f"nothing came to port {PORT} of h1")
    if "client is connected" not in client.lines:
        raise Miss(f"the client does not say that it is connected: {quote(client.lines)}")


def _other_message(trial: Trial) -> None:
    message = f"Grüezi mitenand, {trial.word()}"
    (server, _), _ = _talk(trial, "h3", "h1", message)
    if not server.lines or not server.lines[-1].endswith(message):
        raise Miss(f"from h1 to h3, another message came out as {quote(server.lines)}; does the client call its HOST?")


EXERCISE = Exercise(
    name="two-programs",
    folder=Path(__file__).parent,
    hands_in=("server.py", "client.py"),
    checks=(
        Check("both programs end by themselves, and well", 2, _both_end),
        Check("the server says the lecture's four lines", 3, _server_speaks),
        Check("the client says that it is connected", 2, _client_speaks),
        Check("another message, between others, arrives as it was sent", 3, _other_message),
    ),
)
