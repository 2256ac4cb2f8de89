"""A project of somebody else's, outside the tree, that installs wirelab from its wheel."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

from tests.wheel import Project

ROOT = Path(__file__).resolve().parents[2]


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
