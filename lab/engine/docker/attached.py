"""A helper that we talk with: its container lasts as long as we are attached to it, and is gone with its program."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

from docker.errors import APIError

from lab.engine import archive, container, stream
from lab.engine.docker.client import refusals
from lab.engine.docker.helpers import FOLDER, IN_FOLDER


class AttachedHelper:
    """Holds the connection. The engine closes the program's stdin when the connection ends, however it ends."""

    def __init__(self, api: Any, image: str, name: str, program: str, capabilities: Sequence[str]) -> None:
        """Start the program `fabric.PROGRAM` for a lab, with just these capabilities."""
        settings = api.create_host_config(
            cap_drop=["ALL"],
            cap_add=list(capabilities),
            security_opt=[*container.AGENT_SECURITY, "no-new-privileges"],
            network_mode="host",
            pid_mode="host",
            auto_remove=True,
            log_config={"Type": "none"},  # else the engine writes every frame to the host's disk as well
        )
        labels = {container.LAB: name, container.HELPER: program}
        argv = ["python3", "-m", f"fabric.{program}"]
        with refusals(name):
            made = api.create_container(
                image, argv, stdin_open=True, detach=False, labels=labels, host_config=settings, **IN_FOLDER
            )["Id"]
            try:
                api.put_archive(made, FOLDER, archive.pack(archive.fabric()))
                streams = {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1}
                self._answer: Any = api.attach_socket(made, params=streams)
                api.start(made)
            except BaseException:
                with suppress(APIError):  # a `down` beside us may have taken it
                    api.remove_container(made, force=True)
                raise
        self._socket: socket.socket = getattr(self._answer, "_sock", self._answer)
        self._socket.settimeout(None)  # it may be silent for as long as it likes

    def tell(self, text: bytes) -> None:
        """Write to its stdin."""
        with suppress(OSError):  # it has ended, and its stderr says why
            self._socket.sendall(text)

    def pieces(self) -> Iterator[tuple[str, bytes]]:
        """What it writes, as it comes, with `stdout` or `stderr`; the connection is closed after the last."""
        try:
            yield from stream.pieces(self._socket)
        finally:
            self._answer.close()
            self._socket.close()

    def stop(self) -> None:
        """Half-close the connection: the engine closes the program's stdin."""
        with suppress(OSError):  # it may have ended by itself
            self._socket.shutdown(socket.SHUT_WR)
