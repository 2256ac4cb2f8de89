"""The tasks as somebody types them: exit codes, one clear message, and words that are explained. No engine runs."""

from __future__ import annotations

import inspect
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from invoke.collection import Collection
from invoke.loader import FilesystemLoader

ROOT = Path(__file__).resolve().parents[2]
Typed = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def typed(tmp_path: Path) -> Typed:
    """Runs `invoke WORDS` in the repository, on a machine where no Docker engine answers."""
    env = os.environ | {"DOCKER_HOST": f"unix://{tmp_path}/docker.sock", "COLUMNS": "200"}
    env.pop("FORCE_COLOR", None)

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "invoke", *words]
        return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=60)

    return run


def _tasks() -> dict[str, Any]:
    module, _ = FilesystemLoader(start=str(ROOT)).load("tasks")
    found: dict[str, Any] = Collection.from_module(module).tasks
    return found


TASKS = _tasks()

WRONG = [
    (["--topology", "moon"], "no topology is called 'moon'", "there are star, ring, bus"),
    (["--nodes", "1"], "a star of 1 cannot be made", "--nodes takes 2 to 250"),
    (["--nodes", "100000"], "a star of 100000 cannot be made", "--nodes takes 2 to 250"),
    (["--nodes", "x"], "--nodes: 'x' is not a number", "2 to 250"),
    (["--nodes=-1"], "--nodes: '-1' is not a number", "2 to 250"),
    (["--media", "wet-string"], "--media: no medium is called 'wet-string'", "there are twisted-pair-2400, …"),
    (["--link", "nosuch=coax"], "no link is called 'nosuch'", "there are h1-hub, h2-hub, h3-hub, h4-hub"),
    (["--link", "h1"], "--link: 'h1' gives no SPEC", "--link NAME=SPEC, as h2=satellite,loss=1%"),
    (
        ["--link", "h1=rate=-3"],
        "h1-hub: rate: '-3' cannot be read: it is below zero",
        "write a number and one of bit, kbit, mbit or gbit",
    ),
    (
        ["--link", "h1=rate=10"],
        "h1-hub: rate: '10' has no unit",
        "write a number and one of bit, kbit, mbit or gbit",
    ),
    (
        ["--link", "h1=coax", "--link", "h1=fibre"],
        "h1 is given twice",
        "give one --link for it",
    ),
    (
        ["--name", "lab;halt"],
        "'lab;halt' cannot be a lab's name",
        "lower-case letters, digits and hyphens, at most 31 of them",
    ),
    (["--pool", "here"], "--pool: Expected 4 octets in 'here'", "write it like 198.18.0.0/15"),
    (["--routing", "scenic"], "no routing is called 'scenic'", "there are clockwise, shortest"),
    (["--shaper", "magic"], "no shaper is called 'magic'", "there are auto, exact, netem, wire"),
]


@pytest.mark.parametrize("task", ["up", "plan"])
@pytest.mark.parametrize(("words", "what", "remedy"), WRONG, ids=[" ".join(row[0]) for row in WRONG])
def test_wrong_words_end_with_2_and_one_message(
    typed: Typed, task: str, words: list[str], what: str, remedy: str
) -> None:
    """What is wrong, and what to type next; nothing on stdout, and no engine is asked."""
    done = typed(task, *words)
    first, second = done.stderr.splitlines()
    assert first == f"error: {what}"
    assert second.startswith(f"  next: {remedy.removesuffix('…')}")
    assert done.stdout == ""
    assert done.returncode == 2


def _read(*words: str) -> subprocess.CompletedProcess[str]:
    """Run the installed program, which reads words as `./inv` does."""
    source = "import sys; from lab.commands.program import main; main(sys.argv[1:])"
    return subprocess.run([sys.executable, "-c", source, *words], capture_output=True, text=True, check=False, cwd=ROOT)


@pytest.mark.parametrize("task", ["up", "run", "serve", "exercise", "exec"])
def test_help_may_come_after_the_task(task: str) -> None:
    """`run --help` is `--help run`, also where the task would take the word for a program's or a node's name."""
    done = _read(task, "--help")
    assert done.stdout == _read("--help", task).stdout
    assert done.stdout.startswith("Usage: ")
    assert (done.returncode, done.stderr) == (0, "")


def test_an_unknown_engine_ends_with_2(typed: Typed) -> None:
    """The word is wrong, not the machine."""
    done = typed("up", "--engine", "steam")
    assert done.stderr.startswith("error: no engine is called 'steam'\n  next: there are ")
    assert (done.returncode, done.stdout) == (2, "")


@pytest.mark.parametrize(
    "words",
    [
        ["up"],
        ["up", "--json"],
        ["down"],
        ["down", "--all"],
        ["status"],
        ["status", "--json"],
        ["run", "tcp", "--message", "hello there!"],
        ["exec", "h1", "true"],
        ["logs", "h1"],
        ["put", "h1", "README.md"],
        ["shell", "h1"],
    ],
    ids=" ".join,
)
def test_an_engine_that_is_not_running_ends_with_3(typed: Typed, words: list[str]) -> None:
    """With how to start it; nothing on stdout, even where a document was asked for."""
    done = typed(*words, "--engine", "docker")
    first, second = done.stderr.splitlines()
    assert first == "error: no Docker engine answers (no such file or directory)"
    assert second == "  next: start it there, or try without: unset DOCKER_HOST"
    assert done.stdout == ""
    assert done.returncode == 3


def test_a_plan_is_one_document_without_an_engine(typed: Typed) -> None:
    """On stdout, with nothing on stderr, and at once: a second, and what a busy machine adds to it."""
    start = time.monotonic()
    done = typed("plan", "--topology", "ring", "--nodes", "5", "--json")
    seconds = time.monotonic() - start
    document = json.loads(done.stdout)
    assert (done.returncode, done.stderr) == (0, "")
    assert [node["name"] for node in document["nodes"]] == ["n1", "n2", "n3", "n4", "n5"]
    assert [link["name"] for link in document["links"]] == ["n1-n2", "n2-n3", "n3-n4", "n4-n5", "n5-n1"]
    assert all(link["tc"]["netem"] for link in document["links"])
    assert seconds < 5


def test_a_plan_for_people_names_every_node_and_its_commands(typed: Typed) -> None:
    """Tables, then tc commands that can be copied: each on one line."""
    done = typed("plan", "--nodes", "3", "--link", "h2=satellite,loss=1%")
    assert (done.returncode, done.stderr) == (0, "")
    assert all(name in done.stdout for name in ("h1", "h2", "h3", "hub", "h2-hub", "satellite", "198.18.0.2"))
    assert (
        "  tc qdisc replace dev hub@h1-hub root handle 1: tbf rate 10000000bit burst 2764b limit 62500b\n"
        in done.stdout
    )
    assert (
        "  tc qdisc replace dev hub@h2-hub root handle 1: netem limit 781 delay 270000us loss 1% rate 10000000bit\n"
        in done.stdout
    )


@pytest.mark.parametrize("words", [["plan", "--nosuch"], ["plan", "--seed", "x"], ["nosuch"], ["put"]], ids=" ".join)
def test_words_that_are_no_flags_fail_without_a_traceback(typed: Typed, words: list[str]) -> None:
    """Whatever invoke itself refuses is refused in a line or two, and nothing is on stdout."""
    done = typed(*words)
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) <= 2


@pytest.mark.parametrize("name", TASKS)
def test_every_task_says_what_it_does(name: str) -> None:
    """The first line of its docstring is what `--list` shows."""
    assert inspect.getdoc(TASKS[name].body)


@pytest.mark.parametrize("name", TASKS)
def test_every_flag_is_explained(name: str) -> None:
    """A flag without help fails here, as a setting without documentation should."""
    silent = [argument.name for argument in TASKS[name].get_arguments() if not (argument.help or "").strip()]
    assert silent == []


OF_NO_LAB = {"build", "compose", "lint", "test", "bench", "docs", "compare", "doctor"}


@pytest.mark.parametrize("name", sorted(set(TASKS) - OF_NO_LAB))
def test_every_task_about_a_lab_takes_its_name(name: str) -> None:
    """`--name`, by default `lab`, as the blueprint has it."""
    by_name = {argument.name: argument for argument in TASKS[name].get_arguments()}
    assert by_name["name"].default == "lab"


def test_the_tasks_of_the_issue_are_there() -> None:
    """Build, up, down, status, plan, run, exec, shell, put, logs, compose, test, lint."""
    wanted = "build up down status plan run exec shell put logs compose test lint"
    assert set(wanted.split()) <= set(TASKS)
