"""Labs on the Docker engine: one of each topology, brought up once for all tests; each test leaves it as it was."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.errors import EngineError
from lab.lab import Lab
from lab.model.plan import LabSpec
from tests.support import Bench
from tests.wheel import Project

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session", autouse=True)
def _docker() -> None:
    """Skip where there is no engine."""
    from lab.engine.docker import DockerEngine  # noqa: PLC0415

    try:
        DockerEngine().facts()
    except EngineError as error:
        pytest.skip(str(error))


def _bench(topology: str) -> Iterator[Bench]:
    with Lab.up(LabSpec(name=f"t{os.getpid()}-{topology}", topology=topology), "docker") as lab:
        yield Bench(lab)


@pytest.fixture(scope="session")
def star() -> Iterator[Bench]:
    """A star of four over coax."""
    yield from _bench("star")


@pytest.fixture(scope="session")
def ring() -> Iterator[Bench]:
    """A ring of four over coax."""
    yield from _bench("ring")


@pytest.fixture(scope="session")
def bus() -> Iterator[Bench]:
    """A bus of four over coax."""
    yield from _bench("bus")


@pytest.fixture
def bench(request: pytest.FixtureRequest) -> Bench:
    """The lab that a test is parametrised with, by the name of its fixture."""
    found = request.getfixturevalue(request.param)
    assert isinstance(found, Bench)
    return found


@pytest.fixture(scope="session")
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
