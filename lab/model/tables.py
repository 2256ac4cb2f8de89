"""What each node knows: its interfaces, its routes, its neighbours, and the names that it resolves. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace

from lab.model.addressing import Addresses
from lab.model.media import ETHERNET_HEADER, Settings
from lab.model.routing import Routing
from lab.model.topology import Link

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


class Tables:
    """Works out what each node of a topology knows."""

    def __init__(self, routing: Routing, addresses: Addresses) -> None:
        self.routing = routing
        self.addresses = addresses
        self._links = {link.name: link for link in routing.topology.links}
        self._ways: dict[tuple[str, str], tuple[int, int]] = {}

    def node(self, name: str) -> NodePlan:
        """Everything that one node knows."""
        node = next(node for node in self.routing.topology.nodes if node.name == name)
        links = self.routing.topology.links_of(name)
        return NodePlan(
            name=name,
            role=node.role,
            forwards=node.forwards,
            address=str(self.addresses.port(name, self.home(name)).address),
            interfaces=tuple(self._interface(name, link) for link in links),
            routes=self.routes(name),
            neighbours=tuple(neighbour for link in links for neighbour in self._neighbours(name, link)),
            hosts=self.hosts(name),
            sysctls=SYSCTLS | {"net.ipv4.ip_forward": str(int(node.forwards))},
        )

    def _interface(self, node: str, link: Link) -> Interface:
        port = self.addresses.port(node, link.name)
        prefix = self.addresses.subnets[link.name].prefixlen
        return Interface(link.name, f"{port.address}/{prefix}", port.mac, link.spec.forward.settings.mtu)

    def _neighbours(self, node: str, link: Link) -> list[Neighbour]:
        ports = self.addresses.ports[link.name]
        return [Neighbour(link.name, str(port.address), port.mac) for port in ports if port.node != node]

    def resolve(self, node: str, target: str) -> str:
        """The address by which a node reaches another."""
        return str(self.addresses.port(target, self.routing.arrival(node, target)).address)

    def home(self, node: str) -> str:
        """The link whose address stands for a node: the one that others reach it by, its first where that varies."""
        return self.routing.arrival(node, node)

    def hosts(self, node: str) -> tuple[tuple[str, str], ...]:
        """Every other node, with the address by which this one reaches it: (address, name)."""
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
