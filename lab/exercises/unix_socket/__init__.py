"""Sockets between processes on one computer: AF_UNIX, and where it ends."""

from __future__ import annotations

from pathlib import Path

from lab.exercises.exercise import Check, Exercise, Miss
from lab.exercises.trial import START_SECONDS, Heard, Trial, quote
from lab.observe.stage import Stage


def _together(trial: Trial, client: str) -> list[Heard]:
    message = f"between neighbours, {trial.word()}"
    return trial.once(client, lambda: trial.run("server.py@h1", f"client.py@{client} '{message}'"))


def _arrives(trial: Trial) -> None:
    server, client = _together(trial, "h1")
    client.must_end("the client")
    if not any(trial.word() in line for line in server.lines):
        raise Miss(f"the server does not say what it received: {quote(server.lines)}")


def _is_unix(trial: Trial) -> None:
    seen: list[str] = []
    trial.lab.put("h1", trial.file("server.py"), "/root/")
    with Stage(trial.lab, lambda who, _, line: seen.append(line) if who == "look" else None) as stage:
        look = stage.start("look", "h1", ["python3", "-m", "lab.apps.listening", "--timeout", f"{START_SECONDS:g}"])
        stage.pass_on(lambda: look.spoke or look.ended, START_SECONDS)
        server = stage.start("server", "h1", ["python3", "-u", "/root/server.py"])
        stage.pass_on(lambda: look.ended, 2 * START_SECONDS)
        stage.end(server)
    kinds = [line.split()[0] for line in seen[1:]]
    if kinds != ["unix"]:
        raise Miss(f"the server does not listen at a UNIX socket, but at {' '.join(seen[1:]) or 'nothing'}")


def _across(trial: Trial) -> None:
    server, far = _together(trial, "h2")
    works = any(trial.word() in line for line in server.lines)
    if far.code == 0 and not works:
        raise Miss("on h2 the client ends as if all were well, and nothing has come to h1; what does connect raise?")
    if trial.answer("works_across") is not works:
        raise Miss("works_across is not what happens here: run the client on h2, the server on h1")


EXERCISE = Exercise(
    name="unix-socket",
    folder=Path(__file__).parent,
    hands_in=("server.py", "client.py", "answers.toml"),
    checks=(
        Check("two programs on one computer talk", 3, _arrives),
        Check("they do so over AF_UNIX, without any network", 4, _is_unix),
        Check("works_across says whether it works between two computers", 3, _across),
    ),
)
