"""An engine that tests start ends with them, however they end."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.engines.daemon import forget, running
from tests.engines.roots import NOT_FETCHED, SUITES, NotFetchedError, root

ROOT = Path(__file__).parents[2]
PATIENCE_MS = 30_000
STARTER = """
from tests.engines.daemon import running
from tests.engines.daemon import forget
from tests.engines.roots import SUITES
with running(SUITES[0]) as daemon:
    print(daemon.process, daemon.host, flush=True)
    input()
"""


@pytest.fixture(autouse=True)
def _fetched() -> None:
    """Skips where there is no engine to try."""
    if os.geteuid() != 0:
        pytest.skip("an engine in namespaces of its own takes root")
    try:
        with root(SUITES[0]):
            pass
    except NotFetchedError as error:
        pytest.skip(f"{NOT_FETCHED}: {error}")


def test_one_that_does_not_start_fails_and_says_why() -> None:
    """It is no lack of the machine's, so it is not skipped; the end of its log is told, and nothing is left."""
    before = set(Path(tempfile.gettempdir()).glob("wirelab-engine-*"))
    starts = pytest.raises(RuntimeError, match=r"bookworm: the engine does not start: (.|\n)*no-such-option")
    with starts, running(SUITES[0], "--no-such-option"):
        pass
    assert set(Path(tempfile.gettempdir()).glob("wirelab-engine-*")) <= before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_it_ends_with_whoever_started_it(number: signal.Signals) -> None:
    """After Ctrl-C and after SIGKILL no process of the engine is left; after Ctrl-C none of its files either."""
    argv = [sys.executable, "-c", STARTER]
    with subprocess.Popen(argv, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as starter:
        assert starter.stdout
        process, host = starter.stdout.readline().split()
        handle = os.pidfd_open(int(process))
        starter.send_signal(number)
        poll = select.poll()
        poll.register(handle, select.POLLIN)
        assert poll.poll(PATIENCE_MS)  # with the first process of its PID namespace, all others are gone
        os.close(handle)
    data = Path(host.removeprefix("unix://")).parent
    if number == signal.SIGINT:
        assert not data.exists()
        assert not list(Path("/sys/fs/cgroup").glob(f"*/{data.name}"))
    else:
        forget(data)
