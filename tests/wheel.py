"""A folder outside the tree, with an environment of its own, in which wirelab is installed from its wheel."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Project:
    """A folder with an environment of its own, in which the wheel is installed."""

    folder: Path
    wheel: Path

    def run(self, *words: str, code: int = 0) -> str:
        """What a program of that environment prints; it must end with `code`."""
        env = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "WIRELAB_"))}
        argv = [str(self.folder / ".venv" / "bin" / words[0]), *words[1:]]
        done = subprocess.run(argv, cwd=self.folder, env=env, text=True, capture_output=True, check=False)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr
