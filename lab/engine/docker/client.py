"""Finds the Docker engine, and turns what the SDK raises into errors that a person can act on."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import docker
import urllib3
from docker.context import ContextAPI
from docker.errors import APIError, DockerException
from docker.utils import kwargs_from_env
from requests import RequestException
from requests.exceptions import ChunkedEncodingError
from requests.exceptions import ConnectionError as NotConnectedError
from urllib3.exceptions import ProtocolError

from lab.errors import EngineError

TROUBLE = (DockerException, RequestException, urllib3.exceptions.HTTPError)
"""What the SDK lets through while it talks to the engine: its own errors, and those of the layers below it."""

AWAY = (NotConnectedError, ChunkedEncodingError, ProtocolError)
"""Those of them that mean that the engine does not answer any more, before a request or in the middle of one."""

KNOWN = (
    "No such file or directory",
    "Permission denied",
    "Connection refused",
    "Connection reset by peer",
    "Remote end closed connection",
    "Broken pipe",
)
"""What the system, or Python for it, says somewhere in the text of such an error."""

_SLOW = "Read timed out"
"""What is somewhere in the text where the engine is there, and its answer late; requests has no type for it."""

ANSWER_SECONDS = 180  # how long a socket waits: on a busy machine (load 40) a hub of 64 took more than 60 s to start
CONNECTIONS = 16


def connection() -> dict[str, Any]:
    """What a client is called with to reach the engine that `docker` itself would talk to.

    That is DOCKER_HOST, else DOCKER_CONTEXT, else the current context.
    """
    if os.environ.get("DOCKER_HOST"):
        return {"version": "auto", **kwargs_from_env()}
    chosen = os.environ.get("DOCKER_CONTEXT")
    context = ContextAPI.get_context(chosen) if chosen else ContextAPI.get_current_context()
    if chosen and context is None:
        raise EngineError(f"there is no Docker context {chosen!r}", remedy="docker context ls, or unset DOCKER_CONTEXT")
    if context is None or not context.Host:
        return {"version": "auto"}
    return {"version": "auto", "base_url": context.Host, "tls": context.TLSConfig or False}


def connect() -> docker.APIClient:
    """A client of the engine.

    Raises:
        EngineError: no engine answers.
    """
    try:
        return docker.APIClient(timeout=ANSWER_SECONDS, max_pool_size=CONNECTIONS, **connection())
    except TROUBLE as error:
        why = _short(error)
        raise EngineError(f"no Docker engine answers ({why})", remedy=_remedy(why)) from None


def _remedy(why: str) -> str:
    """What to do where no engine answers."""
    if why == "permission denied":
        return "sudo usermod -aG docker $USER, then log in again"
    if os.environ.get("DOCKER_HOST"):
        return "start it there, or try without: unset DOCKER_HOST"
    if sys.platform != "linux":
        return "start Docker Desktop"
    if why == "connection refused" or shutil.which("dockerd"):
        return "sudo systemctl start docker"
    return "install one: docs.docker.com/engine/install; or set DOCKER_HOST to where one is"


@contextmanager
def refusals(where: str, remedy: str | None = None) -> Iterator[None]:
    """Turn the SDK's errors into an `EngineError` about `where`."""
    try:
        yield
    except TROUBLE as error:
        why = _short(error)
        if isinstance(error, AWAY) and _SLOW not in str(error):
            remedy = "docker version tells whether it is back; then again"
            raise EngineError(f"the Docker engine went away ({why})", where=where, remedy=remedy) from error
        raise EngineError(why, where=where, remedy=remedy) from error


def _short(error: BaseException) -> str:
    """What the engine said, in one line, without the SDK's words around it."""
    if isinstance(error, APIError) and error.explanation:
        return str(error.explanation).strip()
    text = str(error).strip() or type(error).__name__
    for known in KNOWN:
        if known in text:
            return known.lower()
    return text.splitlines()[0]
