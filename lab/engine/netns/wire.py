"""The software wire's process, `lab.fabric.wire`: starts it in a lab's fabric, and talks to it."""

from __future__ import annotations

import json
import select
import socket
import subprocess
from typing import Any

from lab.engine.netns import commands, marks
from lab.engine.netns.folder import Folder
from lab.errors import EngineError

READY_SECONDS = 15.0
TAIL = 400
_SOCKET, _DOCUMENT, _LOG = "wire.sock", "wire.json", "wire.log"


def start(folder: Folder, fabric: int, document: dict[str, Any]) -> None:
    """Start a lab's wire in the place of the one that may run, and wait until it carries frames.

    Raises:
        EngineError: it did not get ready; with what it said.
    """
    stop(folder)
    (folder.path / _DOCUMENT).write_text(json.dumps(document))
    wire = commands.module("lab.fabric.wire", "--control", socket_of(folder))
    with (
        (folder.path / _DOCUMENT).open("rb") as given,
        (folder.path / _LOG).open("wb") as log,
        # It shall outlive us, and be nobody's child who does not wait for it.
        subprocess.Popen(
            ["setsid", "--fork", *commands.in_fabric(fabric, commands.unprivileged_wire(wire))],
            stdin=given,
            stdout=subprocess.PIPE,
            stderr=log,
            env=commands.helper_environment(folder.name, marks.WIRE),
            cwd="/",
        ) as process,
    ):
        said = _first_line(process)
    if not said.get("ready"):
        stop(folder)
        tail = (folder.path / _LOG).read_text(errors="replace").strip()[-TAIL:]
        why = said.get("error") or tail or f"not ready in {READY_SECONDS:.0f} s"
        raise EngineError(f"the software wire did not start: {why}", where=folder.name)
    marks.note(folder.path / marks.WIRE, said["pid"])


def _first_line(process: subprocess.Popen[bytes]) -> dict[str, Any]:
    """What the wire says about itself; nothing if it died or keeps silent."""
    if process.stdout is None or not select.select([process.stdout], [], [], READY_SECONDS)[0]:
        return {}
    try:
        said = json.loads(process.stdout.readline())
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def stop(folder: Folder) -> None:
    """End a lab's wire, if it has one."""
    marks.end(found.process for found in marks.processes(folder.name) if found.role == marks.WIRE)


def socket_of(folder: Folder) -> str:
    """Where a lab's wire answers, if it has one."""
    return str(folder.path / _SOCKET)


def ask(folder: Folder, request: dict[str, Any]) -> dict[str, Any] | None:
    """Ask a lab's wire something.

    Returns:
        Its answer, or None where no wire answers.
    """
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(READY_SECONDS)
            connection.connect(socket_of(folder))
            connection.sendall(json.dumps(request).encode() + b"\n")
            with connection.makefile("rb") as lines:
                answer: dict[str, Any] = json.loads(lines.readline())
                return answer
    except (OSError, ValueError):
        return None
