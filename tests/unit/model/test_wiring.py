"""The wiring document: plain JSON, and everything that the agent asks it for."""

from __future__ import annotations

import json
import re
from ipaddress import IPv4Interface, IPv4Network
from itertools import pairwise
from typing import Any

import pytest

from lab.fabric import agent, choice, nodes, ports
from lab.fabric.nodes import Interface
from lab.fabric.tools import AgentError
from lab.model import wiring
from lab.model.plan import LabPlan, LabSpec, decide, device_prefix
from lab.model.topology import SHAPES

SPECS = [
    LabSpec(nodes=3, links=(("h2", "twisted-pair-2400"),)),
    LabSpec(topology="ring", nodes=5, media="satellite/coax"),
    LabSpec(topology="ring", nodes=4, routing="shortest"),
    LabSpec(topology="bus", nodes=6),
    LabSpec(topology="star", nodes=2, media="wireless"),
]
PLANS = pytest.mark.parametrize("plan", [decide(spec) for spec in SPECS], ids=lambda plan: plan.spec.topology)


def _document(plan: LabPlan, op: str = "wire") -> dict[str, Any]:
    document: dict[str, Any] = json.loads(json.dumps(wiring.document(plan, op)))
    return document


def _fresh(node: dict[str, Any]) -> dict[str, Interface]:
    """A node's interfaces as an engine hands them over: found by their hardware address, not yet set up."""
    return {
        face["link"]: Interface(f"eth{number}", number + 10, face["mac"], 1500, up=False, addresses=())
        for number, face in enumerate(node["interfaces"])
    }


@PLANS
@pytest.mark.parametrize("op", ["wire", "read", "unwire"])
def test_the_document_is_json_and_says_what_to_do(plan: LabPlan, op: str) -> None:
    """It survives the way to the helper container, and is the same each time."""
    document = _document(plan, op)
    assert (document["op"], document["lab"], document["shaper"]) == (op, "lab", "auto")
    assert op in agent.OPS
    assert document == _document(plan, op)
    assert {node["name"] for node in document["nodes"]} == {node.name for node in plan.nodes}
    assert {link["name"] for link in document["links"]} == {link.name for link in plan.links}


@PLANS
def test_the_agent_can_make_a_nodes_commands_of_it(plan: LabPlan) -> None:
    """Its own functions take the document: an address, neighbours and routes for each node, in words without spaces."""
    document = _document(plan)
    links = {link["name"]: link for link in document["links"]}
    for node in document["nodes"]:
        found = _fresh(node)
        assert nodes.find(node, list(found.values())) == found
        commands = [" ".join(command) for command in nodes._commands(node, links, found)]
        planned = plan.node(node["name"])
        for face in planned.interfaces:
            device = found[face.link].device
            assert f"address add {face.address} broadcast + dev {device}" in commands
            assert f"link set dev {device} up" in commands
            assert (f"link set dev {device} mtu {face.mtu}" in commands) is (face.mtu != 1500)
        for near in planned.neighbours:
            device = found[near.link].device
            assert f"neigh replace {near.address} lladdr {near.mac} dev {device} nud permanent" in commands
        rows = [command for command in commands if command.startswith("route replace")]
        assert [row.split()[2] for row in rows] == [route.to for route in planned.routes]
        assert all(row.endswith("congctl cubic") for row in rows)
        assert not [command for command in commands if "None" in command]


@PLANS
def test_a_row_that_leads_on_comes_after_the_way_to_its_next_hop(plan: LabPlan) -> None:
    """Ip refuses a `via` that no interface reaches: each next hop is in a subnet of the node's own."""
    for node in _document(plan)["nodes"]:
        subnets = {face["link"]: IPv4Interface(face["address"]).network for face in node["interfaces"]}
        for route in node["routes"]:
            if route["via"]:
                assert IPv4Interface(route["via"]).ip in subnets[route["link"]]
            else:
                assert IPv4Network(route["to"]) == subnets[route["link"]]


