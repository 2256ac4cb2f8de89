"""A program on a node, started through the engine's exec."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from http import HTTPStatus
from typing import Any

import docker
from docker.errors import APIError

from lab.engine import stream
from lab.engine.docker.client import refusals
from lab.errors import EngineError

LOG = "/var/log/wirelab.log"


def start_supervised(
    api: Any, lab: str, where: str, argv: Sequence[str], env: Mapping[str, str] | None = None
) -> DockerProcess:
    """Start a program in a container, under the supervisor, which logs what it says and ends it when we go away.

    Raises:
        EngineError: the container does not run.
    """
    supervised = ["python3", "-m", "lab.apps.supervise", "--log", LOG, "--name", argv[0], "--", *argv]
    with refusals(where, remedy=f"./inv status --name {lab}"):
        try:
            made = api.exec_create(where, supervised, environment=dict(env or {}), stdin=True, stdout=True, stderr=True)
        except APIError as error:
            if error.status_code != HTTPStatus.CONFLICT:
                raise
            gone = f"{where.removeprefix(f'{lab}-')} does not run"
            raise EngineError(gone, where=lab, remedy="./inv up makes the lab anew") from error
    return DockerProcess(api, made["Id"], where)


class DockerProcess:
    """Holds the connection of one exec. As long as it is open, the program's supervisor knows that we are there."""

    def __init__(self, api: docker.APIClient, exec_id: str, where: str) -> None:
        self._api = api
        self._id = exec_id
        self._where = where
        with refusals(where):
            answer: Any = api.exec_start(exec_id, socket=True)
        # The SDK hands out a file over the socket; half-closing takes the socket itself.
        self._answer = answer
        self._socket: socket.socket = getattr(answer, "_sock", answer)
        self._socket.settimeout(None)  # a program may be silent for as long as it likes

    def lines(self) -> Iterator[tuple[str, str]]:
        """Each line as it comes, with `stdout` or `stderr`; the connection is closed after the last."""
        try:
            yield from stream.lines(self._socket)
        finally:
            self._answer.close()
            self._socket.close()

    def wait(self) -> int:
        """The exit code."""
        with refusals(self._where):
            code = self._api.exec_inspect(self._id)["ExitCode"]
        if code is None:
            raise EngineError("the connection to a program that still runs was lost", where=self._where)
        return int(code)

    def send_signal(self, number: int) -> None:
        """Have the supervisor send it."""
        with suppress(OSError):  # it may have ended by itself
            self._socket.sendall(b"signal %d\n" % number)

    def stop(self) -> None:
        """Half-close the connection: the supervisor sees the end of its input, and ends the program."""
        with suppress(OSError):  # it may have ended by itself
            self._socket.shutdown(socket.SHUT_WR)
