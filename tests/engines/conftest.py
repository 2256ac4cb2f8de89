"""Engines of every version that wirelab is to work with, one at a time."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from lab.engine.base import unheard
from lab.engine.docker import DockerEngine
from tests.engines.daemon import Daemon, running
from tests.engines.roots import DOCKERS, NOT_FETCHED, SUITES, NotFetchedError, Suite, root


@pytest.fixture(scope="session", autouse=True)
def _fetching() -> Iterator[None]:
    """Have all roots fetched side by side, so that the second is there when the first was tried."""

    def fetch(suite: Suite) -> None:
        with suppress(NotFetchedError), root(suite):  # whoever needs it will be told
            pass

    with ThreadPoolExecutor(len(SUITES)) as pool:
        if os.geteuid() == 0:
            pool.map(fetch, SUITES)
        yield


def bare(suite: Suite, *options: str) -> Iterator[Daemon]:
    """An engine without any image; the test is skipped where it cannot be fetched, and fails else."""
    if os.geteuid() != 0:
        pytest.skip("an engine in namespaces of its own takes root")
    try:
        with running(suite, *options) as daemon:
            yield daemon
    except NotFetchedError as error:
        pytest.skip(f"{NOT_FETCHED}: {suite.name}: {error}")


def brought(suite: Suite, *options: str) -> Iterator[Daemon]:
    """The same, with the image of nodes in it."""
    for daemon in bare(suite, *options):
        image = DockerEngine().prepare(unheard)
        with subprocess.Popen(["docker", "save", image], stdout=subprocess.PIPE) as saving:
            load = ["docker", "--host", daemon.host, "load", "--quiet"]
            subprocess.run(load, stdin=saving.stdout, stdout=subprocess.DEVNULL, check=True)
        yield daemon


@pytest.fixture
def daemon() -> Iterator[Daemon]:
    """An engine of its own, which a test may kill."""
    yield from bare(DOCKERS[0])


@pytest.fixture(scope="module", params=SUITES, ids=lambda suite: suite.name)
def engine(request: pytest.FixtureRequest) -> Iterator[Daemon]:
    """Each engine."""
    yield from brought(request.param)


@pytest.fixture
def chosen(engine: Daemon, monkeypatch: pytest.MonkeyPatch) -> Daemon:
    """Each engine, as the one that wirelab talks to."""
    monkeypatch.setenv("DOCKER_HOST", engine.host)
    return engine
