"""An engine that has no image of nodes yet: what needs none makes none."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.engines.daemon import Daemon

ROOT = Path(__file__).parents[2]


def test_down_of_what_is_not_there_builds_nothing(daemon: Daemon) -> None:
    """It says so; the engine was asked for no image and no container, not even for one that was removed again."""
    begun = daemon.docker("info", "--format", "{{.SystemTime}}")
    argv = [sys.executable, "-m", "invoke", "down", "--name", f"t{os.getpid()}-nothing", "--engine", "docker"]
    said = subprocess.run(
        argv, cwd=ROOT, env=daemon.environment(), capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL
    )
    assert said.stderr.endswith("-nothing: nothing is there\n")
    until = daemon.docker("info", "--format", "{{.SystemTime}}")
    assert daemon.docker("events", "--since", begun, "--until", until) == ""
    assert daemon.docker("image", "ls", "--all", "--quiet") == ""
