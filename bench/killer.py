"""Runs tasks, and kills each with SIGKILL at one of its steps: a step is whatever it does to the world around it.

    python bench/killer.py          an order in every line of stdin, the exit code of its task in every line of stdout

An order is a JSON document: {"steps": a file, "said": another, "at": …, "late": …, "task": [words]}. The task runs in a
fork of this process, which has loaded already what all tasks need: that is most of what a task costs.

Python itself tells of each step before it is taken (`sys.addaudithook`): every piece of a request to the engine, every
process and file that is made or ended. So nothing in the project knows of this. Each step is a line in the file STEPS.
At step AT the task is killed: before the step where LATE is 0, else so many seconds after it has begun, while a request
may be under way. The task's Python helpers (`-m lab…`) count as well; they are not killed with it, as in life.
AT 0 kills nothing: it counts.
"""

from __future__ import annotations

import fcntl
import importlib
import json
import os
import runpy
import signal
import stat
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
CHANGES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
STEPS = {
    *("http.client.connect", "http.client.send", "socket.connect"),
    *("subprocess.Popen", "os.fork", "os.exec", "os.posix_spawn", "os.kill", "os.killpg", "signal.pthread_kill"),
    *("os.mkdir", "os.rmdir", "os.remove", "os.rename", "os.symlink", "os.chmod", "shutil.rmtree", "fcntl.fcntl"),
}


def mortal(fifo: str) -> int:
    """Have the kernel kill this process as soon as somebody writes to a FIFO: F_SETSIG in fcntl(2).

    A signal by number would not do: there are steps in a node's own PID namespace, where nobody outside has a number.

    Returns:
        A handle to write to.
    """
    Path(fifo).unlink(missing_ok=True)  # of an earlier task, by whose number the kernel calls this one again
    os.mkfifo(fifo)
    end = os.open(fifo, os.O_RDWR | os.O_NONBLOCK)
    fcntl.fcntl(end, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(end, fcntl.F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(end, fcntl.F_SETFL, fcntl.fcntl(end, fcntl.F_GETFL) | os.O_ASYNC)
    return end


def watch(steps: str, at: int, late: float, end: int) -> None:
    """Write down each step of this process, and of those that it forks, and kill the task at the one."""
    log = os.open(steps, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    inside = threading.local()

    def hear(event: str, words: tuple[Any, ...]) -> None:
        if getattr(inside, "now", False) or not _is_step(event, words):
            return
        inside.now = True
        try:
            os.write(log, f"{event} {str(words)[:90]}".replace("\n", " ").ljust(127).encode()[:127] + b"\n")
            if os.lseek(log, 0, os.SEEK_CUR) == at * 128:  # the line that was just appended ends there
                kill(end, late)
        finally:
            inside.now = False

    sys.addaudithook(hear)


def _is_step(event: str, words: tuple[Any, ...]) -> bool:
    if event != "open":
        return event in STEPS
    path, _, flags = words
    return bool(flags & CHANGES) and "__pycache__" not in str(path) and str(path) != os.devnull


def kill(end: int, late: float) -> None:
    """Kill the task, now or soon."""
    if late:
        threading.Timer(late, os.write, (end, b".")).start()
    else:
        os.write(end, b".")


def in_our_stead(program: Path, *words: str) -> str:
    """A program that is taken for Python by the task, and watches what its helpers do."""
    told = " ".join(f"'{word}'" for word in (sys.executable, __file__, "--helper", *words))
    program.write_text(f'#!/bin/sh\nexec {told} "$@"\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return str(program)


def perform(steps: str, said: str, at: int, late: float, task: Sequence[str]) -> None:
    """Be the task, and be killed, or come to its end."""
    from invoke.main import program  # noqa: PLC0415 - a helper does not need it

    # No pipes: they would be held by helpers that are still at it, and the next command has to come at once.
    for stream, path in ((0, os.devnull), (1, os.devnull), (2, said)):
        handle = os.open(path, os.O_RDWR | os.O_CREAT)
        os.dup2(handle, stream)
        os.close(handle)
    fifo = f"{steps}.{os.getpid()}.end"
    end = mortal(fifo)
    sys.executable = in_our_stead(Path(steps).with_suffix(".python"), steps, str(at), fifo)
    watch(steps, at, late, end)
    program.run(["inv", *task])


def serve() -> None:
    """Run the task of each order, one after the other."""
    for module in ("lab.engine.docker", "lab.engine.netns.engine", "tasks"):
        importlib.import_module(module)  # what every task would load for itself
    for line in sys.stdin:
        child = os.fork()
        if not child:
            perform(**json.loads(line))
            return  # it is done, and ends as a program does
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def help_out(steps: str, at: str, fifo: str, *words: str) -> None:
    """Be a helper of the task."""
    module = words.index("-m") + 1  # commands.module: -P -m MODULE …
    watch(steps, int(at), 0.0, os.open(fifo, os.O_RDWR))
    sys.argv = list(words[module:])
    runpy.run_module(words[module], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    sys.path[0] = str(ROOT)  # in place of the folder of this file
    help_out(*sys.argv[2:]) if sys.argv[1:] else serve()
