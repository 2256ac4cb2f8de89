"""The bare engine calls that a star takes: what no tool that uses Docker can do without, at the best concurrency.

No labels, no names to resolve, no routes, no shaping, no reading back: only networks and containers that start.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from docker.types import IPAMConfig, IPAMPool

from lab.engine.docker import client
from lab.model.plan import LabPlan


class BareStar:
    """Makes and removes the networks and containers of a plan, with nothing around them."""

    def __init__(self, plan: LabPlan, image: str, in_flight: int) -> None:
        self.plan = plan
        self.image = image
        self.in_flight = in_flight
        self.api: Any = client.connect()
        self.networks: dict[str, str] = {}
        self.containers: list[str] = []

    def up(self) -> float:
        """Make all of it.

        Returns:
            Seconds that it took.
        """
        begun = time.perf_counter()
        with ThreadPoolExecutor(self.in_flight) as pool:
            made = pool.map(self._network, self.plan.links)
            self.networks = dict(zip((link.name for link in self.plan.links), made, strict=True))
            # The hub first: it has the most networks, and takes the longest.
            nodes = sorted(self.plan.nodes, key=lambda node: -len(node.interfaces))
            self.containers = list(pool.map(self._container, nodes))
        return time.perf_counter() - begun

    def down(self) -> None:
        """Remove all of it."""
        with ThreadPoolExecutor(self.in_flight) as pool:
            list(pool.map(lambda each: self.api.remove_container(each, force=True), self.containers))
            list(pool.map(self.api.remove_network, self.networks.values()))
        self.api.close()

    def _network(self, link: Any) -> str:
        pool = IPAMPool(subnet=link.subnet)
        made = self.api.create_network(f"bare-{link.name}", ipam=IPAMConfig(pool_configs=[pool]))
        return str(made["Id"])

    def _container(self, node: Any) -> str:
        first, *later = [(self.networks[face.link], face.ip) for face in node.interfaces]
        config = self.api.create_networking_config({first[0]: self.api.create_endpoint_config(ipv4_address=first[1])})
        made = self.api.create_container(
            self.image,
            host_config=self.api.create_host_config(network_mode=first[0]),
            networking_config=config,
        )["Id"]
        for network, address in later:
            self.api.connect_container_to_network(made, network, ipv4_address=address)
        self.api.start(made)
        return str(made)
