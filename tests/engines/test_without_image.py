"""An engine that has no image of nodes yet: what needs none makes none."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engines.daemon import Daemon, running
from tests.engines.roots import DOCKERS, NOT_FETCHED, NotFetchedError

ROOT = Path(__file__).parents[2]


@pytest.fixture
def bare() -> Iterator[Daemon]:
    """An engine without any image."""
    if os.geteuid() != 0:
        pytest.skip("an engine in namespaces of its own takes root")
    try:
        with running(DOCKERS[0]) as found:
            yield found
    except NotFetchedError as error:
        pytest.skip(f"{NOT_FETCHED}: {error}")


def test_down_of_what_is_not_there_builds_nothing(bare: Daemon) -> None:
    """It says so; the engine was asked for no image and no container, not even for one that was removed again."""
    begun = bare.docker("info", "--format", "{{.SystemTime}}")
    argv = [sys.executable, "-m", "invoke", "down", "--name", f"t{os.getpid()}-nothing", "--engine", "docker"]
    said = subprocess.run(
        argv, cwd=ROOT, env=bare.environment(), capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL
    )
    assert said.stderr.endswith("-nothing: nothing is there\n")
    until = bare.docker("info", "--format", "{{.SystemTime}}")
    assert bare.docker("events", "--since", begun, "--until", until) == ""
    assert bare.docker("image", "ls", "--all", "--quiet") == ""
