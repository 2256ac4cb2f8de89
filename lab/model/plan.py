"""The plan: everything decided, nothing done. Frozen, complete before any I/O, the same for the same words."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from dataclasses import asdict, dataclass, field, replace
from ipaddress import IPv4Network
from typing import Any, Self

from lab.errors import TopologyError, WordsError
from lab.model import addressing, shaping, topology
from lab.model.addressing import Addresses
from lab.model.media import ETHERNET_HEADER, Settings
from lab.model.routing import POLICIES, Routing
from lab.model.topology import Link, Topology

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,30}")
FIRST_FLIGHT_SECONDS = 0.5  # TCP's first flight shall not outlast its first time-out of 1 s (RFC 6298)
FIRST_FLIGHT = 10  # segments, Linux's own (RFC 6928)

SYSCTLS: dict[str, str] = {
    "net.ipv4.conf.all.rp_filter": "0",  # on a ring answers come in where no request went out
    "net.ipv4.conf.default.rp_filter": "0",
    "net.ipv4.conf.all.send_redirects": "0",
    "net.ipv4.conf.default.send_redirects": "0",
    "net.ipv6.conf.all.disable_ipv6": "1",  # no router solicitations on a slow wire
    "net.ipv6.conf.default.disable_ipv6": "1",
    "net.ipv4.ip_unprivileged_port_start": "1024",  # as the lecture has it; Docker opens all
    "net.ipv4.ping_group_range": "0 2147483647",
    "net.ipv4.icmp_ratelimit": "0",  # traceroute asks many times at once, and each node shall answer
    "net.ipv4.tcp_no_metrics_save": "1",  # a connection shall not inherit from the one before
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LabSpec:
    """The words that describe a lab; all that has to be remembered of it."""

    name: str = addressing.DEFAULT_NAME
    topology: str = "star"
    nodes: int = 4
    media: str = "coax"
    links: tuple[tuple[str, str], ...] = ()
    routing: str = "clockwise"
    pool: str = ""
    shaper: str = "auto"
    seed: int = 1

    def to_json(self) -> str:
        """The words as one line."""
        return json.dumps(asdict(self), separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `to_json` wrote."""
        values = json.loads(text)
        values["links"] = tuple((name, spec) for name, spec in values["links"])
        return cls(**values)


@dataclass(frozen=True, slots=True)
class Interface:
    """A node's end of a link. `address` carries the prefix length."""

    link: str
    address: str
    mac: str
    mtu: int

    @property
    def ip(self) -> str:
        """The address alone."""
        return self.address.split("/")[0]


@dataclass(frozen=True, slots=True)
class Route:
    """A row of a node's routing table.

    Attributes:
        to: a subnet.
        link: the link that packets leave by.
        via: the next node's address, or None where the subnet is the link's own.
        source: the address that the node's own packets carry, where it is not the link's.
        initcwnd: TCP's first flight in segments, where the way is too slow for Linux's ten.
        mtu: what the whole way carries, where that is less than the first link does.
        congctl: TCP's congestion control, whatever the host prefers. It is pinned here, for where the host prefers
            another, the sysctl may not name it inside a namespace (tcp_allowed_congestion_control).
    """

    to: str
    link: str
    via: str | None = None
    source: str | None = None
    initcwnd: int | None = None
    mtu: int | None = None
    congctl: str = "cubic"


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Another end of a link, with the hardware address that it has there."""

    link: str
    address: str
    mac: str


@dataclass(frozen=True, slots=True)
class NodePlan:
    """A node with everything that it knows.

    Attributes:
        address: the one that stands for it where one must: a ring member's is that by which the others reach it.
        hosts: (address, name) of every other node, as this one reaches it.
        sysctls: kernel settings of its network namespace.
    """

    name: str
    role: str
    forwards: bool
    address: str
    interfaces: tuple[Interface, ...]
    routes: tuple[Route, ...]
    neighbours: tuple[Neighbour, ...]
    hosts: tuple[tuple[str, str], ...]
    sysctls: dict[str, str] = field(hash=False)


@dataclass(frozen=True, slots=True)
class LinkPlan:
    """A link with its subnet, and the device that stands for its medium where it is shared."""

    link: Link
    subnet: str
    device: str

    @property
    def name(self) -> str:
        """The link's name."""
        return self.link.name

    @property
    def mtu(self) -> int:
        """The largest IP packet on the link, in bytes."""
        return self.link.spec.forward.settings.mtu

    @property
    def by_wire(self) -> bool:
        """Whether the software wire carries it where there is no netem."""
        return shaping.by_wire(self.link)

    def commands(self, shaper: str, seed: int | None = None) -> tuple[shaping.Command, ...]:
        """The tc commands that `shaper` (netem or tbf) needs for this link, with tokens for devices."""
        return shaping.link_commands(self.link, shaper, seed)


