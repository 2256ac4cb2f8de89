"""One agent at a time: those that come meanwhile wait, and hear of an end that is a death."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from lab.fabric.alone import alone
from lab.fabric.tools import AgentError

ROOT = Path(__file__).parents[3]
HOLD = """
import sys
from lab.fabric.alone import alone
with alone(sys.argv[1]):
    print("alone", flush=True)
    sys.stdin.read()
"""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the agent runs on Linux")


def test_eight_come_one_after_the_other() -> None:
    """Eight threads that count up a number, read first and written later, lose no count."""
    count = [0]

    def work() -> None:
        for _ in range(20):
            with alone(f"test-{os.getpid()}"):
                before = count[0]
                threading.Event().wait(1e-4)  # an instant in which another one could come in between
                count[0] = before + 1

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert count == [160]


@pytest.mark.parametrize("kill", [False, True])
def test_the_end_is_heard(kill: bool) -> None:
    """Who waits goes on when the holder has ended or was killed; until then it waits, and not for ever."""
    name = f"test-{os.getpid()}-end"
    argv = [sys.executable, "-c", HOLD, name]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "alone\n"
        with pytest.raises(AgentError, match="does not end"), alone(name, patience=0.05):
            pass
        with alone(f"{name}-other", patience=0):
            pass
        taken = threading.Event()

        def wait() -> None:
            with alone(name):
                taken.set()

        waiting = threading.Thread(target=wait)
        waiting.start()
        assert not taken.wait(0.1)
        holder.send_signal(signal.SIGKILL) if kill else holder.communicate()
        waiting.join(10)
        assert taken.is_set()
