"""Many nodes, and a lab that works for a while. Longer, and on Docker: `./inv bench soak`, `./inv up --nodes 64`."""

from __future__ import annotations

import os
import time

import pytest

from bench import soak
from bench.left import left
from lab.lab import Lab
from lab.model.plan import LabSpec
from tests.engine_contract import needed


@pytest.mark.parametrize("topology", ["ring", "star", "bus"])
def test_sixty_four_nodes(topology: str) -> None:
    """A lab of 64 comes up as declared, the nodes that are asked reach one another, and nothing of it is left."""
    needed("netns")
    name = f"t{os.getpid()}-64-{topology}"
    begun = time.monotonic()
    with Lab.up(LabSpec(name=name, topology=topology, nodes=64), "netns") as lab:
        seconds = time.monotonic() - begun
        assert lab.status().differences == ()
        hosts = [node.name for node in lab.plan.nodes if node.role != "hub"]
        for number in (0, 31, 62):
            ping = lab.start(hosts[number], ["ping", "-c", "1", "-W", "10", hosts[(number + 33) % 64]])
            said = [text for _, text in ping.lines()]
            assert ping.wait() == 0, said
    print(f"{topology} of 64 up in {seconds:.1f} s")
    assert left("netns", name) == []


def test_nothing_grows_while_a_lab_works() -> None:
    """Memory, descriptors, devices, processes: after traffic, changes of links, kills and mends, all is as before."""
    needed("netns")
    result = soak.soak(0, print)
    assert result.trouble == ()
    assert result.done["datagrams"]
    assert result.done["wires killed"]
