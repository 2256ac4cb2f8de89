"""Software and hardware servers: what each shares, and a print server for one printer and many clients."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lab.exercises.exercise import Check, Exercise, Miss
from lab.exercises.trial import RUN_SECONDS, Trial

KINDS = {"web": "software", "database": "software", "file": "hardware", "print": "hardware"}
PAPER = "/root/printed.txt"
LONG, SHORT = 3000, 400  # lines: more than one recv gives, and as much as waits in the buffers of a server that is busy
SEND = """
import socket, sys
job, count, other = sys.argv[1], int(sys.argv[2]), sys.argv[3]
lines = [f"{job} {number} {'.' * 60}\\n".encode() for number in range(count)]
half = count // 2 if other == "waits" else count
with socket.create_connection(("h1", 9100), 10) as printer, socket.create_server(("", 9200)) as door:
    for sock in (printer, door):
        sock.settimeout(20)
    printer.sendall(b"".join(lines[:half]))
    print("begun", flush=True)
    if other == "waits":
        door.accept()[0].close()
        printer.sendall(b"".join(lines[half:]))
    printer.shutdown(socket.SHUT_WR)
    if other not in ("waits", "alone"):
        socket.create_connection((other, 9200), 10).close()
    while printer.recv(100):
        pass
print("printed")
"""
"""Sends a job. One that `waits` sends its second half when the other one, which is given its name, has sent all."""


def _kinds(trial: Trial) -> None:
    for key, right in KINDS.items():
        if trial.answer(key) != right:
            raise Miss(f"{key}: what does such a server share, a program's work or a device?")


@contextmanager
def _printing(trial: Trial) -> Iterator[None]:
    trial.lab.put("h1", trial.file("printer.py"), "/root/")
    trial.out("h1", "rm", "-f", PAPER)
    with trial.server("h1", "python3", "-u", "/root/printer.py") as heard:
        if not heard:
            raise Miss("printer.py does not say that it is ready")
        yield


def _sent(job: str, count: int, other: str) -> tuple[str, ...]:
    return ("python3", "-c", SEND, job, str(count), other)


def _job(line: str) -> str:
    return line.partition(" ")[0]


def _one(trial: Trial) -> None:
    with _printing(trial):
        said = trial.out("h2", *_sent("letter", LONG, "alone"))
        printed = trial.out("h1", "cat", PAPER)
    if [line.split()[:2] for line in printed] != [["letter", str(number)] for number in range(LONG)]:
        raise Miss(f"of one job of {LONG} lines, {len(printed)} came out; does one recv give a whole job?")
    if "printed" not in said:
        raise Miss("the job is on the paper, but the connection stays open; how is the client to know?")


def _two(trial: Trial) -> None:
    with _printing(trial):
        with trial.server("h2", *_sent("first", SHORT, "waits"), ends=RUN_SECONDS):
            trial.out("h3", *_sent("second", SHORT, "h2"))
        jobs = [_job(line) for line in trial.out("h1", "cat", PAPER)]
    if sorted(jobs) != ["first"] * SHORT + ["second"] * SHORT:
        raise Miss("two jobs at the same time: lines are missing, or there are more than were sent")
    if len([n for n in range(1, len(jobs)) if jobs[n] != jobs[n - 1]]) > 1:
        raise Miss("two jobs at the same time are mixed on the paper; when may the second one begin?")


EXERCISE = Exercise(
    name="servers",
    folder=Path(__file__).parent,
    hands_in=("printer.py", "answers.toml"),
    checks=(
        Check("which servers are software, and which hardware", 3, _kinds),
        Check("a job is printed whole", 3, _one),
        Check("two jobs at the same time are not mixed", 4, _two),
    ),
)
