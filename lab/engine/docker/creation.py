"""Brings a plan's networks and containers into being, each as soon as what it needs is there."""

from __future__ import annotations

import re
import threading
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from http import HTTPStatus
from typing import Any

from docker.errors import APIError
from docker.types import IPAMConfig, IPAMPool

from lab.engine import container
from lab.engine.base import Say
from lab.engine.docker import podman
from lab.engine.docker.client import refusals
from lab.engine.owner import Owner
from lab.errors import EngineError, NameTakenError, PoolError
from lab.model.plan import LabPlan, LinkPlan
from lab.model.tables import NodePlan
from lab.model.units import counted

OVERLAP = "overlap|subnet .* is already used"  # as Docker says it, and as Podman does
MANY_NETWORKS_API = (1, 44)  # from here on a container can be created on several networks at once


class Creation:
    """One attempt to make a lab. Every object carries the attempt's own label, so that it can be taken back alone."""

    def __init__(self, api: Any, plan: LabPlan, image: str, run: str, *, owner: Owner | None, in_flight: int) -> None:
        self.api = api
        self.plan = plan
        self.image = image
        self.run = run
        self._whose = {"owner": owner.to_json()} if owner else {}
        self.in_flight = in_flight
        self._networks: dict[str, str] = {}
        self._given_up = threading.Event()
        version = tuple(int(part) for part in api.api_version.split("."))
        self._all_at_once = version >= MANY_NETWORKS_API
        self._by_podman = podman.answers(api.version())

    def perform(self, say: Say) -> None:
        """Make all of it.

        The first network is made alone: its subnet is taken by one lab only, so of two attempts at one name the
        second ends here, before it made anything.

        Raises:
            LabError: what stood in the way. What was made until then is left to the caller.
        """
        say(f"making {counted(len(self.plan.nodes), 'node')} and {counted(len(self.plan.links), 'link')}")
        first, *others = self.plan.links
        self._networks[first.name] = self._network(first)
        with ThreadPoolExecutor(self.in_flight) as pool:
            pending: dict[Future[str], LinkPlan | NodePlan] = {
                pool.submit(self._network, link): link for link in others
            }
            waiting = sorted(self.plan.nodes, key=lambda node: -len(node.interfaces))
            try:
                while pending or waiting:
                    for node in [node for node in waiting if self._ready(node)]:
                        waiting.remove(node)
                        pending[pool.submit(self._node, node)] = node
                    done, _ = wait(pending, return_when=FIRST_COMPLETED)
                    for future in done:
                        self._finished(pending.pop(future), future.result(), say)
            except BaseException:
                self._given_up.set()
                pool.shutdown(cancel_futures=True)
                raise

    def _ready(self, node: NodePlan) -> bool:
        return all(interface.link in self._networks for interface in node.interfaces)

    def _finished(self, made: LinkPlan | NodePlan, identity: str, say: Say) -> None:
        if isinstance(made, LinkPlan):
            self._networks[made.name] = identity
            say(f"link {made.name}", passing=True)
        else:
            say(f"node {made.name}", passing=True)

    def _network(self, link: LinkPlan) -> str:
        """Make a link's network.

        Returns:
            Its id; names of networks need not be unique.
        """
        name = f"{self.plan.name}-{link.name}"
        labels = container.labels(self.plan, self.run, link=link.name, **self._whose)
        try:
            with refusals(link.name):
                if self._by_podman:
                    return podman.make_network(self.api, name, link, labels)
                pools = IPAMConfig(pool_configs=[IPAMPool(subnet=link.subnet)])
                options = container.network_options(link)
                made = self.api.create_network(name, driver="bridge", options=options, ipam=pools, labels=labels)
        except EngineError as error:
            if _is_conflict(error):  # from API 1.44 on, a network's name is given once
                raise self._taken(f"a network is called {name} already") from error
            if re.search(OVERLAP, error.what, re.IGNORECASE):
                raise PoolError(
                    f"{link.subnet} overlaps another network of the engine",
                    where=link.name,
                    remedy="give another --pool, or remove that network: docker network ls",
                ) from error
            raise
        return str(made["Id"])

    def _node(self, node: NodePlan) -> str:
        """Make and start a node's container on its networks.

        Returns:
            Its id.
        """
        where = f"{self.plan.name}-{node.name}"
        on = {self._networks[face.link]: self._endpoint(face.ip) for face in node.interfaces}
        first, *later = on
        at_creation = on if self._all_at_once else {first: on[first]}
        try:
            with refusals(where):
                made = self.api.create_container(
                    self.image,
                    name=where,
                    hostname=node.name,
                    environment=container.environment(self.plan, node),
                    labels=container.labels(self.plan, self.run, node=node.name, **self._whose),
                    # docker-py drops networking_config unless network_mode names one of its keys.
                    host_config=self.api.create_host_config(network_mode=first, **container.host_config(node)),
                    networking_config=self.api.create_networking_config(at_creation),
                )["Id"]
                for network in () if self._all_at_once else later:
                    if not self._given_up.is_set():
                        address = on[network]["IPAMConfig"]["IPv4Address"]
                        self.api.connect_container_to_network(made, network, ipv4_address=address)
                if not self._given_up.is_set():
                    self.api.start(made)
        except EngineError as error:
            if _is_conflict(error):
                raise self._taken(f"a container is called {where} already") from error
            raise
        return str(made)

    def _endpoint(self, address: str) -> dict[str, Any]:
        config: dict[str, Any] = self.api.create_endpoint_config(ipv4_address=address)
        return config

    def _taken(self, what: str) -> NameTakenError:
        name = self.plan.name
        return NameTakenError(what, where=name, remedy=f"./inv down --name {name}, or give another --name")


def _is_conflict(error: EngineError) -> bool:
    return isinstance(error.__cause__, APIError) and error.__cause__.status_code == HTTPStatus.CONFLICT
