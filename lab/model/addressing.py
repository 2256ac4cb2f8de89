"""Addresses: a block of 198.18.0.0/15 for each lab, a subnet of it for each link.

198.18.0.0/15 is set aside for network benchmarks (RFC 2544, appendix C.2.2; RFC 6890), so it collides with
nobody's own network. The first address of a subnet stays free: container engines keep it for a gateway.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

from lab.errors import PoolError, WordsError
from lab.model.topology import Topology

POOL = IPv4Network("198.18.0.0/15")
DEFAULT_NAME = "lab"
LINK_PREFIX = 29  # a /30 holds one container on engines before 23


@dataclass(frozen=True, slots=True)
class Port:
    """Where a node is on a link."""

    node: str
    link: str
    address: IPv4Address
    mac: str


@dataclass(frozen=True, slots=True)
class Addresses:
    """Who has which address.

    Attributes:
        block: what the lab takes of the pool.
        subnets: by link.
        ports: by link, in the order of its ends.
    """

    block: IPv4Network
    subnets: dict[str, IPv4Network]
    ports: dict[str, tuple[Port, ...]]

    def port(self, node: str, link: str) -> Port:
        """The port of a node on a link that it is on."""
        return next(port for port in self.ports[link] if port.node == node)


def prefix_for(ends: int) -> int:
    """The prefix length of the subnet that holds so many ends, the free first address and both outer ones."""
    return min(LINK_PREFIX, 32 - (ends + 2).bit_length())


def block_prefix(topology: Topology) -> int:
    """The prefix length of the block that holds all subnets of a topology."""
    size = sum(1 << (32 - prefix_for(len(link.ends))) for link in topology.links)
    return 32 - (size - 1).bit_length()


def blocks(name: str, prefix: int) -> Iterator[IPv4Network]:
    """The blocks that a lab may take, in the order in which it tries them.

    The default lab begins at the pool's start, so that addresses are short; every other name begins where
    a hash of it points, so that labs that come up at once seldom want the same block.
    """
    slots = 1 << (prefix - POOL.prefixlen)
    start = 0 if name == DEFAULT_NAME else int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]) % slots
    for number in itertools.chain(range(start, slots), range(start)):
        yield IPv4Network((int(POOL.network_address) + (number << (32 - prefix)), prefix))


def free_block(name: str, prefix: int, taken: list[IPv4Network]) -> IPv4Network:
    """The first block that overlaps nothing that is taken.

    Raises:
        PoolError: all of the pool is taken.
    """
    for block in blocks(name, prefix):
        if not any(block.overlaps(other) for other in taken):
            return block
    raise PoolError(f"no free block of a /{prefix} is left in {POOL}", remedy="./inv down --all, or give --pool")


def read_pool(text: str, prefix: int) -> IPv4Network:
    """Read `--pool`: the block that the lab shall take.

    Raises:
        WordsError: it is no network, or too small for the lab.
    """
    try:
        network = IPv4Network(text)
    except ValueError as error:
        raise WordsError(f"--pool: {error}", remedy=f"write it like {POOL}") from None
    if not network.is_private or network.is_loopback or network.is_link_local or network.is_unspecified:
        raise WordsError(f"--pool: {network} belongs to others", remedy=f"take a private network, or a part of {POOL}")
    if network.prefixlen > prefix:
        raise WordsError(f"--pool: {network} is too small for this lab", remedy=f"a /{prefix} or larger is needed")
    return next(network.subnets(new_prefix=prefix))


def assign(topology: Topology, block: IPv4Network) -> Addresses:
    """Give every link its subnet, and every end its address: the second of the subnet for the first end, and so on."""
    subnets: dict[str, IPv4Network] = {}
    ports: dict[str, tuple[Port, ...]] = {}
    base = int(block.network_address)
    for link in sorted(topology.links, key=lambda link: prefix_for(len(link.ends))):
        prefix = prefix_for(len(link.ends))
        subnets[link.name] = IPv4Network((base, prefix))
        ports[link.name] = tuple(
            Port(node, link.name, IPv4Address(base + number), mac_of(IPv4Address(base + number)))
            for number, node in enumerate(link.ends, start=2)
        )
        base += 1 << (32 - prefix)
    return Addresses(block, subnets, ports)


def mac_of(address: IPv4Address) -> str:
    """The hardware address that goes with an address: locally administered (IEEE 802, 8.4), readable in a trace."""
    return ":".join(f"{byte:02x}" for byte in (0x02, 0x42, *address.packed))