@dataclass(frozen=True, slots=True)
class LabPlan:
    """A lab, decided."""

    spec: LabSpec
    topology: Topology
    routing: Routing = field(repr=False, compare=False)
    addresses: Addresses
    nodes: tuple[NodePlan, ...]
    links: tuple[LinkPlan, ...]

    @property
    def name(self) -> str:
        """The lab's name."""
        return self.spec.name

    def node(self, name: str) -> NodePlan:
        """A node by its name.

        Raises:
            TopologyError: there is none.
        """
        for node in self.nodes:
            if node.name == name:
                return node
        names = [node.name for node in self.nodes]
        raise TopologyError(f"no node is called {name!r}", remedy=f"{self.name} has {topology.few(names)}")

    def link(self, word: str) -> LinkPlan:
        """A link by its name, or by its one host.

        Raises:
            TopologyError: there is none.
        """
        name = topology.find_link(word, {link.name: link.link.ends for link in self.links})
        return next(link for link in self.links if link.name == name)


def decide(spec: LabSpec, taken: list[IPv4Network] | None = None) -> LabPlan:
    """Decide everything.

    Args:
        spec: the words.
        taken: networks that the lab's addresses must not overlap; they matter only where the words name no pool.

    Raises:
        WordsError: the words do not describe a lab.
        PoolError: no addresses are left.
    """
    check_name(spec.name)
    for what, value, known in (("routing", spec.routing, POLICIES), ("shaper", spec.shaper, shaping.SHAPERS)):
        if value not in known:
            raise WordsError(f"no {what} is called {value!r}", remedy=f"there are {', '.join(known)}")
    graph = topology.build(spec.topology, spec.nodes, spec.media, _once(spec.links))
    prefix = addressing.block_prefix(graph)
    block = (
        addressing.read_pool(spec.pool, prefix) if spec.pool else addressing.free_block(spec.name, prefix, taken or [])
    )
    addresses = addressing.assign(graph, block)
    routing = Routing(graph, spec.routing)
    tables = _Tables(routing, addresses)
    return LabPlan(
        spec=spec,
        topology=graph,
        routing=routing,
        addresses=addresses,
        nodes=tuple(_node(node.name, graph, tables) for node in graph.nodes),
        links=tuple(
            LinkPlan(link, str(addresses.subnets[link.name]), medium_device(spec.name, number))
            for number, link in enumerate(graph.links)
        ),
    )


def _once(links: tuple[tuple[str, str], ...]) -> dict[str, str]:
    """The SPECs of single links by the words that were given; a word that comes twice is refused."""
    found: dict[str, str] = {}
    for word, text in links:
        if word in found:
            raise TopologyError(f"{word} is given twice", remedy="give one --link for it")
        found[word] = text
    return found


def check_name(name: str) -> str:
    """Return a lab's name if it can be one.

    Raises:
        WordsError: it cannot.
    """
    if not NAME.fullmatch(name):
        raise WordsError(
            f"{name!r} cannot be a lab's name",
            remedy="lower-case letters, digits and hyphens, at most 31 of them",
        )
    return name


def medium_device(name: str, number: int) -> str:
    """The name of the device that carries a shared medium: at most 15 characters (IFNAMSIZ), the same each time."""
    return f"{device_prefix(name)}-{number}"


def device_prefix(name: str) -> str:
    """What the names of all devices of a lab begin with."""
    return f"wl{hashlib.sha256(name.encode()).hexdigest()[:8]}"