@PLANS
def test_the_agent_can_make_a_links_commands_of_it(plan: LabPlan) -> None:
    """Once devices stand for tokens, no token is left, and no word holds white space."""
    for link in _document(plan)["links"]:
        devices = {end["node"]: f"veth{number}" for number, end in enumerate(link["ends"])}
        tokens = ports.devices_of(link, {link["name"]: devices})
        for shaper in ("netem", "tbf", "wire"):
            for command in link["tc"][shaper]:
                filled = list(ports.filled(command, tokens))
                assert all(re.fullmatch(r"\S+", word) for word in filled)
                assert not any("@" in word for word in filled)
                used = {word for before, word in pairwise(filled) if before == "dev"}
                assert used <= {*devices.values(), link["device"]}


@PLANS
def test_a_link_says_all_that_the_agent_asks_for(plan: LabPlan) -> None:
    """Subnet, MTU, ends with addresses, whether it is shared, a bus, or for the wire; the wire's figures."""
    for entry in _document(plan)["links"]:
        link = plan.link(entry["name"])
        assert (entry["subnet"], entry["mtu"], entry["device"]) == (link.subnet, link.mtu, link.device)
        assert (entry["shared"], entry["bus"]) == (link.link.shared, link.name == "bus")
        assert [end["node"] for end in entry["ends"]] == list(link.link.ends)
        assert entry["by_wire"] is link.by_wire
        assert len(entry["directions"]) == (1 if link.link.shared else 2)
        assert entry["device"].startswith(f"{device_prefix('lab')}-")


@PLANS
def test_the_agent_chooses_a_shaper_by_it(plan: LabPlan) -> None:
    """Netem where there is netem; else a token bucket, unless that would leave something out."""
    for link in _document(plan)["links"]:
        assert choice.choose(link, "auto", netem=True) == "netem"
        without = "wire" if link["by_wire"] else "tbf"
        assert [choice.choose(link, "auto", netem=False), choice.choose(link, "wire", netem=True)] == [without] * 2
        with pytest.raises(AgentError) as caught:
            choice.choose(link, "netem", netem=False)
        assert caught.value.where == link["name"]


def test_delays_that_are_correlated_are_never_netems() -> None:
    """The software wire carries such a link on any kernel, and who forces netem is told why it cannot be."""
    plan = decide(LabSpec(nodes=2, links=(("h1", "coax,delay=5ms,jitter=1ms,delay-correlation=50%"),)))
    first, second = _document(plan)["links"]
    assert [choice.choose(link, "auto", netem=True) for link in (first, second)] == ["wire", "netem"]
    with pytest.raises(AgentError, match="netem cannot keep a correlation of delays"):
        choice.choose(first, "netem", netem=True)


@pytest.mark.parametrize("kind", SHAPES)
@pytest.mark.parametrize("count", [2, 3, 8])
def test_probes_cover_every_port_and_one_long_way(kind: str, count: int) -> None:
    """Each port sends or answers at least one; the last goes from the first node to the one that is farthest."""
    plan = decide(LabSpec(topology=kind, nodes=count))
    *near, far = wiring.probes(plan)
    touched = {(probe["why"], probe["from"]) for probe in near}
    owner = {str(port.address): port for ports in plan.addresses.ports.values() for port in ports}
    touched |= {(probe["why"], owner[probe["to"]].node) for probe in near}
    assert touched == {(link.name, end) for link in plan.links for end in link.link.ends}
    assert all(owner[probe["to"]].link == probe["why"] for probe in near)
    start, target = far["from"], owner[far["to"]].node
    longest = max(len(plan.routing.path(start, node.name)) for node in plan.nodes if node.name != start)
    assert len(plan.routing.path(start, target)) == longest
    assert far["why"] == f"{start} to {target}"


def test_a_lab_can_be_removed_by_its_name_alone() -> None:
    """What the agent made is found by the prefix of its devices, whether the plan is known or not."""
    document = json.loads(json.dumps(wiring.removal("lab")))
    assert document == {
        "op": "unwire",
        "lab": "lab",
        "device_prefix": _document(decide(LabSpec()))["device_prefix"],
        "nodes": [],
        "links": [],
    }
