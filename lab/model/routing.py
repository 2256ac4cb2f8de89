"""Routes: which way packets take, and by which address nodes know each other.

`clockwise` sends everything on a ring the one way round; `shortest` takes the fewest links, and the
clockwise way of two equal ones. On a star and a bus both are the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import networkx as nx

from lab.errors import TopologyError
from lab.model.topology import Link, Topology

POLICIES = ("clockwise", "shortest")


@dataclass(frozen=True, slots=True)
class Hop:
    """One step of a path: out of `node` over `link` to the node `to`."""

    node: str
    link: str
    to: str


class Routing:
    """Answers every question about ways through one topology. Pure; nothing of it changes."""

    def __init__(self, topology: Topology, policy: str = "clockwise") -> None:
        if policy not in POLICIES:
            raise TopologyError(f"no routing is called {policy!r}", remedy=f"there are {', '.join(POLICIES)}")
        self.topology = topology
        self.clockwise = topology.kind == "ring" and policy == "clockwise"
        self._links = {link.name: link for link in topology.links}
        self._links_of: dict[str, list[Link]] = {node.name: [] for node in topology.nodes}
        for link in topology.links:
            for end in link.ends:
                self._links_of[end].append(link)

    @cached_property
    def _graph(self) -> nx.DiGraph[str]:
        """Nodes and links as vertices; a way into a node goes on only where the node forwards."""
        graph: nx.DiGraph[str] = nx.DiGraph()
        for link in self.topology.links:
            graph.add_edges_from((f"link {link.name}", end) for end in link.ends)
        for node in self.topology.nodes:
            if node.forwards:
                graph.add_edges_from((node.name, f"link {link.name}") for link in self._links_of[node.name])
        return graph

    @cached_property
    def _distance(self) -> dict[str, dict[str, int]]:
        """By destination link and node: vertices from one to the other (1: attached, 3: one node between …)."""
        return {
            link.name: nx.single_source_shortest_path_length(self._graph, f"link {link.name}")
            for link in self.topology.links
        }

    def next_hop(self, node: str, link: str) -> Hop | None:
        """The step from a node toward a link, or None where the node is on it."""
        if node in self._links[link].ends:
            return None
        ways = sorted(self._links_of[node], key=lambda way: way.ends[0] != node)
        if self.clockwise:
            return Hop(node, ways[0].name, ways[0].ends[1])
        here = self._distance[link].get(node, 0)
        for way in ways:
            for other in way.ends:
                if other != node and self._distance[link].get(other) == here - 2:
                    return Hop(node, way.name, other)
        raise TopologyError(f"no way leads to {link}", where=node, remedy="every node must be joined to every other")

    def reaches(self, node: str, target: str) -> bool:
        """Whether any way leads from a node to another one."""
        return any(node in self._distance[link.name] for link in self._links_of[target])

    def arrival(self, node: str, target: str) -> str:
        """The link over which a message from a node comes to its target: the target is known by its address there."""
        links = self._links_of[target]
        if self.clockwise:
            return next(link.name for link in links if link.ends[1] == target)
        return min(links, key=lambda link: self._length(node, link.name)).name

    def _length(self, node: str, link: str) -> tuple[int, bool]:
        """Links from a node up to and over a link; of two equal ways the one that begins clockwise comes first."""
        first = self.next_hop(node, link)
        begins_clockwise = self._links[first.link if first else link].ends[0] == node
        return self._distance[link][node], not begins_clockwise

    def path(self, node: str, target: str) -> tuple[Hop, ...]:
        """The steps from one node to another.

        Raises:
            TopologyError: a name is not a node's, or both are the same.
        """
        for name in (node, target):
            if name not in self._links_of:
                raise TopologyError(f"no node is called {name!r}", remedy=f"there are {', '.join(self._links_of)}")
        if node == target:
            raise TopologyError(f"{node} needs no path to itself", remedy="name two nodes")
        last = self.arrival(node, target)
        hops: list[Hop] = []
        while hop := self.next_hop(node, last):
            hops.append(hop)
            node = hop.to
        return (*hops, Hop(node, last, target))
