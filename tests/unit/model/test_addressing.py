"""Addresses: unique, inside their block, and blocks that avoid what is taken."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network
from itertools import islice, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.errors import PoolError, WordsError
from lab.model import addressing
from lab.model.addressing import (
    POOL,
    Addresses,
    assign,
    block_prefix,
    blocks,
    free_block,
    mac_of,
    prefix_for,
    read_pool,
)
from lab.model.topology import SHAPES, Topology, build

NAMES = st.from_regex(r"[a-z0-9][a-z0-9-]{0,30}", fullmatch=True)


def _assigned(kind: str, count: int, name: str) -> tuple[Topology, Addresses]:
    topology = build(kind, count)
    return topology, assign(topology, free_block(name, block_prefix(topology), []))


@settings(max_examples=60)
@given(st.sampled_from(sorted(SHAPES)), st.integers(2, 250), NAMES)
def test_every_port_has_an_address_of_its_own(kind: str, count: int, name: str) -> None:
    """No two are equal, none is a subnet's own, its broadcast, or the first, which engines keep for a gateway."""
    topology, addresses = _assigned(kind, count, name)
    ports = [port for of_link in addresses.ports.values() for port in of_link]
    assert len(ports) == sum(len(link.ends) for link in topology.links)
    assert len({port.address for port in ports}) == len(ports)
    assert len({port.mac for port in ports}) == len(ports)
    for port in ports:
        subnet = addresses.subnets[port.link]
        assert subnet.network_address + 1 < port.address < subnet.broadcast_address


@settings(max_examples=60)
@given(st.sampled_from(sorted(SHAPES)), st.integers(2, 250), NAMES)
def test_subnets_are_apart_and_inside_the_block(kind: str, count: int, name: str) -> None:
    """One for each link, disjoint, all in the block, which is in 198.18.0.0/15 and no larger than need be."""
    topology, addresses = _assigned(kind, count, name)
    subnets = sorted(addresses.subnets.values())
    assert list(addresses.subnets.keys() ^ {link.name for link in topology.links}) == []
    assert all(first.broadcast_address < second.network_address for first, second in pairwise(subnets))
    assert all(subnet.subnet_of(addresses.block) for subnet in subnets)
    assert addresses.block.subnet_of(POOL)
    assert sum(subnet.num_addresses for subnet in subnets) > addresses.block.num_addresses // 2


@pytest.mark.parametrize(
    ("ends", "prefix"), [(2, 29), (5, 29), (6, 28), (13, 28), (14, 27), (61, 26), (62, 25), (250, 24)]
)
def test_a_subnet_is_as_large_as_needed(ends: int, prefix: int) -> None:
    """A /29 at least; each end, the free first address, and both outer ones fit, and half of it would not do."""
    assert prefix_for(ends) == prefix
    assert ends + 3 <= 2 ** (32 - prefix)
    assert prefix == 29 or ends + 3 > 2 ** (31 - prefix)


def test_ports_are_in_the_order_of_the_ends() -> None:
    """The first end has the second address of the subnet, and so on."""
    addresses = assign(build("bus", 3), IPv4Network("198.18.0.0/29"))
    found = [(port.node, str(port.address)) for port in addresses.ports["bus"]]
    assert found == [("h1", "198.18.0.2"), ("h2", "198.18.0.3"), ("h3", "198.18.0.4")]
    assert addresses.port("h2", "bus").mac == "02:42:c6:12:00:03"


@given(st.integers(0, 2**32 - 1).map(IPv4Address))
def test_a_mac_is_locally_administered_and_unicast(address: IPv4Address) -> None:
    """IEEE 802: bit 1 of the first byte is set, bit 0 is not; the address can be read in it."""
    octets = bytes.fromhex(mac_of(address).replace(":", ""))
    assert octets[0] & 3 == 2
    assert octets[2:] == address.packed


@settings(max_examples=30)
@given(NAMES, st.integers(20, 26))
def test_every_block_is_tried_once(name: str, prefix: int) -> None:
    """Wherever a name begins, it comes round the whole pool, slot by slot."""
    found = list(blocks(name, prefix))
    assert len(found) == len(set(found)) == 2 ** (prefix - 15)
    assert all(block.prefixlen == prefix and block.subnet_of(POOL) for block in found)


def test_the_default_lab_begins_at_the_start() -> None:
    """Its addresses are short and always the same."""
    assert [str(block) for block in islice(blocks("lab", 27), 2)] == ["198.18.0.0/27", "198.18.0.32/27"]


def test_other_labs_begin_elsewhere_and_always_there() -> None:
    """Labs that come up at once seldom want the same block, and a name wants the same one each time."""
    firsts = {name: next(blocks(name, 27)) for name in (f"lab{number}" for number in range(50))}
    assert len(set(firsts.values())) > 45
    assert firsts == {name: next(blocks(name, 27)) for name in firsts}


@settings(max_examples=60)
@given(NAMES, st.integers(24, 27), st.lists(st.tuples(st.integers(0, 2**17 - 1), st.integers(16, 32)), max_size=6))
def test_a_free_block_overlaps_nothing_that_is_taken(name: str, prefix: int, taken: list[tuple[int, int]]) -> None:
    """Whatever sizes the taken networks have."""
    start = int(POOL.network_address)
    networks = [IPv4Network((start + offset, length), strict=False) for offset, length in taken]
    try:
        block = free_block(name, prefix, networks)
    except PoolError:
        covered = {half for half in POOL.subnets(new_prefix=16) for network in networks if network.overlaps(half)}
        assert len(covered) == 2, "only a pool that is taken on both halves can be full"
    else:
        assert not any(block.overlaps(network) for network in networks)


def test_a_full_pool_is_said_to_be_full() -> None:
    """With the way out."""
    with pytest.raises(PoolError) as caught:
        free_block("lab", 27, [POOL])
    assert caught.value.what == "no free block of a /27 is left in 198.18.0.0/15"
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("text", "block"),
    [("198.18.4.0/27", "198.18.4.0/27"), ("10.9.0.0/16", "10.9.0.0/27"), ("10.9.0.0/255.255.0.0", "10.9.0.0/27")],
)
def test_a_given_pool_is_taken_from_its_start(text: str, block: str) -> None:
    """As much of it as the lab needs."""
    assert str(read_pool(text, 27)) == block


@pytest.mark.parametrize(
    ("text", "what", "remedy"),
    [
        ("here", "--pool: Expected 4 octets in 'here'", "write it like 198.18.0.0/15"),
        ("198.18.0.1/27", "--pool: 198.18.0.1/27 has host bits set", "write it like 198.18.0.0/15"),
        ("198.18.0.0/33", "--pool: '33' is not a valid netmask", "write it like 198.18.0.0/15"),
        ("fd00::/64", "--pool: Expected 4 octets in 'fd00::'", "write it like 198.18.0.0/15"),
        ("198.18.0.0/28", "--pool: 198.18.0.0/28 is too small for this lab", "a /27 or larger is needed"),
        ("198.18.0.0", "--pool: 198.18.0.0/32 is too small for this lab", "a /27 or larger is needed"),
    ],
)
def test_a_pool_that_cannot_be_is_refused(text: str, what: str, remedy: str) -> None:
    """What Python says of it, and what to write."""
    with pytest.raises(WordsError) as caught:
        read_pool(text, 27)
    assert (caught.value.what, caught.value.remedy) == (what, remedy)


def test_the_same_name_and_shape_have_the_same_addresses() -> None:
    """Nothing of chance is in them."""
    assert _assigned("ring", 7, "there") == _assigned("ring", 7, "there")
    assert addressing.DEFAULT_NAME == "lab"
