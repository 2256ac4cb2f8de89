"""The embedded engine: the contract, and what only it can get wrong."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.engine.base import Engine, unheard
from lab.engine.netns import marks
from lab.engine.netns.engine import NetnsEngine
from lab.engine.netns.folder import STATE, Folder
from lab.errors import EngineError, NameTakenError
from lab.lab import Lab, remove
from lab.model.plan import LabPlan, LabSpec, device_prefix
from tests.engine_contract import EngineContract, Made, await_line, made, needed, plan_for


class TestNetnsContract(EngineContract):
    """The contract."""

    engine_name = "netns"

    def traces(self, plan: LabPlan) -> list[str]:
        """Processes, files, mounts and devices."""
        processes = [f"process {found.process}" for found in marks.processes(plan.name)]
        files = [str(path) for path in STATE.glob(f"{plan.name}*")]
        mounts = [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if plan.name in line]
        links = subprocess.run(["ip", "-o", "link"], capture_output=True, text=True, check=True).stdout.splitlines()
        devices = [line for line in links if device_prefix(plan.name) in line]
        return [*processes, *files, *mounts, *devices]


@pytest.fixture
def engine() -> NetnsEngine:
    """The engine, if it can be had."""
    found = needed("netns")
    assert isinstance(found, NetnsEngine)
    return found


@pytest.fixture
def pair(engine: NetnsEngine) -> Iterator[Made]:
    """A star of two."""
    with made(engine, nodes=2) as lab:
        yield lab


def namespaces() -> set[str]:
    """Every network namespace that a process of this machine is in."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/ns/net"):
        try:
            found.add(str(path.readlink()))
        except OSError:
            continue
    return found


def test_namespaces_go_with_the_lab(engine: Engine) -> None:
    """Each node and the fabric have a network namespace; after `remove` nobody is in any of them."""
    with made(engine, nodes=2) as lab:
        place = Folder(lab.plan.name)
        keepers = [*place.nodes().values(), place.fabric()]
        mine = {str(Path(f"/proc/{keeper}/ns/net").readlink()) for keeper in keepers}
        assert len(mine) == len(lab.plan.nodes) + 1
        assert str(Path("/proc/self/ns/net").readlink()) not in mine
    assert not mine & namespaces()


def test_nothing_of_the_fabric_is_in_the_hosts_namespace(pair: Made) -> None:
    """Bridges and ports are in the fabric alone, so the host's firewall never sees a frame of the lab."""
    fabric = Folder(pair.plan.name).fabric()
    inside = ["nsenter", f"--net=/proc/{fabric}/ns/net", "ip", "-json", "link"]
    devices = {entry["ifname"] for entry in json.loads(subprocess.run(inside, capture_output=True, check=True).stdout)}
    assert {"h1-hub", "h1-hub-p0", "h1-hub-p1"} <= devices
    here = json.loads(subprocess.run(["ip", "-json", "link"], capture_output=True, check=True).stdout)
    assert not devices - {"lo"} & {entry["ifname"] for entry in here}


def test_interfaces_are_named_in_the_plans_order(pair: Made) -> None:
    """The first interface of a plan is eth0, the second eth1."""
    hub = pair.plan.node("hub")
    for number, face in enumerate(hub.interfaces):
        code, out, _ = pair.run("hub", "cat", f"/sys/class/net/eth{number}/address")
        assert (code, out) == (0, [face.mac])


def test_a_lab_whose_folder_is_lost_is_still_found(engine: NetnsEngine, pair: Made) -> None:
    """What the keepers carry is enough to list a lab, to protect its name, and to remove it."""
    shutil.rmtree(Folder(pair.plan.name).path)
    record = engine.labs()[pair.plan.name]
    assert record.spec == pair.plan.spec
    assert set(record.nodes) == {"h1", "h2", "hub"}
    with pytest.raises(NameTakenError):
        engine.create(pair.plan, unheard)
    assert set(engine.labs()[pair.plan.name].nodes) == {"h1", "h2", "hub"}
    assert engine.remove(pair.plan.name) == 3
    assert pair.plan.name not in engine.labs()


def test_a_folder_without_processes_is_a_lab_to_remove(engine: NetnsEngine) -> None:
    """After a power cut, where /run is on a disk, the folder is all that is left."""
    plan = plan_for(engine, nodes=2)
    with Folder(plan.name).made(Folder(plan.name).remove):
        Folder(plan.name).describe(plan, {})
        marks.note(Folder(plan.name).path / marks.node_mark("h1"), 1)
        (Folder(plan.name).path / marks.node_mark("h1")).write_text("1 123456789\n")
    record = engine.labs()[plan.name]
    assert record.spec == plan.spec
    assert record.nodes == {}
    remove(engine, plan.name)
    assert plan.name not in engine.labs()


