"""The supervisor leaves nothing behind, loses nothing, and tells how the program ended."""

from __future__ import annotations

import fcntl
import os
import re
import select
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.unit.apps.conftest import Launch

STAYS = "echo ready; exec sleep 60"
STUBBORN = "trap '' TERM; echo ready; while :; do sleep 60; done"


@pytest.mark.parametrize(
    ("command", "code"),
    [("exit 0", 0), ("exit 3", 3), ("exit 255", 255), ("kill -KILL $$", 137), ("kill -TERM $$", 143)],
)
def test_exit_code(launch: Launch, command: str, code: int) -> None:
    """The program's exit code comes back; a signal's number comes as 128 more."""
    assert launch("supervise", "--", "sh", "-c", command).ends(with_stdin=False).code == code


@pytest.mark.parametrize(
    ("command", "code", "why"),
    [("nosuch-program", 127, "no such file or directory"), ("/etc/passwd", 126, "permission denied")],
)
def test_cannot_start(launch: Launch, command: str, code: int, why: str) -> None:
    """A program that is not there, or is none, is one line and the shell's exit code."""
    end = launch("supervise", "--", command).ends(with_stdin=False)
    assert (end.code, end.out, end.err) == (code, "", f"supervise: cannot start {command}: {why}\n")


def test_output_comes_as_it_is_said(launch: Launch) -> None:
    """Both streams pass through while the program runs, a line's beginning too."""
    script = "printf 'Give message : '; read -r x; echo got $x; echo oops >&2"
    program = launch("supervise", "--stdin", "--", "sh", "-c", script)
    program.says("Give message : ")
    program.hears("hello\n")
    assert program.line() == "got hello"
    assert program.complaint() == "oops"
    assert program.ends(with_stdin=False).code == 0


def test_stdin_is_nothing_without_the_word(launch: Launch) -> None:
    """The program reads from /dev/null, so it cannot wait for somebody who is far away."""
    end = launch("supervise", "--", "cat").ends(with_stdin=False)
    assert (end.code, end.out) == (0, "")


def test_bytes_are_safe(launch: Launch, tmp_path: Path) -> None:
    """A megabyte of any bytes comes through whole, however slowly it is taken."""
    data = os.urandom(1 << 20)
    (tmp_path / "data").write_bytes(data)
    program = launch("supervise", "--log", tmp_path / "log", "--", "cat", str(tmp_path / "data"))
    taken = b""
    while piece := os.read(program.stdout.fileno(), 5000):
        taken += piece
    assert taken == data
    assert program.process.wait(10) == 0


def test_log(launch: Launch, tmp_path: Path) -> None:
    """Complete lines of both streams are appended with the time and the name, the last without an end too."""
    log = tmp_path / "log"
    script = "echo one; printf 'two '; echo words; echo three >&2; printf end"
    for _ in range(2):
        launch("supervise", "--log", log, "--name", "h1", "--", "sh", "-c", script).ends(with_stdin=False)
    lines = log.read_text().splitlines()
    stamp = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z h1 (.*)")
    texts = [match[1] for line in lines if (match := stamp.fullmatch(line))]
    assert sorted(texts) == sorted(["one", "two words", "three", "end"] * 2)
    assert len(lines) == 8


def test_log_is_shared(launch: Launch, tmp_path: Path) -> None:
    """Several supervisors append to one file without tearing each other's lines."""
    log = tmp_path / "log"
    script = "i=0; while [ $i -lt 300 ]; do echo $1$1$1$1$1$1$1$1; i=$((i+1)); done"
    programs = [
        launch("supervise", "--log", log, "--name", name, "--", "sh", "-c", script, "sh", name)
        for name in ("h1", "h2", "h3")
    ]
    for program in programs:
        assert program.ends(with_stdin=False).code == 0
    lines = [line.split(" ", 1)[1] for line in log.read_text().splitlines()]
    assert sorted(lines) == sorted(f"{name} {name * 8}" for name in ("h1", "h2", "h3") for _ in range(300))


def test_log_that_cannot_be_opened(launch: Launch, tmp_path: Path) -> None:
    """Without its log the program is not even started."""
    end = launch("supervise", "--log", tmp_path, "--", "echo", "started").ends(with_stdin=False)
    assert (end.code, end.out, end.err) == (
        125,
        "",
        f"supervise: cannot open the log {tmp_path}: is a directory\n",
    )


def test_caller_is_gone(launch: Launch) -> None:
    """The end of our stdin ends the program and everything that it started."""
    program = launch("supervise", "--", "sh", "-c", "sleep 60 & " + STAYS)
    assert program.line() == "ready"
    started = time.monotonic()
    assert program.ends().code == 128 + signal.SIGTERM
    assert time.monotonic() - started < 1.5


def test_last_words_are_heard(launch: Launch) -> None:
    """What the program says when it is told to end still comes through, and its exit code counts."""
    script = "trap 'echo goodbye; exit 7' TERM; echo ready; while :; do sleep 60 & wait; done"
    program = launch("supervise", "--", "sh", "-c", script)
    assert program.line() == "ready"
    end = program.ends()
    assert (end.code, end.out) == (7, "goodbye\n")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
@pytest.mark.parametrize("words", [[], ["--stdin"]])
def test_told_to_end(launch: Launch, number: signal.Signals, words: list[str]) -> None:
    """A signal to the supervisor ends the program."""
    program = launch("supervise", *words, "--", "sh", "-c", STAYS)
    assert program.line() == "ready"
    program.gets(number)
    assert program.ends(with_stdin=False).code == 128 + signal.SIGTERM


