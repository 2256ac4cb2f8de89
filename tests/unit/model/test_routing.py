"""Ways: how long they are, and that packets that follow the tables take them, there and back."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.errors import TopologyError
from lab.model.plan import LabPlan, LabSpec, decide
from lab.model.routing import POLICIES, Routing
from lab.model.tables import Route, first_flight
from lab.model.topology import SHAPES, build

EVERY = [(kind, policy, count) for kind in SHAPES for policy in POLICIES for count in range(2, 9)]


@dataclass(frozen=True)
class Trip:
    """A packet's way by the routing tables: the links that it took, the first row used, and where it came from."""

    links: tuple[str, ...]
    row: Route
    source: str


def _lookup(plan: LabPlan, node: str, target: str) -> Route:
    """What the kernel would do: the longest prefix wins, among a node's rows and its interfaces' own subnets."""
    here = plan.node(node)
    own = (Route(str(IPv4Network(face.address, strict=False)), face.link) for face in here.interfaces)
    rows = {IPv4Network(row.to): row for row in own} | {IPv4Network(row.to): row for row in here.routes}
    return rows[max((net for net in rows if IPv4Address(target) in net), key=lambda net: net.prefixlen)]


def _send(plan: LabPlan, start: str, target: str) -> Trip:
    """Follow a packet from a node to an address, hop by hop, as the kernels would pass it on."""
    owner = {str(port.address): port.node for ports in plan.addresses.ports.values() for port in ports}
    node, links = start, []
    first = row = _lookup(plan, node, target)
    while owner[target] != node:
        assert node == start or plan.node(node).forwards, f"{node} forwards nothing"
        row = _lookup(plan, node, target)
        known = {neighbour.address: neighbour.link for neighbour in plan.node(node).neighbours}
        via = row.via or target
        assert known[via] == row.link, f"{via} is no neighbour of {node} on {row.link}"
        links.append(row.link)
        node = owner[via]
        assert len(links) <= len(plan.nodes), "the packet circles for ever"
    out = next(face.ip for face in plan.node(start).interfaces if face.link == first.link)
    return Trip(tuple(links), first, first.source or out)


def _pairs(plan: LabPlan) -> list[tuple[str, str]]:
    names = [node.name for node in plan.nodes]
    return [(a, b) for a in names for b in names if a != b]


def _address(plan: LabPlan, node: str, target: str) -> str:
    return {name: address for address, name in plan.node(node).hosts}[target]


@pytest.mark.parametrize("count", [2, 3, 4, 5, 9])
def test_on_a_ring_everything_goes_clockwise(count: int) -> None:
    """n1 to n2 takes one link, n2 to n1 takes all the others."""
    routing = Routing(build("ring", count))
    for a in range(1, count + 1):
        for b in range(1, count + 1):
            if a != b:
                path = routing.path(f"n{a}", f"n{b}")
                assert len(path) == (b - a) % count
                assert all(hop.link == f"{hop.node}-{hop.to}" for hop in path)
    assert len(routing.path("n2", "n1")) == count - 1


@pytest.mark.parametrize("count", [2, 3, 4, 5, 8, 9])
def test_the_shortest_way_is_the_shortest(count: int) -> None:
    """Either way round, whichever takes fewer links; of two equal ones the clockwise one."""
    routing = Routing(build("ring", count), "shortest")
    for a in range(1, count + 1):
        for b in range(1, count + 1):
            if a != b:
                path = routing.path(f"n{a}", f"n{b}")
                clockwise = (b - a) % count
                assert len(path) == min(clockwise, count - clockwise)
                if clockwise * 2 == count:
                    assert path[0].link == f"{path[0].node}-{path[0].to}"


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize(
    ("kind", "start", "end", "length"), [("star", "h1", "h3", 2), ("star", "h2", "hub", 1), ("bus", "h1", "h4", 1)]
)
def test_a_star_takes_two_links_and_a_bus_one(kind: str, start: str, end: str, length: int, policy: str) -> None:
    """The policy matters on a ring only."""
    assert len(Routing(build(kind, 4), policy).path(start, end)) == length


@pytest.mark.parametrize(("kind", "policy", "count"), EVERY)
def test_paths_are_joined_and_follow_the_next_hops(kind: str, policy: str, count: int) -> None:
    """Each hop begins where the last ended, and is over a link that both its nodes are on."""
    routing = Routing(build(kind, count), policy)
    ends = {link.name: link.ends for link in routing.topology.links}
    names = [node.name for node in routing.topology.nodes]
    for start in names:
        for target in names:
            if start == target:
                continue
            path = routing.path(start, target)
            assert (path[0].node, path[-1].to) == (start, target)
            assert [hop.to for hop in path[:-1]] == [hop.node for hop in path[1:]]
            assert all(hop.node in ends[hop.link] and hop.to in ends[hop.link] for hop in path)
            assert path[-1].link == routing.arrival(start, target)


