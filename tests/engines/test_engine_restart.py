"""The engine itself is restarted, in order or by a crash: `status` names what is lost, `heal` and `up` mend it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from lab.lab import Lab
from lab.model.change import UNCHANGED
from lab.model.plan import LabSpec
from tests.engines.conftest import brought
from tests.engines.daemon import Daemon
from tests.engines.roots import DOCKERS
from tests.engines.test_engines import PING
from tests.integration.test_restart import ROOT, inv
from tests.support import Bench

NAME = f"t{os.getpid()}-again"
SPECS = (
    LabSpec(name=f"{NAME}-star", nodes=2, media="coax,delay=5ms"),  # by the software wire
    LabSpec(name=f"{NAME}-ring", topology="ring", nodes=3),
    LabSpec(name=f"{NAME}-bus", topology="bus", nodes=2),
)
CHANGED = "n1-n2"  # of the ring; what was set shall outlast the engine
TORN = """
import sys
from lab.engine.select import select
from lab.errors import EngineError
from lab.lab import Lab, remove
from lab.model.plan import LabSpec
from lab.observe import report

def say(line, *, passing=False):
    if line == "wiring and shaping":
        print("wiring", flush=True)
        input()

spec = LabSpec(name=sys.argv[1], nodes=2)
try:
    Lab.up(spec, "docker", say)
except EngineError as error:
    print(report.error(error).replace(chr(10), " "), flush=True)
input()
Lab.up(spec, "docker") if sys.argv[2] == "up" else remove(select("docker"), spec.name)
"""


@pytest.fixture(scope="module")
def daemon() -> Iterator[Daemon]:
    """An engine with three labs on it; once they are down, nothing of them is left."""
    with pytest.MonkeyPatch.context() as patch:
        for daemon in brought(DOCKERS[0]):
            patch.setenv("DOCKER_HOST", daemon.host)
            for spec in SPECS:
                Lab.up(spec, "docker")
            _ring().link(CHANGED).set("rate=5mbit")
            yield daemon
            for spec in SPECS:
                assert Lab.find(spec.name, "docker").down() > 0
            assert daemon.docker("ps", "--all", "--quiet") == ""
            assert daemon.docker("network", "ls", "--filter", "label=wirelab.lab", "--quiet") == ""


def _ring() -> Lab:
    return Lab.find(f"{NAME}-ring", "docker")


@pytest.mark.parametrize("mend", ["heal", "up"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_an_engine_that_was_restarted(daemon: Daemon, number: signal.Signals, mend: str) -> None:
    """Every node is named as not running; mended, nothing differs, each node reaches each, and what was set holds."""
    daemon.restart(number)
    for spec in SPECS:
        lab = Lab.find(spec.name, "docker")
        nodes = [node.name for node in lab.plan.nodes]
        lost = lab.status().differences
        assert sorted(each.where for each in lost if each.what == "state" and each.live == "exited") == sorted(nodes)
        inv("status", "--name", spec.name, code=1)
        if mend == "heal":
            assert lab.heal() != ()
        else:
            lab = Lab.up(spec, "docker")
        assert [str(difference) for difference in lab.status().differences] == []
        for node in nodes:
            script = " && ".join(" ".join((*PING, other)) for other in nodes if other != node)
            Bench(lab).out(node, "sh", "-c", script)
    changed = [link.name for link in _ring().status().now.links if link.change != UNCHANGED]
    assert changed == [CHANGED]


@pytest.mark.parametrize("mend", ["down", "up"])
def test_an_engine_that_crashes_beneath_up(daemon: Daemon, mend: str) -> None:
    """It is told in one line, with what to do; the claim that could not be let go holds up nobody, us neither."""
    name = f"{NAME}-torn"
    argv = [sys.executable, "-c", TORN, name, mend]
    with subprocess.Popen(argv, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as maker:
        assert maker.stdin
        assert maker.stdout
        assert maker.stdout.readline() == "wiring\n"
        daemon.end(signal.SIGKILL)
        print("go on", file=maker.stdin, flush=True)
        told = maker.stdout.readline()
        daemon.wait()
        assert daemon.docker("ps", "--all", "--quiet", "--filter", f"name={name}.claim") != ""
        print("go on", file=maker.stdin, flush=True)
    assert maker.returncode == 0
    assert "the Docker engine went away" in told
    assert "next: " in told
    if mend == "up":
        lab = Lab.find(name, "docker")
        assert lab.status().differences == ()
        lab.down()
    left = ("--filter", f"label=wirelab.lab={name}", "--quiet")
    assert daemon.docker("ps", "--all", *left) == daemon.docker("network", "ls", *left) == ""


def test_an_engine_whose_containers_outlive_it() -> None:
    """With `--live-restore` nothing is lost, in order or by a crash: neither nodes and links nor the software wire."""
    for daemon in brought(DOCKERS[1], "--live-restore"):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("DOCKER_HOST", daemon.host)
            with Lab.up(LabSpec(name=f"{NAME}-live", nodes=2, media="coax,delay=5ms"), "docker") as lab:
                for number in (signal.SIGTERM, signal.SIGKILL):
                    daemon.restart(number)
                    there = Lab.find(lab.name, "docker")
                    assert [str(difference) for difference in there.status().differences] == []
                    Bench(there).out("h1", *PING, "h2")
