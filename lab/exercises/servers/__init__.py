"""Software and hardware servers: what each shares, and a print server for one printer and many clients."""

from __future__ import annotations

from pathlib import Path

from lab.exercises.exercise import Check, Exercise, Miss
from lab.exercises.trial import Trial

KINDS = {"web": "software", "database": "software", "file": "hardware", "print": "hardware"}
PAPER, LINES = "/root/printed.txt", 8
SEND = """
import socket, sys, time
with socket.create_connection(("h1", 9100), 10) as printer:
    print("begun", flush=True)
    for number in range(int(sys.argv[2])):
        printer.sendall(f"{sys.argv[1]} {number}\\n".encode())
        time.sleep(0.2)
    printer.shutdown(socket.SHUT_WR)
    printer.settimeout(20)
    while printer.recv(100):
        pass
"""


def _kinds(trial: Trial) -> None:
    for key, right in KINDS.items():
        if trial.answer(key) != right:
            raise Miss(f"{key}: what does such a server share, a program's work or a device?")


def _printed(trial: Trial, *jobs: tuple[str, str]) -> list[str]:
    """What is on the paper when these (node, job) have been sent, all at the same time."""

    def find() -> list[str]:
        trial.lab.put("h1", trial.file("printer.py"), "/root/")
        trial.out("h1", "rm", "-f", PAPER)
        with trial.server("h1", "python3", "-u", "/root/printer.py") as heard:
            if not heard:
                raise Miss("printer.py does not say that it is ready")
            *first, (node, job) = jobs
            for other, text in first:
                with trial.server(other, "python3", "-c", SEND, text, str(LINES)):
                    trial.out(node, "python3", "-c", SEND, job, str(LINES))
            if not first:
                trial.out(node, "python3", "-c", SEND, job, str(LINES))
            return trial.out("h1", "cat", PAPER)

    return trial.once(str(jobs), find)


def _one(trial: Trial) -> None:
    wanted = [f"letter {number}" for number in range(LINES)]
    if _printed(trial, ("h2", "letter")) != wanted:
        raise Miss(f"one job of {LINES} lines came out otherwise; does one recv give a whole job?")


def _two(trial: Trial) -> None:
    printed = _printed(trial, ("h2", "first"), ("h3", "second"))
    jobs = [line.split()[0] for line in printed]
    if sorted(jobs) != ["first"] * LINES + ["second"] * LINES:
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