def test_end_of_a_stdin_that_is_the_programs(launch: Launch) -> None:
    """With --stdin its end is the program's to notice, not a reason to end it."""
    program = launch("supervise", "--stdin", "--", "sh", "-c", "cat; echo after")
    program.hears("text\n")
    assert program.line() == "text"
    end = program.ends()
    assert (end.code, end.out) == (0, "after\n")


@pytest.mark.parametrize("words", [[], ["--stdin"]])
def test_stdout_is_closed(launch: Launch, words: list[str]) -> None:
    """When nobody reads stdout any more the caller is gone, though the program is silent."""
    program = launch("supervise", *words, "--", "sh", "-c", STAYS)
    assert program.line() == "ready"
    program.stdout.close()
    assert program.process.wait(10) == 128 + signal.SIGTERM


def test_time_is_up(launch: Launch) -> None:
    """A time limit ends the program, with the exit code of timeout(1)."""
    end = launch("supervise", "--timeout", 0.3, "--", "sh", "-c", STAYS).ends(with_stdin=False)
    assert (end.code, end.out) == (124, "ready\n")


def test_stopped_program(launch: Launch) -> None:
    """One that is stopped can be ended too, without waiting for the grace."""
    program = launch("supervise", "--", "sh", "-c", "echo ready; kill -STOP $$")
    assert program.line() == "ready"
    started = time.monotonic()
    assert program.ends().code == 128 + signal.SIGTERM
    assert time.monotonic() - started < 1.5


@pytest.mark.parametrize("grandchild", ["sleep 60", "while :; do echo more; done"], ids=["silent", "talkative"])
def test_grandchild_keeps_the_pipe(launch: Launch, grandchild: str) -> None:
    """The program's end is the end, though a grandchild holds the pipe, and the grandchild goes too."""
    program = launch("supervise", "--", "sh", "-c", f"({grandchild}) & echo last words; exit 5")
    started = time.monotonic()
    end = program.ends(with_stdin=False)
    assert end.code == 5
    assert "last words\n" in end.out
    assert time.monotonic() - started < 1.5


def test_stubborn_ones(launch: Launch, tmp_path: Path) -> None:
    """What does not heed SIGTERM is killed after the grace and not before: a program, and a grandchild.

    The grandchild holds a lock, which is free as soon as the supervisor has ended.
    """
    lock = tmp_path / "lock"
    hold = (
        "import fcntl,signal,sys,time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
        "f = open(sys.argv[1], 'w'); fcntl.flock(f, fcntl.LOCK_EX); print('held', flush=True); time.sleep(60)"
    )
    leaves = f'{sys.executable} -S -c "$0" {lock} & read -r x'
    parent = launch("supervise", "--stdin", "--", "sh", "-c", leaves, hold)
    program = launch("supervise", "--", "sh", "-c", STUBBORN)
    assert (parent.line(), program.line()) == ("held", "ready")
    started = time.monotonic()
    parent.stdin.close()
    assert program.ends().code == 128 + signal.SIGKILL
    assert 2.0 <= time.monotonic() - started < 5
    with lock.open() as file:
        assert parent.ends(with_stdin=False).code == 1
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_rests_while_nothing_happens(launch: Launch) -> None:
    """Waiting costs no processor time."""
    program = launch("supervise", "--timeout", 0.8, "--", "sh", "-c", STAYS)
    assert program.line() == "ready"
    stat = f"/proc/{program.process.pid}/stat"

    def ticks() -> int:
        with open(stat) as file:  # noqa: PTH123
            return sum(int(field) for field in file.read().rsplit(")", 1)[1].split()[11:13])

    before = ticks()
    select.select([program.stdout], [], [], 0.5)
    assert ticks() - before <= 2


def test_standard_streams_may_be_closed(launch: Launch, tmp_path: Path) -> None:
    """A caller without any standard stream gets a program whose output is still logged."""
    inner = f"{sys.executable} -S -m lab.apps.supervise --stdin --log {tmp_path}/log -- echo hello"
    end = launch("supervise", "--", "sh", "-c", f"exec {inner} <&- >&- 2>&-").ends(with_stdin=False)
    assert end.code == 0
    assert (tmp_path / "log").read_text().endswith("Z echo hello\n")


def test_runs_the_lecture(launch: Launch, free_port: int) -> None:
    """A server under the supervisor says its lines at once, and ends when the caller does."""
    server = launch("supervise", "--", sys.executable, "-S", "-m", "lab.apps.tcp_server", "--port", free_port)
    assert server.line() == "server waits for connection"
    end = server.ends()
    assert (end.code, end.err) == (1, "server was told to end\n")


def test_signals_on_request(launch: Launch) -> None:
    """A line `signal N` sends that signal to the program alone; what is no such line is nothing."""
    script = "trap 'echo interrupted' INT; echo ready; while :; do sleep 60 & wait $!; done"
    program = launch("supervise", "--", "sh", "-c", script)
    assert program.line() == "ready"
    program.hears("signal x\nnonsense\nsignal 2")
    program.hears("\n")
    assert program.line() == "interrupted"
    program.hears("signal 9\n")
    assert program.ends(with_stdin=False).code == 128 + signal.SIGKILL
