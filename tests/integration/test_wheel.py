"""A project of somebody else's, outside the tree, that installs wirelab from its wheel."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


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


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Build the wheel, and install it with what somebody needs who tests with it."""
    folder = tmp_path_factory.mktemp("project")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder / "dist")]
    subprocess.run(build, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    (wheel,) = (folder / "dist").glob("*.whl")
    subprocess.run([sys.executable, "-m", "venv", str(folder / ".venv")], check=True)
    python = str(folder / ".venv" / "bin" / "python")
    wanted = [f"{wheel}[pytest]", "pytest-xdist"]
    subprocess.run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *wanted], check=True)
    return Project(folder, wheel)


def test_the_wheel_holds_all_that_is_needed(project: Project) -> None:
    """What goes into images and helpers, the programs of the nodes, and the mark that says that it has types."""
    with zipfile.ZipFile(project.wheel) as archive:
        held = set(archive.namelist())
    wanted = [path for path in (ROOT / "lab").rglob("*") if path.is_file() and path.suffix != ".pyc"]
    images = [path for path in (ROOT / "images").rglob("*") if path.is_file() and path.suffix != ".pyc"]
    assert {str(path.relative_to(ROOT)) for path in wanted} <= held
    assert {f"lab/_images/{path.relative_to(ROOT / 'images')}" for path in images} <= held
    assert "lab/py.typed" in held


def test_the_command_works(project: Project) -> None:
    """`wirelab` has the tasks, ends with 2 for wrong words, and tells to type `wirelab`."""
    assert "lab lab: star" in project.run("wirelab", "plan", "--nodes", "2")
    assert "verify" in project.run("wirelab", "--list")
    said = project.run("wirelab", "moon", code=2)
    assert "next: wirelab --list" in said
    assert "./inv" not in project.run("wirelab", "status", "--name", "nobody", code=2)


def test_an_image_can_be_made_of_it(project: Project) -> None:
    """The wheel's build context is the checkout's, to the byte: the same tag."""
    look = "from lab.engine.images import build_root, read_context; print(read_context(build_root(), 'node').digest())"
    digests = {
        project.run("python", "-c", look),
        subprocess.run([sys.executable, "-c", look], cwd=ROOT, text=True, capture_output=True, check=True).stdout,
    }
    assert len(digests) == 1
