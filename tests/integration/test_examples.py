"""The examples, each as somebody would use it who copied its folder out."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lab.engine.base import unheard
from tests.engine_contract import needed

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = sorted(path.name for path in (ROOT / "examples").iterdir() if path.is_dir())
IMAGES = {"http-over-satellite": "wirelab-example-nginx", "redis-replica": "wirelab-example-redis"}


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_passes(name: str, tmp_path: Path) -> None:
    """Alone, in another folder, on the engine that it needs."""
    engine = "docker" if name in IMAGES else "netns"
    folder = tmp_path / name
    shutil.copytree(ROOT / "examples" / name, folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "pytest.ini").write_text("[pytest]\n")
    if name in IMAGES:
        needed(engine).prepare(unheard)
        subprocess.run(["docker", "build", "--quiet", "--tag", IMAGES[name], "."], cwd=folder, check=True)
    needed(engine)
    argv = [sys.executable, "-m", "pytest", "-q", "--wirelab-engine", engine]
    done = subprocess.run(argv, cwd=folder, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_their_types_hold() -> None:
    """`mypy --strict` passes on each, as it would in a project that has wirelab installed."""
    for name in EXAMPLES:
        argv = [sys.executable, "-m", "mypy", "--strict", "--config-file=", str(ROOT / "examples" / name)]
        done = subprocess.run(argv, cwd=ROOT, text=True, capture_output=True, check=False)
        assert done.returncode == 0, done.stdout
