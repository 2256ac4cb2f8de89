"""Somebody's own programs on nodes, on both engines: in order, heard, timed out, ended, and their exit codes."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lab.lab import Lab
from lab.model.plan import LabSpec
from lab.observe import own

ROOT = Path(__file__).parents[2]
Perform = Callable[..., tuple[list[own.Ending], list[tuple[str, str, str]]]]

SERVER = """
import socket, time
print("awake")
time.sleep(0.7)  # a client that did not wait would find the port closed
with socket.create_server(("", 11300)) as listener:
    while True:
        taken, peer = listener.accept()
        print("heard", taken.recv(100).decode())
        taken.sendall(b"well heard")
"""
CLIENT = """
import socket, sys
with socket.create_connection((sys.argv[1], 11300)) as out:
    out.sendall(sys.argv[2].encode())
    print(out.recv(100).decode())
sys.exit(int(sys.argv[3]))
"""
DONE = "print('done')\n"
CHATTY = "while True:\n    print('and on')\n"
NEVER = "import signal\nprint('here for good')\nsignal.pause()\n"


@pytest.fixture(scope="module", params=["docker", "netns"])
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """A star of three over coax, on each engine."""
    with Lab.up(LabSpec(name=f"t{os.getpid()}-files", nodes=3), request.param) as made:
        yield made


@pytest.fixture
def perform(lab: Lab, tmp_path: Path) -> Perform:
    """Runs `NAME@NODE WORDS` of the files above; returns how they ended, and all that was heard."""
    for name, source in {"server": SERVER, "client": CLIENT, "never": NEVER, "chatty": CHATTY, "done": DONE}.items():
        (tmp_path / f"{name}.py").write_text(source)

    def run(
        *texts: str, timeout: float = 60.0, patience: float = 0.2
    ) -> tuple[list[own.Ending], list[tuple[str, str, str]]]:
        heard: list[tuple[str, str, str]] = []
        programs = own.name(own.read(lab, f"{tmp_path}/{text}") for text in texts)
        endings = own.perform(lab, programs, lambda *line: heard.append(line), timeout=timeout, patience=patience)
        return endings, heard

    return run


def test_the_server_is_awaited_and_both_are_heard(perform: Perform) -> None:
    """It opens its port 0.7 s after its first word; both clients find it, each under its own node's name."""
    endings, heard = perform("server.py@h1", "client.py@h2 h1 one 0", "client.py@h3 h1 two 0")
    assert [(ending.name, ending.code) for ending in endings] == [("h1", None), ("h2", 0), ("h3", 0)]
    assert {("h1", "stdout", "heard one"), ("h1", "stdout", "heard two")} < set(heard)
    assert {("h2", "stdout", "well heard"), ("h3", "stdout", "well heard")} < set(heard)
    assert all(stream == "stdout" for _, stream, _ in heard)


def test_an_exit_code_is_passed_on(perform: Perform) -> None:
    """The client's, though the server is well."""
    endings, _ = perform("server.py@h1", "client.py@h2 h1 one 7")
    assert own.exit_code(endings) == 7


def test_a_program_that_never_ends_is_ended(perform: Perform, lab: Lab) -> None:
    """When the time is up; nothing of it is left on the node."""
    endings, heard = perform("never.py@h2", timeout=1.0)
    assert [ending.code for ending in endings] == [None]
    assert heard == [("h2", "stdout", "here for good")]
    process = lab.start("h2", ["pgrep", "--full", "[n]ever.py"])
    assert list(process.lines()) == []


def test_the_time_is_the_limit_of_everything(perform: Perform) -> None:
    """A first program that never opens a port is waited for no longer than all of it may take."""
    begun = time.monotonic()
    endings, heard = perform("never.py@h1", "never.py@h2", timeout=1.5)
    assert own.exit_code(endings) == own.TIME_WAS_UP
    assert heard == [
        ("h1", "stdout", "here for good"),
        ("h1", "stderr", "(opened no port within 1.5 s, and the time is up)"),
    ]
    assert time.monotonic() - begun < own.LISTENS_SECONDS


def test_who_speaks_without_a_pause_is_ended_too(perform: Perform) -> None:
    """There is always one more line to pass on; the time is up all the same."""
    endings, heard = perform("chatty.py@h2", timeout=1.5)
    assert own.exit_code(endings) == own.TIME_WAS_UP
    assert ("h2", "stdout", "and on") in heard


def test_a_first_program_that_opens_no_port_ends_the_wait_when_it_ends(perform: Perform) -> None:
    """A server with a mistake in it, or a client in its place, keeps nobody waiting; its error is the last word."""
    endings, heard = perform("client.py@h1", "client.py@h2 h1 x 0")
    assert [(ending.name, ending.code) for ending in endings] == [("h1", 1)]
    assert ("h1", "stderr", "IndexError: list index out of range") in heard
    said = "(ended before it opened a port, so the others were not started; the first serves)"
    assert heard[-1] == ("h1", "stderr", said)


def test_a_first_program_that_ends_well_is_followed(perform: Perform) -> None:
    """One that has done its work without a port was no server; the others have theirs to do."""
    endings, heard = perform("done.py@h1", "done.py@h2")
    assert [ending.code for ending in endings] == [0, 0]
    assert [line for line in heard if line[1] == "stdout"] == [("h1", "stdout", "done"), ("h2", "stdout", "done")]


def test_as_a_student_types_it(lab: Lab, perform: Perform, tmp_path: Path) -> None:
    """`./inv run server.py@h1 'client.py@h2 h1 hello 3'`: side by side on stdout, exit code 3."""
    del perform  # it wrote the files
    files = ["server.py@h1", "client.py@h2 h1 hello 3"]
    options = ["--patience", "0.1", "--name", lab.name, "--engine", lab.engine.name]
    argv = [sys.executable, "-m", "invoke", "--search-root", str(ROOT), "run", *files, *options]
    done = subprocess.run(argv, cwd=tmp_path, text=True, capture_output=True, check=False)
    assert done.stdout.splitlines()[0] == "h1 │ awake"
    assert sorted(done.stdout.splitlines()[1:]) == ["h1 │ heard hello", "h2 │ well heard"]
    assert done.stderr == ("h1: still ran after the others, and was ended\nh2: ended with exit code 3\n")
    assert done.returncode == 3
