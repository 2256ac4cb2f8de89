"""Labs on every version of Docker and Podman: they come up, carry packets, are as declared, and go away."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lab.lab import Lab
from lab.model.plan import LabSpec
from tests.engines.daemon import Daemon
from tests.support import Bench

ROOT = Path(__file__).parents[2]
PING = ("ping", "-c", "1", "-W", "2", "-q")
NOBODY_LISTENS = """
import socket, sys
try:
    socket.create_connection((sys.argv[1], 9), timeout=3)
except OSError as error:
    print(type(error).__name__)
"""


def test_it_is_the_version_that_is_meant(chosen: Daemon) -> None:
    """The engine that answers is the suite's, and not the machine's own."""
    assert chosen.docker("version", "--format", "{{.Server.Version}}").startswith(chosen.suite.version)


@pytest.mark.parametrize(
    ("topology", "media"), [("star", "coax"), ("ring", "coax"), ("bus", "coax"), ("star", "coax,delay=5ms")]
)
def test_a_lab_from_up_to_down(chosen: Daemon, topology: str, media: str) -> None:
    """Every node reaches every other, on a ring through the others; who is refused is told; nothing is left."""
    name = f"t{os.getpid()}-{chosen.suite.name}"
    spec = LabSpec(name=name, topology=topology, nodes=4 if topology == "ring" else 3, media=media)
    with Lab.up(spec, "docker") as lab:
        bench = Bench(lab)
        nodes = [node.name for node in lab.plan.nodes]
        for node in nodes:
            script = " && ".join(" ".join((*PING, other)) for other in nodes if other != node)
            bench.out(node, "sh", "-c", script)
        assert bench.out(nodes[0], "python3", "-c", NOBODY_LISTENS, nodes[2]) == "ConnectionRefusedError"
        assert [str(difference) for difference in lab.status().differences] == []
        message = ("--server", nodes[0], "--client", nodes[1], "--message", "hello there!", "--name", name)
        said = subprocess.run(
            [sys.executable, "-m", "invoke", "run", "tcp", *message],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        assert "server received  hello there!" in said
    marked = ("--filter", f"label=wirelab.lab={name}", "--quiet")
    assert chosen.docker("ps", "--all", *marked) == chosen.docker("network", "ls", *marked) == ""


def test_a_node_that_was_restarted_is_mended(chosen: Daemon) -> None:
    """After `docker restart`, status names what was lost, and heal mends it."""
    name = f"t{os.getpid()}-{chosen.suite.name}"
    with Lab.up(LabSpec(name=name, nodes=2), "docker") as lab:
        chosen.docker("restart", "--time", "1", f"{name}-h1")
        assert lab.status().differences != ()
        lab.heal()
        assert lab.status().differences == ()
        Bench(lab).out("h1", *PING, "h2")
