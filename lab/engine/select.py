"""Picks the engine: for a lab that is to be, and for one that is there on whichever engine has it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

from lab.engine.base import Engine, Say, unheard
from lab.errors import EngineError, WordsError

ENGINES = ("auto", "docker", "netns")
NO_DOCKER = "no Docker engine answers: using the embedded engine"


def select(name: str = "auto", say: Say = unheard) -> Engine:
    """The engine to make a lab on.

    Args:
        name: `docker`, `netns`, or `auto`: Docker where it answers, else the embedded engine on Linux as root.
        say: is told where `auto` did not find Docker.

    Raises:
        WordsError: there is no such engine.
        EngineError: `auto` found none; the remedy is Docker's.
    """
    _check(name)
    if name != "auto":
        return _engine(name)
    docker = _engine("docker")
    try:
        docker.facts()
    except EngineError:
        if not embedded():
            raise
        say(NO_DOCKER)
        return _engine("netns")
    return docker


def engines(name: str = "auto") -> Iterator[Engine]:
    """The engines on which a lab may be: the one of that name, or every one that answers here, Docker first.

    Raises:
        WordsError: there is no such engine.
        EngineError: none answers; what Docker said.
    """
    _check(name)
    if name != "auto":
        yield _engine(name)
        return
    docker = _engine("docker")
    try:
        docker.facts()
    except EngineError:
        if not embedded():
            raise
    else:
        yield docker
    if embedded():
        yield _engine("netns")


def holder(lab: str, name: str = "auto") -> Engine | None:
    """The engine that has anything of a lab; None if none has.

    Raises:
        WordsError: there is no such engine.
        EngineError: none answers.
    """
    return next((engine for engine in engines(name) if lab in engine.labs()), None)


def embedded() -> bool:
    """Whether the embedded engine may be tried here."""
    return sys.platform == "linux" and os.geteuid() == 0


def _check(name: str) -> None:
    if name not in ENGINES:
        raise WordsError(f"no engine is called {name!r}", remedy=f"there are {', '.join(ENGINES)}")


def _engine(name: str) -> Engine:
    # Imported here, for the SDK takes 0.1 s to load, and `plan` needs no engine.
    if name == "netns":
        from lab.engine.netns.engine import NetnsEngine  # noqa: PLC0415

        return NetnsEngine()
    from lab.engine.docker import DockerEngine  # noqa: PLC0415

    return DockerEngine()