class _Tables:
    """Works out what each node knows of the others."""

    def __init__(self, routing: Routing, addresses: Addresses) -> None:
        self.routing = routing
        self.addresses = addresses
        self._links = {link.name: link for link in routing.topology.links}
        self._ways: dict[tuple[str, str], tuple[int, int]] = {}

    def resolve(self, node: str, target: str) -> str:
        """The address by which a node reaches another."""
        return str(self.addresses.port(target, self.routing.arrival(node, target)).address)

    def home(self, node: str) -> str:
        """The link whose address stands for a node: the one that others reach it by, its first where that varies."""
        return self.routing.arrival(node, node)

    def hosts(self, node: str) -> tuple[tuple[str, str], ...]:
        others = (other.name for other in self.routing.topology.nodes if other.name != node)
        return tuple((self.resolve(node, other), other) for other in others)

    def routes(self, node: str) -> tuple[Route, ...]:
        """The table: one row for the whole lab where one is enough, further rows for what differs."""
        rows = [self._route(node, link) for link in self._links]
        far = Counter(replace(row, to=str(self.addresses.block)) for row in rows if row.via)
        if not far:
            return tuple(rows)
        whole = far.most_common(1)[0][0]
        return (whole, *(row for row in rows if replace(row, to=whole.to) != whole))

    def _route(self, node: str, link: str) -> Route:
        hop = self.routing.next_hop(node, link)
        subnet = str(self.addresses.subnets[link])
        rate, mtu = self.narrowest(node, link)
        out = self._links[hop.link if hop else link]
        first = self._toward(node, out)
        initcwnd = first_flight(rate, mtu)
        if not hop:
            return Route(subnet, link, source=self._source(node, link, link), initcwnd=initcwnd)
        return Route(
            subnet,
            out.name,
            via=str(self.addresses.port(hop.to, out.name).address),
            source=self._source(node, link, out.name),
            initcwnd=initcwnd,
            mtu=mtu if mtu < first.mtu else None,
        )

    def _source(self, node: str, link: str, out: str) -> str | None:
        """The address by which the node at the far end reaches this one, where that is not the outgoing link's."""
        for end in self._links[link].ends:
            if end != node and self.routing.arrival(node, end) == link:
                back = self.routing.arrival(end, node)
                return str(self.addresses.port(node, back).address) if back != out else None
        return None

    def narrowest(self, node: str, link: str) -> tuple[int, int]:
        """The lowest rate (bit/s) and the smallest MTU (bytes) from a node up to and over a link."""
        steps: list[tuple[str, str]] = []
        at = node
        while (at, link) not in self._ways:
            steps.append((at, link))
            hop = self.routing.next_hop(at, link)
            settings = self._toward(at, self._links[hop.link if hop else link])
            self._ways[at, link] = (settings.rate, settings.mtu)
            if hop is None:
                break
            at = hop.to
        else:
            steps.append((at, link))  # the rest of the way is known from an earlier node
        for (here, _), (there, _) in zip(reversed(steps[:-1]), reversed(steps[1:]), strict=True):
            rate, mtu = self._ways[here, link]
            self._ways[here, link] = (
                min(rate, self._ways[there, link][0]),
                min(mtu, self._ways[there, link][1]),
            )
        return self._ways[node, link]

    def _toward(self, node: str, link: Link) -> Settings:
        """The direction that leads away from a node."""
        return (link.spec.forward if link.shared or link.ends[0] == node else link.spec.back).settings


def first_flight(rate: int, mtu: int) -> int | None:
    """TCP's first flight that a way of `rate` bit/s takes in half a second, or None for Linux's own ten."""
    frames = int(FIRST_FLIGHT_SECONDS * rate / 8 / (mtu + ETHERNET_HEADER))
    return None if frames >= FIRST_FLIGHT else max(1, frames)


def _node(name: str, graph: Topology, tables: _Tables) -> NodePlan:
    node = next(node for node in graph.nodes if node.name == name)
    interfaces, neighbours = [], []
    for link in graph.links_of(name):
        port = tables.addresses.port(name, link.name)
        prefix = tables.addresses.subnets[link.name].prefixlen
        interfaces.append(Interface(link.name, f"{port.address}/{prefix}", port.mac, link.spec.forward.settings.mtu))
        neighbours += [
            Neighbour(link.name, str(other.address), other.mac)
            for other in tables.addresses.ports[link.name]
            if other.node != name
        ]
    return NodePlan(
        name=name,
        role=node.role,
        forwards=node.forwards,
        address=str(tables.addresses.port(name, tables.home(name)).address),
        interfaces=tuple(interfaces),
        routes=tables.routes(name),
        neighbours=tuple(neighbours),
        hosts=tables.hosts(name),
        sysctls=SYSCTLS | {"net.ipv4.ip_forward": str(int(node.forwards))},
    )


def as_document(plan: LabPlan) -> dict[str, Any]:
    """The plan as one JSON document, tc commands included."""
    return {
        "lab": plan.name,
        "words": asdict(plan.spec),
        "topology": plan.topology.kind,
        "block": str(plan.addresses.block),
        "nodes": [asdict(node) for node in plan.nodes],
        "links": [_link_document(link, plan.spec.seed) for link in plan.links],
    }


def _link_document(link: LinkPlan, seed: int) -> dict[str, Any]:
    tc = {"netem": [("tc", *command) for command in link.commands("netem", seed)]}
    if link.by_wire:
        tc["wire"] = [("tc", *command) for command in shaping.wire_commands(link.link)]
    else:
        tc["tbf"] = [("tc", *command) for command in link.commands("tbf")]
    return {
        "name": link.name,
        "ends": link.link.ends,
        "subnet": link.subnet,
        "medium": link.link.spec.medium,
        "shared": link.link.shared,
        "directions": declared(link.link),
        "tc": tc,
    }


def declared(link: Link) -> list[dict[str, Any]]:
    """Both directions of a link as the words declare them (one for a shared link), in bit/s, seconds, shares, bytes."""
    first, second = link.ends[0], link.ends[-1]
    if link.shared:
        return [{"from": "all", "to": "all", "medium": link.spec.medium} | asdict(link.spec.forward.settings)]
    return [
        {"from": a, "to": b, "medium": way.medium} | asdict(way.settings)
        for a, b, way in ((first, second, link.spec.forward), (second, first, link.spec.back))
    ]
