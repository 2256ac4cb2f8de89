"""Ways round links that are cut: the rows that nodes need on top of their own, and who has no way left. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from itertools import combinations

from lab.errors import TopologyError
from lab.model.addressing import Addresses
from lab.model.routing import Hop, Routing
from lab.model.tables import Route, Tables, first_flight
from lab.model.topology import Link, Topology


class Detours:
    """Works out which rows lead round the links that are gone."""

    def __init__(self, routing: Routing, addresses: Addresses, gone: Collection[str]) -> None:
        """Compare two ways through one topology.

        Args:
            routing: as all links are there.
            addresses: of all ends.
            gone: the links that are cut.
        """
        self._before = routing
        self._addresses = addresses
        self._links = {link.name: link for link in routing.topology.links}
        left = tuple(link for name, link in self._links.items() if name not in gone)
        self._after = Routing(replace(routing.topology, links=left), "shortest")
        self._tables = Tables(self._after, addresses)

    def rows(self, node: str) -> tuple[Route, ...]:
        """One row for each address that a node now reaches by another way; none for what it cannot reach."""
        others = (other.name for other in self._before.topology.nodes if other.name != node)
        return tuple(row for target in others for row in self._toward(node, target))

    def _toward(self, node: str, target: str) -> Iterator[Route]:
        links = self._before.topology.links_of(target)
        for link in links:
            before = self._before.next_hop(node, link.name) or Hop(node, link.name, target)
            found = self._hop(node, target, link)
            if found and found[0] != before:
                yield self._row(node, target, link.name, *found)

    def _hop(self, node: str, target: str, link: Link) -> tuple[Hop, str] | None:
        """The next step toward a target's address on a link, and the link by which it is reached in the end."""
        there = self._after.topology.links_of(target)
        for last in sorted(there, key=lambda each: each.name != link.name):
            try:
                return self._after.next_hop(node, last.name) or Hop(node, last.name, target), last.name
            except TopologyError:
                continue
        return None

    def _row(self, node: str, target: str, link: str, hop: Hop, last: str) -> Route:
        rate, mtu = self._tables.narrowest(node, last)
        out = self._links[hop.link]
        known_as = self._before.arrival(target, node)
        own = str(self._addresses.port(node, known_as).address)
        to = str(self._addresses.port(target, link).address)
        via = str(self._addresses.port(hop.to, hop.link).address)
        return Route(
            to,
            hop.link,
            via=None if via == to else via,
            source=own if known_as != hop.link else None,
            initcwnd=first_flight(rate, mtu),
            mtu=mtu if mtu < out.spec.forward.settings.mtu else None,
        )


def parted(topology: Topology, gone: Mapping[str, Collection[str]]) -> list[tuple[str, str]]:
    """The pairs of nodes between which no way leads, there and back.

    Args:
        topology: as all links are there.
        gone: by link, the ends that are off it; one that is cut one way is, too.
    """
    ends = {link: tuple(end for end in link.ends if end not in gone.get(link.name, ())) for link in topology.links}
    left = tuple(replace(link, ends=there) for link, there in ends.items() if there)
    routing = Routing(replace(topology, links=left), "shortest")
    return [pair for pair in combinations([node.name for node in topology.nodes], 2) if not routing.reaches(*pair)]
