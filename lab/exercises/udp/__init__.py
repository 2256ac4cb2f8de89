"""The lecture's programs over UDP."""

from __future__ import annotations

from pathlib import Path

from lab.exercises import wire
from lab.exercises.exercise import Check, Exercise, Miss
from lab.exercises.trial import Heard, Trial, quote
from lab.observe.frames import Frame

PORT = 11267
QUICKLY_SECONDS = 8.0


def _talk(trial: Trial) -> tuple[list[Heard], list[Frame]]:
    message = f"no connection needed, {trial.word()}"

    def find() -> tuple[list[Heard], list[Frame]]:
        with trial.ear("h1") as frames:
            heard = trial.run("server.py@h1", f"client.py@h2 h1 '{message}'", timeout=2 * QUICKLY_SECONDS)
        return heard, frames

    return trial.once("talk", find)


def _arrives(trial: Trial) -> None:
    (server, client), frames = _talk(trial)
    client.must_end("the client")
    if not any(trial.word() in line for line in server.lines):
        raise Miss(f"the server does not say what it received: {quote(server.lines)}")
    address = trial.lab.plan.node("h2").address
    froms = {str(wire.ports(frame)[0]) for frame in frames if _is_ours(frame)}
    if not any(address in line and any(port in line for port in froms) for line in server.lines):
        raise Miss("the server does not say from which address the datagram came; what does recvfrom give?")


def _is_udp(trial: Trial) -> None:
    _, frames = _talk(trial)
    if any(wire.protocol(frame) == wire.TCP and PORT in wire.ports(frame) for frame in frames):
        raise Miss("TCP passed over h1's link; which kind of socket is SOCK_STREAM?")
    came = [frame for frame in frames if _is_ours(frame)]
    if not came:
        raise Miss(f"no datagram to port {PORT} came to h1")
    if len(came) > 1:
        raise Miss(f"{len(came)} datagrams came to h1, and the message fits into one")


def _is_ours(frame: Frame) -> bool:
    return wire.protocol(frame) == wire.UDP and wire.ports(frame)[1] == PORT


def _carries_on(trial: Trial) -> None:
    (alone,) = trial.run("client.py@h2 h1 'is anybody there?'", timeout=QUICKLY_SECONDS)
    if alone.code is None:
        raise Miss("without a server, the client waits for ever; what is there to wait for?")
    alone.must_end("without a server, the client")


EXERCISE = Exercise(
    name="udp",
    folder=Path(__file__).parent,
    hands_in=("server.py", "client.py"),
    checks=(
        Check("the message arrives, and the server says from where", 3, _arrives),
        Check("it goes as one datagram, without a connection", 4, _is_udp),
        Check("without a server, the client just carries on", 3, _carries_on),
    ),
)
