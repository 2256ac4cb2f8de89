"""A program on a node holds nothing open that is the machine's: who holds a file can open it again, to write.

docs/security.md, 12. What is open in one program, root on the same node can open through /proc/PID/fd, with the rights
that the machine's file gives to root. So whatever the way into a node passes on is given to the whole node.
"""

from __future__ import annotations

import os
import pty
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from lab.engine.netns import commands, order
from lab.engine.netns import engine as netns
from tests.integration.test_commands import ROOT, command
from tests.security.conftest import Place

SOURCE = b"exam" * (40 << 20)  # so that copying it takes long enough for another program to see it
SEARCH_SECONDS = 5.0

TAKER = """
import os, sys, time
until = time.monotonic() + float(sys.argv[2])
print("begun", flush=True)
while time.monotonic() < until:
    for process in filter(str.isdigit, os.listdir("/proc")):
        for number in ("0", "2"):
            path = f"/proc/{process}/fd/{number}"
            try:
                if sys.argv[1] in os.readlink(path):
                    os.write(os.open(path, os.O_WRONLY | os.O_NOCTTY), b"owned")
                    print("taken", flush=True)
                    sys.exit()
            except OSError: pass
"""


@contextmanager
def taker(place: Place, word: str) -> Iterator[Iterator[tuple[str, str]]]:
    """A program on h1 that looks for a file that any program there has open, by a word of its name, and writes to it.

    What it says is whether it has, and comes to its end after `SEARCH_SECONDS`.
    """
    with place.running("h1", "python3", "-c", TAKER, word, str(SEARCH_SECONDS), until="begun") as (_, lines):
        yield lines


@contextmanager
def beside(argv: Sequence[str], **more: Any) -> Iterator[None]:
    """Something that runs on the machine meanwhile."""
    with subprocess.Popen(argv, cwd=ROOT, start_new_session=True, **more) as process:
        try:
            yield
        finally:
            os.killpg(process.pid, signal.SIGKILL)


def way_in(place: Place, *argv: str) -> list[str]:
    """The machine's command that runs a program on h1 of the embedded engine."""
    return commands.on_node(place.lab.name, "h1", place.process("h1"), argv, order.terminal())


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A file of the machine's, long enough that copying it can be seen."""
    path = tmp_path / "exam"
    path.write_bytes(SOURCE)
    return path


def test_a_node_cannot_write_to_what_put_reads(shut: Place, bare: Place, source: Path) -> None:
    """While `put` copies a file, no program on the node can reach the file itself.

    Guard: the content goes through a pipe; on Docker, in a tar of the engine's. Handed to the program that writes it
    down, the machine's file can be opened again by any other, and written to.
    """
    with taker(shut, source.name) as lines:
        shut.lab.put("h1", source, "/root/copy")
        assert list(lines) == []
    assert source.read_bytes() == SOURCE
    assert shut.out("h1", "stat", "--format=%s", "/root/copy") == str(len(SOURCE))
    shut.out("h1", "rm", "/root/copy")
    if not bare.docker:
        with taker(bare, source.name) as lines, source.open("rb") as content:
            subprocess.run(way_in(bare, "tee", "/root/copy"), stdin=content, stdout=subprocess.DEVNULL, check=True)
            assert list(lines) == [("stdout", "taken")]
        assert source.read_bytes().startswith(b"owned")


@contextmanager
def terminal() -> Iterator[int]:
    """A terminal of the machine's: the end that programs hold."""
    above, below = pty.openpty()
    try:
        yield below
    finally:
        os.close(above)
        os.close(below)


@pytest.mark.parametrize("task", [("logs", "h1", "--follow"), ("exec", "h1", "sleep 60")], ids=["logs", "exec"])
def test_a_node_cannot_reach_the_callers_terminal(shut: Place, bare: Place, task: tuple[str, ...]) -> None:
    """While a task runs at a terminal, no program on the node can write to that, or read what is typed there.

    Guard: programs on nodes are given pipes, and never what the caller's own streams are; on Docker, the engine is
    between. Given the terminal for its complaints, a program hands it to the whole node.
    """
    with terminal() as below:
        name = os.ttyname(below)
        streams = {"stdin": below, "stdout": below, "stderr": below}
        argv = command(*task, "--name", shut.lab.name, "--engine", shut.lab.engine.name)
        with taker(shut, name) as lines, beside(argv, **streams):
            assert list(lines) == []
        if not bare.docker:
            with taker(bare, name) as lines, beside(way_in(bare, "sleep", "60"), stderr=below):
                assert list(lines) == [("stdout", "taken")]


def test_a_shell_holds_nothing_of_the_callers(shut: Place, bare: Place, tmp_path: Path) -> None:
    """What the caller's shell had open, a folder above all, is not open in a node's shell: it would lead out.

    Guard: all but the terminal is closed on the way. Without, the machine's files are there by way of the folder.
    """
    (tmp_path / "secret").touch()
    folder = os.open(tmp_path, os.O_RDONLY)
    try:
        look = ("sh", "-c", f"ls /proc/self/fd/{folder}/ /dev/fd/{folder}/; echo looked")
        argv = shut.lab.shell("h1", look)
        assert "secret" not in (seen := _typed(argv, folder))
        assert "looked" in seen
        if not bare.docker:
            argv = bare.lab.shell("h1", look)
            assert argv[2] == netns.OWN_TERMINAL
            argv[2] = "import pty, sys; pty.spawn(sys.argv[1:])"
            assert "secret" in _typed(argv, folder)
    finally:
        os.close(folder)


def _typed(argv: Sequence[str], kept: int) -> str:
    """What a command says at a terminal, with a file open that it inherits."""
    above, below = pty.openpty()
    said = b""
    with subprocess.Popen(argv, stdin=below, stdout=below, stderr=below, pass_fds=[kept], start_new_session=True) as it:
        os.close(below)
        while it.poll() is None or b"looked" not in said:
            try:
                said += os.read(above, 4096)
            except OSError:  # the last who held the other end let go
                break
    os.close(above)
    return said.decode()
