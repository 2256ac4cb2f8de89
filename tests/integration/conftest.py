"""Labs on the Docker engine: one of each topology, brought up once for all tests; each test leaves it as it was."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from lab.errors import EngineError
from lab.lab import Lab
from lab.model.plan import LabSpec
from tests.support import Bench


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
