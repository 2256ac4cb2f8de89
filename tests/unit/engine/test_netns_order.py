from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lab.engine.netns import commands, order
from lab.fabric import cables
from lab.model.plan import LabPlan, LabSpec, decide


@pytest.fixture
def ring() -> LabPlan:
    """A ring of three."""
    return decide(LabSpec(name="ring", topology="ring", nodes=3, pool="198.18.0.0/27"))


def keepers(plan: LabPlan) -> dict[str, int]:
    """A process for each node."""
    return {node.name: 100 + number for number, node in enumerate(plan.nodes)}


def test_every_interface_has_a_cable(ring: LabPlan) -> None:
    """Each node's interfaces are eth0, eth1 … in the plan's order, each with a port of its own on its link's bridge."""
    laid = order.cables(ring, keepers(ring))
    assert [bridge["name"] for bridge in laid["bridges"]] == ["n1-n2", "n2-n3", "n3-n1"]
    ends = [(cable["process"], cable["device"], cable["bridge"]) for cable in laid["cables"]]
    assert ends == [
        (keepers(ring)[node.name], f"eth{number}", face.link)
        for node in ring.nodes
        for number, face in enumerate(node.interfaces)
    ]
    ports = [cable["port"] for cable in laid["cables"]]
    assert len(set(ports)) == len(ports)


def test_the_same_plan_gives_the_same_order(ring: LabPlan) -> None:
    """Names and addresses of devices do not depend on chance."""
    assert order.birth(ring, Path("/a")) == order.birth(ring, Path("/a"))


@pytest.mark.parametrize("nodes", [4, 250])
def test_device_names_fit(nodes: int) -> None:
    """No name is longer than the 15 characters that the kernel has room for, and none is given twice."""
    laid = order.cables(plan := decide(LabSpec(topology="bus", nodes=nodes)), keepers(plan))
    names = [bridge["name"] for bridge in laid["bridges"]] + [cable["port"] for cable in laid["cables"]]
    assert max(map(len, names)) <= 15
    assert len(set(names)) == len(names)


def test_long_names_of_links_are_shortened() -> None:
    """A link whose name does not fit gets a bridge that is called by a digest, the same each time."""
    name = order._device("a-very-long-name-of-a-link", 3)
    assert name == order._device("a-very-long-name-of-a-link", 3)
    assert len(f"{name}-p99") <= 15
    assert name != order._device("a-very-long-name-of-another-link", 3)


def test_a_node_knows_itself_and_all_others(ring: LabPlan) -> None:
    """A node's own rows come first, and the address that stands for it before its others."""
    node = order.birth(ring, Path("/a"))["nodes"][0]
    assert node["hosts"][0] == (ring.node("n1").address, "n1")
    assert [name for _, name in node["hosts"]] == ["n1", "n1", "n2", "n3"]


def test_cables_are_commands_of_ip() -> None:
    """A cable is made in one command, its far end at once in the node's namespace, by a process's number."""
    document: dict[str, Any] = {
        "bridges": [{"name": "h1-hub", "mtu": 576}],
        "cables": [
            {"bridge": "h1-hub", "port": "h1-hub-p0", "process": 77, "device": "eth0", "mac": "02:42:00:00:00:01"}
            | {"mtu": 576}
        ],
    }
    bridge, cable = cables.commands(document)
    assert " ".join(bridge).startswith("link add h1-hub up mtu 576 type bridge")
    assert " ".join(cable) == (
        "link add h1-hub-p0 up master h1-hub mtu 576 type veth "
        "peer name eth0 address 02:42:00:00:00:01 mtu 576 netns 77"
    )


def test_a_program_runs_with_what_it_may_have_only() -> None:
    """Every program enters all namespaces of its node, with a clean environment and two capabilities at most."""
    argv = commands.on_node("lab", "h1", 77, ["true"], {"COLOUR": "red"})
    argv = argv[argv.index("--") + 1 :]  # before that it is confined
    assert argv[:8] == ["nsenter", "--target", "77", "--mount", "--uts", "--ipc", "--net", "--pid"]
    assert argv[9:11] == ["/usr/bin/env", "-i"]
    assert {"WIRELAB_LAB=lab", "WIRELAB_NODE=h1", "COLOUR=red"} <= set(argv)
    assert argv[-5:] == [
        "--bounding-set=-all,+net_raw,+net_bind_service",
        "--inh-caps=-all",
        "--no-new-privs",
        "--",
        "true",
    ]
