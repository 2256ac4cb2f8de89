"""A lab's privileged containers: the agent, as long as one call takes, and the software wire, as long as the lab."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from docker.errors import APIError, NotFound

from lab.engine import archive, container, stream
from lab.engine.docker.client import refusals
from lab.errors import EngineError

AGENT = "agent"
FOLDER = "/opt"
IN_FOLDER: dict[str, Any] = {"entrypoint": [], "working_dir": FOLDER}
WIRE_SOCKET = "/run/wire.sock"
AGENT_SECONDS = 300  # a lab of 250 nodes on a busy machine
TAIL = 400  # characters of what a helper said that go into an error


def run_agent(api: Any, image: str, name: str, document: dict[str, Any]) -> bytes:
    """Run the agent over a wiring document, in a container that sees every port and every node's namespace.

    Returns:
        What it printed.

    Raises:
        EngineError: it printed nothing.
    """
    settings = api.create_host_config(
        cap_drop=["ALL"],
        cap_add=list(container.AGENT_CAPABILITIES),
        security_opt=list(container.AGENT_SECURITY),
        network_mode="host",
        pid_mode="host",
    )
    argv = ["python3", "-m", "fabric.agent", f"{FOLDER}/document.json"]
    with refusals(name):
        labels = {container.LAB: name, container.HELPER: AGENT}
        helper = api.create_container(image, argv, labels=labels, host_config=settings, **IN_FOLDER)["Id"]
        try:
            api.put_archive(helper, FOLDER, _files(document))
            api.start(helper)
            code = api.wait(helper, timeout=AGENT_SECONDS)["StatusCode"]
            printed: bytes = api.logs(helper, stdout=True, stderr=False)
            if not printed:
                said = api.logs(helper, stdout=False, stderr=True).decode(errors="replace").strip()
                raise EngineError(f"the agent failed with status {code}: {said[-TAIL:]}", where=name)
        finally:
            with suppress(APIError):  # a `down` beside us may have taken it
                api.remove_container(helper, force=True)
    return printed


def start_wire(api: Any, image: str, name: str, document: dict[str, Any]) -> None:
    """Start a lab's wire, in the place of one that may be there; returns when it carries frames.

    Raises:
        EngineError: it did not start.
    """
    settings = api.create_host_config(
        cap_drop=["ALL"],
        cap_add=list(container.WIRE_CAPABILITIES),
        security_opt=["no-new-privileges", "label=disable"],
        network_mode="host",
        mem_limit=container.MEMORY,
    )
    argv = ["python3", "-m", "fabric.wire", "--control", WIRE_SOCKET, "--document", f"{FOLDER}/document.json"]
    with refusals(f"{name}-wire"):
        with suppress(NotFound):  # as usual: there is none yet
            api.remove_container(f"{name}-wire", force=True)
        labels = {container.LAB: name, container.HELPER: "wire"}
        made = api.create_container(image, argv, name=f"{name}-wire", labels=labels, host_config=settings, **IN_FOLDER)[
            "Id"
        ]
        api.put_archive(made, FOLDER, _files(document))
        api.start(made)
    said = []
    for line in log_lines(api, made, follow=True):
        if line.startswith('{"ready": true'):
            return
        said.append(line)
    with refusals(f"{name}-wire"):  # a log ends without a word where the engine itself has gone
        api.inspect_container(made)
    raise EngineError(f"the software wire did not start: {' '.join(said)[-TAIL:]}", where=name)


def wire_socket(api: Any, name: str) -> str | None:
    """Where the socket of a lab's wire is for a helper that sees the host's processes; None where no wire runs."""
    try:
        process = api.inspect_container(f"{name}-wire")["State"]["Pid"]
    except NotFound:
        return None
    return f"/proc/{process}/root{WIRE_SOCKET}" if process else None


def ask_wire(api: Any, name: str, request: dict[str, Any]) -> dict[str, Any] | None:
    """Ask a lab's wire through a process in its container.

    Returns:
        Its answer, or None where none runs.
    """
    argv = ["python3", "-m", "fabric.wire", "--ask", WIRE_SOCKET, "--request", json.dumps(request)]
    try:
        made = api.exec_create(f"{name}-wire", argv, workdir=FOLDER, stderr=False)
        answer = api.exec_start(made["Id"])
    except APIError:  # there is no such container, or it does not run
        return None
    if api.exec_inspect(made["Id"])["ExitCode"] == 3:  # noqa: PLR2004 - fabric.wire: none answers
        return None
    document: dict[str, Any] = json.loads(answer)
    return document


def _files(document: dict[str, Any]) -> bytes:
    """What a helper needs: the fabric's source, and its document."""
    return archive.pack([*archive.fabric(), ("document.json", json.dumps(document).encode(), 0o600)])


def log_lines(api: Any, where: str, *, follow: bool) -> Iterator[str]:
    """The lines of a container's log, whole, however the engine cuts them."""
    made = stream.Lines("replace")
    with refusals(where):
        parts = api.logs(where, stream=True, follow=follow)
        try:
            for part in parts:
                yield from made.feed(part)
        finally:
            parts.close()
            parts._response.close()  # noqa: SLF001 - else the SDK leaves the connection to the garbage collector
