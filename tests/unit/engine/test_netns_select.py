from __future__ import annotations

import pytest

from lab.engine import select
from lab.errors import EngineError, WordsError


@pytest.fixture
def no_docker(monkeypatch: pytest.MonkeyPatch) -> None:
    """No Docker engine answers. (Where it is a UNIX socket that is not there, the SDK forgets to close its own)."""
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")


def test_an_engine_by_name() -> None:
    """A name forces its engine, whether it works here or not."""
    assert select.select("docker").name == "docker"
    assert select.select("netns").name == "netns"


@pytest.mark.parametrize("find", [select.select, lambda name: list(select.engines(name))])
def test_no_such_engine(find: object) -> None:
    """A wrong name is an error that lists the right ones."""
    with pytest.raises(WordsError, match="auto, docker, netns"):
        find("podman")  # type: ignore[operator]


@pytest.mark.usefixtures("no_docker")
def test_without_docker_the_embedded_engine_is_taken() -> None:
    """`auto` says so, once; where it may not be used, the error is Docker's, with its remedy."""
    said: list[str] = []

    def say(line: str, *, passing: bool = False) -> None:
        assert not passing
        said.append(line)

    if select.embedded():
        assert select.select("auto", say).name == "netns"
        assert said == ["no Docker engine answers: using the embedded engine"]
        assert [engine.name for engine in select.engines()] == ["netns"]
        assert select.holder("no-such-lab") is None
    else:
        with pytest.raises(EngineError, match="no Docker engine answers"):
            select.select("auto", say)
        with pytest.raises(EngineError, match="no Docker engine answers"):
            list(select.engines())


@pytest.mark.usefixtures("no_docker")
def test_docker_by_name_stays_docker() -> None:
    """Who asks for Docker is told that it does not answer."""
    with pytest.raises(EngineError, match="no Docker engine answers"):
        select.select("docker").facts()