@pytest.mark.parametrize(("kind", "policy", "count"), EVERY)
def test_packets_take_the_planned_way_to_every_name(kind: str, policy: str, count: int) -> None:
    """By the routing tables alone, a packet to a name in /etc/hosts takes the path that the routing promises.

    The address belongs to the link by which it arrives.
    """
    plan = decide(LabSpec(topology=kind, nodes=count, routing=policy))
    for start, target in _pairs(plan):
        address = _address(plan, start, target)
        trip = _send(plan, start, address)
        assert trip.links == tuple(hop.link for hop in plan.routing.path(start, target))
        assert IPv4Address(address) in IPv4Network(plan.link(trip.links[-1]).subnet)


@pytest.mark.parametrize(("kind", "policy", "count"), EVERY)
def test_replies_take_the_planned_way_back(kind: str, policy: str, count: int) -> None:
    """The source address is the one by which the far node knows the sender, so that the reply takes its own path."""
    plan = decide(LabSpec(topology=kind, nodes=count, routing=policy))
    for start, target in _pairs(plan):
        there = _send(plan, start, _address(plan, start, target))
        assert there.source == _address(plan, target, start)
        back = _send(plan, target, there.source)
        assert back.links == tuple(hop.link for hop in plan.routing.path(target, start))
        assert back.source == _address(plan, start, target), "the reply comes from the address that was called"


@pytest.mark.parametrize("count", range(2, 9))
def test_on_a_clockwise_ring_question_and_answer_go_once_round(count: int) -> None:
    """Messages circle: both ways together pass every link once."""
    plan = decide(LabSpec(topology="ring", nodes=count))
    for start, target in _pairs(plan):
        there = _send(plan, start, _address(plan, start, target))
        back = _send(plan, target, there.source)
        assert sorted(there.links + back.links) == sorted(link.name for link in plan.links)


@pytest.mark.parametrize("count", range(2, 9))
def test_on_a_clockwise_ring_a_member_has_one_address(count: int) -> None:
    """Everybody knows it by the same one, and that is the one that stands for it."""
    plan = decide(LabSpec(topology="ring", nodes=count))
    for node in plan.nodes:
        known = {_address(plan, other.name, node.name) for other in plan.nodes if other != node}
        assert known == {node.address}


@pytest.mark.parametrize(("kind", "policy", "count"), EVERY)
def test_every_address_can_be_reached(kind: str, policy: str, count: int) -> None:
    """Not only those that names stand for: each address of each node, from everywhere."""
    plan = decide(LabSpec(topology=kind, nodes=count, routing=policy))
    for start in plan.nodes:
        for node in plan.nodes:
            for face in node.interfaces if node != start else ():
                _send(plan, start.name, face.ip)


_MEDIA = st.sampled_from(
    ["coax", "fibre", "twisted-pair-2400", "twisted-pair", "mtu=1000", "coax/twisted-pair-9600", "rate=200kbit/"]
)


@settings(max_examples=150)
@given(st.sampled_from([*SHAPES, "ring"]), st.sampled_from(POLICIES), st.lists(_MEDIA, min_size=2, max_size=7))
def test_routes_know_the_narrowest_part_of_the_way(kind: str, policy: str, media: list[str]) -> None:
    """First flight and MTU of the row that a packet uses fit the slowest and the narrowest link of its whole path."""
    if kind == "bus":
        media = [word for word in media if "/" not in word][:1] * len(media) or ["coax"] * len(media)
    names = [link.name for link in build(kind, len(media)).links]
    plan = decide(
        LabSpec(topology=kind, nodes=len(media), routing=policy, links=tuple(zip(names, media, strict=False)))
    )
    for start, target in _pairs(plan):
        trip = _send(plan, start, _address(plan, start, target))
        path = plan.routing.path(start, target)
        specs = [(plan.link(hop.link).link, hop) for hop in path]
        ways = [(link.spec.forward if link.ends[0] == hop.node else link.spec.back).settings for link, hop in specs]
        mtu = min(way.mtu for way in ways)
        assert trip.row.initcwnd == first_flight(min(way.rate for way in ways), mtu)
        assert (trip.row.mtu or ways[0].mtu) == mtu


def test_every_member_of_a_ring_knows_of_the_slow_link() -> None:
    """The first flight over a modem somewhere on the ring is one segment from wherever it starts."""
    plan = decide(LabSpec(topology="ring", nodes=5, links=(("n1-n2", "twisted-pair-2400"),)))
    for start in ("n1", "n3", "n4", "n5"):
        assert _lookup(plan, start, _address(plan, start, "n2")).initcwnd == 1


@pytest.mark.parametrize(
    ("start", "end", "message"),
    [
        ("n1", "n9", "no node is called 'n9' (there are n1, n2, n3)"),
        ("x", "n1", "no node is called 'x' (there are n1, n2, n3)"),
        ("n1", "n1", "n1 needs no path to itself (name two nodes)"),
    ],
)
def test_a_path_needs_two_nodes(start: str, end: str, message: str) -> None:
    """What is no node, and what is the same node, is named."""
    with pytest.raises(TopologyError) as caught:
        Routing(build("ring", 3)).path(start, end)
    assert str(caught.value) == message


def test_an_unknown_policy_is_refused() -> None:
    """With those that there are."""
    with pytest.raises(TopologyError) as caught:
        Routing(build("ring", 3), "scenic")
    assert str(caught.value) == "no routing is called 'scenic' (there are clockwise, shortest)"
