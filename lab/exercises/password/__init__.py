"""The password dialogue: read off the wire, then done right."""

from __future__ import annotations

import base64
import random
import tempfile
from collections.abc import Iterator
from pathlib import Path

from lab.apps.dialogues.password import make_account
from lab.exercises import wire
from lab.exercises.exercise import Check, Exercise, Miss
from lab.exercises.trial import Heard, Trial, quote
from lab.lab import Lab
from lab.observe.frames import Frame

PORT = 11267
SYLLABLES = ("ba", "do", "fi", "gu", "ka", "le", "mo", "ni", "po", "ra", "su", "te", "vo", "wi", "xe", "zu")
SAYS = """
import subprocess
words = ["--host", "h1", "--plain", "--user", "alice"]
subprocess.run(["python3", "-m", "lab.apps.password_client", *words], input="{secret}\\n", text=True)
"""
AGAIN = """
import socket, sys
with socket.create_connection(("h1", 11267), 5) as again:
    again.sendall(bytes.fromhex(sys.argv[1]))
    again.settimeout(5)
    heard = b""
    try:
        while piece := again.recv(4096):
            heard += piece
    except OSError:
        pass
print("granted" if b"granted" in heard else "denied")
"""


def secret(seed: int) -> str:
    """Alice's password in this lab."""
    return "".join(random.Random(seed).choices(SYLLABLES, k=6))  # noqa: S311 - it is there to be found


def prepare(lab: Lab, folder: Path) -> None:
    """Give h1 Alice's account, and h2 a program that logs in as Alice."""
    del folder
    account = make_account(secret(lab.plan.spec.seed))
    row = f"alice {account.cost} {account.salt.hex()} {account.stored.hex()} {account.signs.hex()}\n"
    with tempfile.TemporaryDirectory() as made:
        for node, name, text in (
            ("h1", "accounts", row),
            ("h2", "alice.py", SAYS.format(secret=secret(lab.plan.spec.seed))),
        ):
            path = Path(made, name)
            path.write_text(text, "ascii")
            lab.put(node, path, "/root/")


def _overheard(trial: Trial) -> None:
    if trial.answer("overheard") != secret(trial.seed):
        raise Miss("overheard is not Alice's password; listen at h3 while alice.py runs on h2")


def disguises(password: bytes) -> Iterator[bytes]:
    """A password as it is, and as those write it who take a disguise for a secret."""
    yield password
    yield password[::-1]
    yield password.hex().encode()
    yield from (bytes(byte ^ key for byte in password) for key in range(1, 256))
    for skipped in range(3):  # base64 looks otherwise at each place in a group of three
        yield base64.b64encode(b"\0" * skipped + password)[4 if skipped else 0 :].rstrip(b"=")[:-1]


def _login(trial: Trial, given: str) -> tuple[list[Heard], list[Frame]]:
    def find() -> tuple[list[Heard], list[Frame]]:
        with trial.ear("h3") as frames:
            heard = trial.run(f"server.py@h1 {trial.word()}", f"client.py@h2 h1 {given}")
        return heard, frames

    return trial.once(given, find)


def _verdict(trial: Trial, word: str) -> None:
    (server, client), _ = _login(trial, trial.word() if word == "granted" else "hello-there")
    if client.code is None:
        raise Miss("the client did not end, and was ended")
    verdicts = [line for line in client.lines if line.startswith("access ")]
    if verdicts != [f"access {word}"]:
        which = "right" if word == "granted" else "wrong"
        raise Miss(f"with the {which} password, the client's verdict is {quote(verdicts or client.lines)}")
    if f"access {word}" not in server.lines:
        raise Miss(f"the server does not say `access {word}`, but {quote(server.lines)}; which of the two decides?")


def _unheard(trial: Trial) -> None:
    _verdict(trial, "granted")
    _, frames = _login(trial, trial.word())
    passed = [wire.stream(frames, target=PORT), wire.stream(frames, source=PORT), *(frame.data for frame in frames)]
    if any(known in each for known in disguises(trial.word().encode()) for each in passed):
        raise Miss(
            "h3 reads the password off the wire, in its own letters or thinly disguised; what could be sent instead?"
        )


def _not_again(trial: Trial) -> None:
    _verdict(trial, "granted")
    _, frames = _login(trial, trial.word())
    said = wire.stream(frames, target=PORT)
    if not said:
        raise Miss(f"nothing was sent to port {PORT} of h1")
    with tempfile.TemporaryDirectory() as folder:
        again = Path(folder, "again.py")
        again.write_text(AGAIN, "ascii")
        server, eve = trial.run(f"server.py@h1 {trial.word()}", f"again.py@h3 {said.hex()}", ours=again)
    if eve.lines[-1:] != ["denied"] or "access granted" in server.lines:
        raise Miss("h3 sent again what it had heard from h2, and was let in; what must be new each time?")


EXERCISE = Exercise(
    name="password",
    folder=Path(__file__).parent,
    topology="bus",
    nodes=3,
    prepare=prepare,
    hands_in=("answers.toml", "server.py", "client.py"),
    checks=(
        Check("Alice's password, read off the wire", 3, _overheard),
        Check("who knows the password hears `access granted`", 2, lambda trial: _verdict(trial, "granted")),
        Check("who does not hears `access denied`", 2, lambda trial: _verdict(trial, "denied")),
        Check("the password does not pass over the wire", 4, _unheard),
        Check("what was heard is of no use a second time", 4, _not_again),
    ),
)
