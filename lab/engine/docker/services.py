"""Containers beside a node: they share its place on the lab's links, and have programs that the node has not.

A server stays until the lab goes down, and so does its data. A client's container is there for one command. Both carry
the lab's label, so that `down` takes them, whatever becomes of who made them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from docker.errors import NotFound

from lab.engine import container
from lab.engine.docker.client import refusals
from lab.engine.docker.process import DockerProcess, start_supervised

IDLE = ("tail", "--follow", "/dev/null")


def name_of(lab: str, node: str, service: str) -> str:
    """What a server's container is called: `lab-h1-web`."""
    return f"{lab}-{node}-{service}"


def start(api: Any, image: str, lab: str, node: str, service: str) -> Place:
    """Start a server beside a node, in the place of one that has ended.

    Raises:
        EngineError: the node does not run.
    """
    where = name_of(lab, node, service)
    if not _runs(api, where):
        with refusals(where), suppress(NotFound):
            api.remove_container(where, force=True, v=True)
        _create(api, image, lab, node, service, name=where)
    return Place(api, lab, where)


class Place:
    """A running container beside a node."""

    def __init__(self, api: Any, lab: str, identity: str) -> None:
        self._api, self._lab, self._identity = api, lab, identity

    def start(self, argv: Sequence[str]) -> DockerProcess:
        """Start a program there, under the supervisor."""
        return start_supervised(self._api, self._lab, self._identity, argv)


@contextmanager
def beside(api: Any, image: str, lab: str, node: str, service: str) -> Iterator[Place]:
    """A container with a service's programs beside a node: the server's own if it runs there, else one for a while."""
    where = name_of(lab, node, service)
    if _runs(api, where):
        yield Place(api, lab, where)
        return
    made = _create(api, image, lab, node, service, command=list(IDLE))
    try:
        yield Place(api, lab, made)
    finally:
        with suppress(NotFound):
            api.remove_container(made, force=True, v=True)


def _runs(api: Any, where: str) -> bool:
    with refusals(where):
        try:
            running: bool = api.inspect_container(where)["State"]["Running"]
        except NotFound:
            return False
    return running


def _create(api: Any, image: str, lab: str, node: str, service: str, **more: Any) -> str:
    settings = api.create_host_config(
        cap_drop=["ALL"],
        cap_add=list(container.SERVICE_CAPABILITIES),
        security_opt=["no-new-privileges"],
        network_mode=f"container:{lab}-{node}",
        pids_limit=container.PROCESSES,
        mem_limit=container.MEMORY,
    )
    labels = {container.LAB: lab, container.SERVICE: service, container.BESIDE: node}
    with refusals(f"{lab}-{node}", remedy=f"./inv status --name {lab}"):
        made = api.create_container(image, labels=labels, host_config=settings, **more)["Id"]
        try:
            api.start(made)
        except BaseException:
            api.remove_container(made, force=True)
            raise
    return str(made)
