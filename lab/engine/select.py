"""Picks the engine."""

from __future__ import annotations

from lab.engine.base import Engine
from lab.errors import WordsError

ENGINES = ("auto", "docker")


def select(name: str = "auto") -> Engine:
    """The engine of a name; `auto` is Docker.

    Raises:
        WordsError: there is no such engine.
    """
    if name not in ENGINES:
        raise WordsError(f"no engine is called {name!r}", remedy=f"there are {', '.join(ENGINES)}")
    from lab.engine.docker import DockerEngine  # noqa: PLC0415 - the SDK takes 0.1 s to load, and `plan` needs no engine

    return DockerEngine()
