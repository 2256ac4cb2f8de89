"""Runs a task, and kills it with SIGKILL at one of its steps: a step is whatever it does to the world around it.

    python bench/killer.py STEPS AT LATE TASK ...

Python itself tells of each step before it is taken (`sys.addaudithook`): every piece of a request to the engine, every
process and file that is made or ended. So nothing in the project knows of this. Each step is a line in the file STEPS.
At step AT the task is killed: before the step where LATE is 0, else so many seconds after it has begun, while a request
may be under way. The task's Python helpers (`-m lab…`) count as well; they are not killed with it, as in life.
AT 0 kills nothing: it counts.
"""

from __future__ import annotations

import os
import runpy
import signal
import stat
import sys
import threading
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
CHANGES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
STEPS = {
    *("http.client.connect", "http.client.send", "socket.connect"),
    *("subprocess.Popen", "os.fork", "os.exec", "os.posix_spawn", "os.kill", "os.killpg", "signal.pthread_kill"),
    *("os.mkdir", "os.rmdir", "os.remove", "os.rename", "os.symlink", "os.chmod", "shutil.rmtree", "fcntl.fcntl"),
}


def watch(steps: str, at: int, late: float, victim: int) -> None:
    """Write down each step of this process, and of those that it forks, and kill the victim at the one."""
    log = os.open(steps, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    inside = threading.local()

    def hear(event: str, words: tuple[Any, ...]) -> None:
        if getattr(inside, "now", False) or not _is_step(event, words):
            return
        inside.now = True
        try:
            os.write(log, f"{event} {str(words)[:90]}".replace("\n", " ").ljust(127).encode()[:127] + b"\n")
            if os.lseek(log, 0, os.SEEK_CUR) == at * 128:  # the line that was just appended ends there
                kill(victim, late)
        finally:
            inside.now = False

    sys.addaudithook(hear)


def _is_step(event: str, words: tuple[Any, ...]) -> bool:
    if event != "open":
        return event in STEPS
    path, _, flags = words
    return bool(flags & CHANGES) and "__pycache__" not in str(path) and str(path) != os.devnull


def kill(victim: int, late: float) -> None:
    """Kill it, now or soon."""
    if late and victim == os.getpid():
        threading.Timer(late, os.kill, (victim, signal.SIGKILL)).start()
    else:
        os.kill(victim, signal.SIGKILL)


def in_our_stead(program: Path, *words: str) -> str:
    """A program that is taken for Python by the task, and watches what its helpers do."""
    told = " ".join(f"'{word}'" for word in (sys.executable, __file__, "--helper", *words))
    program.write_text(f'#!/bin/sh\nexec {told} "$@"\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return str(program)


def main(arguments: list[str]) -> None:
    """Run the task, or a helper of it."""
    sys.path[0] = str(ROOT)  # in place of the folder of this file
    if arguments[0] == "--helper":
        steps, at, victim, *words = arguments[1:]
        module = words.index("-m") + 1  # commands.module: -P -m MODULE …
        watch(steps, int(at), 0.0, int(victim))
        sys.argv = words[module:]
        runpy.run_module(words[module], run_name="__main__", alter_sys=True)
        return
    steps, at, late, *task = arguments
    from invoke.main import program  # noqa: PLC0415 - a helper does not need it

    sys.executable = in_our_stead(Path(steps).with_suffix(".python"), steps, at, str(os.getpid()))
    watch(steps, int(at), float(late), os.getpid())
    program.run(["inv", *task])


if __name__ == "__main__":
    main(sys.argv[1:])