def test_a_node_that_ended_is_missing(engine: NetnsEngine, pair: Made) -> None:
    """Ending a node's first process ends all that runs on it; `up` then makes the lab anew."""
    process = engine.start(pair.plan.name, "h1", ["sh", "-c", "trap '' TERM; echo begun; sleep 3703"])
    lines = process.lines()
    await_line(lines, "begun")
    keeper = Folder(pair.plan.name).node("h1")
    assert keeper is not None
    marks.end([keeper])
    assert list(lines) == []
    assert process.wait() == 128 + signal.SIGKILL
    assert set(engine.labs()[pair.plan.name].nodes) == {"h2", "hub"}
    with pytest.raises(EngineError, match="h1 does not run"):
        engine.start(pair.plan.name, "h1", ["true"])
    lab = Lab.up(pair.plan.spec, engine="netns")
    assert set(engine.labs()[lab.name].nodes) == {"h1", "h2", "hub"}
    assert lab.status().differences == ()


def test_orphans_are_reaped(pair: Made) -> None:
    """A node's first process leaves no zombies, though it is only asleep."""
    # Not under the supervisor, which would take the orphan in.
    script = "(true & exec true); while grep -l -s '(true)' /proc/[0-9]*/stat; do sleep 0.02; done"
    argv = pair.engine.shell(pair.plan.name, "h1", ["timeout", "5", "sh", "-c", script])
    assert subprocess.run(argv, capture_output=True, check=False).returncode == 0


def test_links_on_a_node_do_not_lead_to_the_hosts_files(pair: Made, tmp_path: Path) -> None:
    """`put` and `logs` follow links as the node sees them."""
    secret = tmp_path / "secret"
    secret.write_text("secret\n")
    script = f"ln -s {tmp_path} /root/out; rm /var/log/wirelab.log; ln -s {secret} /var/log/wirelab.log"
    process = subprocess.run(pair.engine.shell(pair.plan.name, "h1", ["sh", "-c", script]), check=False)
    assert process.returncode == 0
    with pytest.raises(EngineError):
        pair.engine.put(pair.plan.name, "h1", secret, "/root/out/planted")
    assert not (tmp_path / "planted").exists()
    assert "secret" not in list(pair.engine.logs(pair.plan.name, "h1", follow=False))


def test_a_lab_comes_up_by_its_words(engine: Engine) -> None:
    """`Lab` works on this engine as on the other: up, up again, found by name, down."""
    name = plan_for(engine).name
    with Lab.up(LabSpec(name=name, nodes=2), engine="netns") as lab:
        assert lab.status().differences == ()
        assert Lab.up(LabSpec(name=name, nodes=2)).engine.name == "netns"
        assert Lab.find(name).plan == lab.plan
    assert name not in engine.labs()


def test_a_bus_is_told_to_be_one_link(engine: Engine) -> None:
    """Who makes a lab is told how many nodes and links: 1 link, not 1 links, as on Docker."""
    plan = plan_for(engine, nodes=2, topology="bus")
    said: list[str] = []

    def say(line: str, *, passing: bool = False) -> None:
        said.append(f"{line}, in passing" if passing else line)

    try:
        engine.create(plan, say)
    finally:
        remove(engine, plan.name)
    assert "making 2 nodes and 1 link" in said


def wire_document(plan: LabPlan, delay: float) -> dict[str, object]:
    """What the wire is told of the first link of a star."""
    ports = [{"node": "h1", "device": "h1-hub-p0"}, {"node": "hub", "device": "h1-hub-p1"}]
    link = {"name": "h1-hub", "shared": False, "ports": ports, "directions": [{"delay": delay}, {"delay": delay}]}
    return {"lab": plan.name, "seed": 1, "links": [link]}


def test_the_wire_runs_in_the_fabric(engine: NetnsEngine, pair: Made) -> None:
    """It starts, answers, is replaced by a second one, and goes with the lab."""
    name = pair.plan.name
    assert engine.ask_wire(name, {"op": "stats"}) is None
    for delay in (0.01, 0.02):
        engine.start_wire(name, wire_document(pair.plan, delay))
        answer = engine.ask_wire(name, {"op": "stats"})
        assert answer is not None
        assert answer["links"][0]["directions"][0]["settings"]["delay"] == delay
        wires = [found.process for found in marks.processes(name) if found.role == marks.WIRE]
        assert wires == [marks.noted(Folder(name).path / marks.WIRE)]
    remove(engine, name)
    assert engine.ask_wire(name, {"op": "stats"}) is None
    assert marks.processes(name) == []


def test_a_wire_that_does_not_start_says_why(engine: NetnsEngine, pair: Made) -> None:
    """A document that is wrong is an `EngineError` with the wire's own words, and nothing of it runs on."""
    broken = wire_document(pair.plan, 0.01) | {"links": [{"name": "h1-hub"}]}
    with pytest.raises(EngineError, match="the software wire did not start"):
        engine.start_wire(pair.plan.name, broken)
    assert not [found for found in marks.processes(pair.plan.name) if found.role == marks.WIRE]


def test_the_hosts_secrets_are_not_on_a_node(pair: Made) -> None:
    """Root on a node is root of the machine in name: what it must not read is not there at all."""
    shown = pair.run("h1", "sh", "-c", "ls /etc/shadow /etc/gshadow /etc/ssh /etc/ssl/private /run/docker.sock; true")
    assert shown[1] == []
    assert "root" in pair.run("h1", "cat", "/etc/passwd")[1][0]
