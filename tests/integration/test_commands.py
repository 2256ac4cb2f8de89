"""The commands, as a student types them: what they print, their exit codes, and what is left afterwards."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.engine.docker import helpers
from lab.errors import EngineError
from lab.lab import Lab
from lab.model.plan import LabSpec
from tests.support import Bench

ROOT = Path(__file__).parents[2]
PATIENCE = 60.0


def command(*words: str) -> list[str]:
    """The argv of a task."""
    return [sys.executable, "-m", "invoke", *words]


def inv(*words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    """Run a task; it must end with `code`."""
    done = subprocess.run(
        command(*words), cwd=ROOT, text=True, capture_output=True, check=False, stdin=subprocess.DEVNULL
    )
    assert done.returncode == code, f"{words}: exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


@pytest.fixture
def name() -> Iterator[str]:
    """A name for a lab of the test's own, which is taken down in any case."""
    given = f"t{os.getpid()}-own"
    yield given
    inv("down", "--name", given)


def docker(*words: str) -> str:
    """What a command of Docker's own prints."""
    return subprocess.run(["docker", *words], text=True, capture_output=True, check=True).stdout


def left_of(name: str) -> list[str]:
    """Every container and network of a lab."""
    marked = ["--filter", f"label=wirelab.lab={name}", "--quiet"]
    return [*docker("ps", "--all", *marked).split(), *docker("network", "ls", *marked).split()]


def test_a_lab_from_up_to_down(name: str) -> None:
    """Up, status, run, exec, up again, down: each says what it should, and nothing is left."""
    up = inv("up", "--topology", "bus", "--nodes", "3", "--name", name)
    assert f"{name} is up: a bus of 3 nodes" in up.stdout
    shown = json.loads(inv("status", "--name", name, "--json").stdout)
    assert (shown["lab"], shown["engine"], shown["topology"]) == (name, "docker", "bus")
    assert [node["state"] for node in shown["nodes"]] == ["running"] * 3
    assert [(link["name"], link["state"]) for link in shown["links"]] == [("bus", "up")]
    run = inv("run", "tcp", "--server", "h1", "--client", "h2", "--message", "hello there!", "--name", name)
    said = [tuple(line.split(" │ ")) for line in run.stdout.splitlines()]
    server = [words for who, words in said if who == "h1"]
    assert server[0] == "server waits for connection"
    assert server[1].startswith("server accepted connection request from  ('")
    assert server[2:] == ["server waits for data", "server received  hello there!"]
    assert ("h2", "client is connected") in said
    assert inv("exec", "h1", "hostname; echo oops >&2", "--name", name).stdout == "h1\n"
    inv("exec", "h1", "exit 7", "--name", name, code=7)
    assert "is there already" in inv("up", "--topology", "bus", "--nodes", "3", "--name", name).stderr
    inv("down", "--name", name)
    assert left_of(name) == []
    assert "nothing is there" in inv("down", "--name", name).stderr


def test_a_lost_datagram_is_told(star: Bench) -> None:
    """A server that never hears its datagram is ended in time, and `run` says so, with exit code 1."""
    words = ("--server", "h1", "--client", "h2", "--message", "x", "--name", star.lab.name)
    # Nobody listens on the port that the client sends to: the server's is another.
    done = subprocess.run(
        command("run", "udp", *words, "--port", "80"), cwd=ROOT, text=True, capture_output=True, check=False
    )
    assert done.returncode == 1
    assert "1024 to 65535" in done.stdout + done.stderr


def test_a_run_over_a_cut_link_tells_of_it_and_waits(star: Bench) -> None:
    """What to type is said at once; the client's call gets through when the link is joined, and the run ends well."""
    link, name = star.lab.link("h1-hub"), star.lab.name
    link.cut()
    words = ("--server", "h1", "--client", "h2", "--message", "x", "--name", name)
    argv = command("run", "tcp", *words)
    pipe = subprocess.PIPE
    with subprocess.Popen(argv, cwd=ROOT, text=True, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe) as run:
        try:
            assert run.stderr
            assert run.stderr.readline() == "note: h1-hub is cut, and lies between h2 and h1\n"
            assert run.stderr.readline() == f"  next: ./inv heal h1-hub --name {name}\n"
        finally:
            link.heal()
        out, _ = run.communicate(timeout=PATIENCE)
    assert run.returncode == 0
    assert "server received  x" in out


def test_a_bus_leaves_no_medium_device(name: str) -> None:
    """The device that carries a bus's rate is in the host's namespace: `down` removes it too."""
    with Lab.up(LabSpec(name=name, topology="bus", nodes=2), "docker") as lab:
        device = Path("/sys/class/net", lab.plan.links[0].device)
        assert device.exists()
    assert not device.exists()


def test_two_labs_of_one_name(star: Bench) -> None:
    """Another lab of the same name is refused in one line, and the one that is there is left alone."""
    done = inv("up", "--topology", "ring", "--name", star.lab.name, code=2)
    assert done.stderr.startswith(f"error: {star.lab.name}: a lab of this name is there, and it is another one")
    assert star.lab.status().differences == ()


def test_a_pool_that_is_taken(name: str) -> None:
    """Addresses that overlap another network's are refused before anything is made."""
    docker("network", "create", "--subnet", "198.19.255.0/24", f"{name}-other")
    try:
        done = inv("up", "--pool", "198.19.255.64/27", "--name", name, code=3)
    finally:
        docker("network", "rm", f"{name}-other")
    assert "198.19.255.64/27 overlaps 198.19.255.0/24" in done.stderr
    assert left_of(name) == []


def _begin(name: str, *words: str) -> subprocess.Popen[str]:
    """Begin an `up`, and return when its first objects are there."""
    process = subprocess.Popen(
        command("up", "--name", name, *words), cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    deadline = time.monotonic() + PATIENCE
    while not docker("ps", "--all", "--quiet", "--filter", f"label=wirelab.lab={name}"):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, "nothing was made"
    return process


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 130)])
def test_an_interrupted_up_removes_what_it_made(name: str, number: signal.Signals, code: int) -> None:
    """Ctrl-C half-way: nothing of the lab is left."""
    process = _begin(name, "--nodes", "6")
    process.send_signal(number)
    _, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == code, said
    assert left_of(name) == []


def test_a_killed_up_leaves_nothing_that_down_cannot_see(name: str) -> None:
    """SIGKILL half-way: what is left is seen, `up` makes the lab anew, and `down` removes all of it."""
    process = _begin(name, "--nodes", "6")
    process.kill()
    process.communicate()
    assert left_of(name)
    inv("up", "--nodes", "6", "--name", name)
    inv("status", "--name", name)
    inv("down", "--name", name)
    assert left_of(name) == []


def test_a_restarted_node_is_named_and_mended(star: Bench) -> None:
    """`docker restart` loses all that the agent did to a node: status names it with exit code 1, and `up` heals it."""
    docker("restart", "--time", "0", f"{star.lab.name}-h4")
    done = inv("status", "--name", star.lab.name, code=1)
    assert "h4: route to" in done.stdout
    assert "h4-hub (hub to h4): shaper is noqueue" in done.stdout
    inv("up", "--name", star.lab.name)
    assert star.lab.status().differences == ()


def test_whatever_happens_to_a_port_is_mended(name: str) -> None:
    """A port that is down, off its bridge or without its bucket, and a route too many: named, and healed."""
    with Lab.up(LabSpec(name=name, nodes=2), "docker") as lab:
        port = lab.status().live["links"]["h1-hub"]["ports"]["h1"]["device"]
        node = docker("inspect", "--format", "{{.State.Pid}}", f"{name}-h2").strip()
        for words in (
            ["ip", "link", "set", port, "nomaster"],
            ["ip", "link", "set", port, "down"],
            ["tc", "qdisc", "delete", "dev", port, "root"],
            ["nsenter", f"--net=/proc/{node}/ns/net", "ip", "route", "add", "192.0.2.0/24", "dev", "eth0"],
        ):
            subprocess.run(words, check=True)
        found = {f"{difference.where}: {difference.what}" for difference in lab.status().differences}
        assert found == {"h1-hub: port of h1", "h1-hub (hub to h1): shaper", "h2: route to 192.0.2.0/24"}
        lab.heal()
        assert lab.status().differences == ()


@pytest.mark.parametrize("task", ["heal", "up --nodes 2"])
def test_a_stopped_node_is_started_again(name: str, task: str) -> None:
    """As after the engine's own restart: status names it, `exec` too, and `heal` and `up` start it with all it had."""
    inv("up", "--nodes", "2", "--name", name)
    inv("put", "h2", "README.md", "--name", name)
    docker("stop", "--time", "0", f"{name}-h2")
    assert "h2: state is exited" in inv("status", "--name", name, code=1).stdout
    assert "h2 does not run" in inv("exec", "h2", "true", "--name", name, code=3).stderr
    inv(*task.split(), "--name", name)
    inv("status", "--name", name)
    inv("exec", "h2", "test -f /root/README.md && ping -c 1 h1", "--name", name)


def test_a_node_that_is_gone_has_the_lab_made_anew(name: str) -> None:
    """`heal` says what to type, and `up` brings the lab back."""
    inv("up", "--nodes", "2", "--name", name)
    docker("rm", "--force", f"{name}-h2")
    assert "h2 does not run" in inv("heal", "--name", name, code=3).stderr
    inv("up", "--nodes", "2", "--name", name)
    inv("status", "--name", name)


def test_a_link_is_steered_by_commands(star: Bench) -> None:
    """Changed, cut and healed: status tells each apart from an accident, with exit code 0."""
    name = star.lab.name
    try:
        inv("link", "h1", "--rate", "5mbit", "--from", "h1", "--name", name)
        inv("cut", "h2", "--name", name)
        shown = inv("status", "--name", name).stdout
        assert "as set: → 5 Mbit/s · ← 10 Mbit/s" in shown
        links = {link["name"]: link for link in json.loads(inv("status", "--json", "--name", name).stdout)["links"]}
        assert [links[each]["state"] for each in ("h1-hub", "h2-hub", "h3-hub")] == ["changed", "cut", "up"]
        assert [way["rate"] for way in links["h1-hub"]["declared"]] == [10_000_000, 10_000_000]
        assert [way["rate"] for way in links["h1-hub"]["set"]] == [5_000_000, 10_000_000]
        device = star.lab.status().live["links"]["h1-hub"]["ports"]["hub"]["device"]
        subprocess.run(["tc", "qdisc", "delete", "dev", device, "root"], check=True)
        assert "h1-hub (h1 to hub): shaper is noqueue" in inv("status", "--name", name, code=1).stdout
        assert "h2-hub: link is cut" in inv("heal", "h2", "--name", name).stderr
        assert "as set: → 5 Mbit/s · ← 10 Mbit/s" in inv("status", "--name", name).stdout
    finally:
        inv("link", "h1", "--reset", "--name", name)
        inv("heal", "--name", name)
    assert star.lab.status().now is star.lab.plan
    assert "nothing to change" in inv("link", "h1", "--name", name, code=2).stderr
    assert "'h9' is not on it" in inv("link", "h1", "loss=1%", "--from", "h9", "--name", name, code=2).stderr


def test_a_helper_that_fails_does_not_keep_down_from_removing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the agent cannot do is told; nothing of the lab is left all the same."""

    def refuse(*_: object) -> bytes:
        raise EngineError("no helper today")

    lab = Lab.up(LabSpec(name=name, nodes=2), "docker")
    monkeypatch.setattr(helpers, "run_agent", refuse)
    with pytest.raises(EngineError, match="no helper today"):
        lab.down()
    assert left_of(name) == []


def test_another_pool_is_another_lab(star: Bench) -> None:
    """The addresses that are asked for are part of the words."""
    there = star.lab.plan.spec
    inv("up", "--name", star.lab.name, "--pool", there.pool)
    done = inv("up", "--name", star.lab.name, "--pool", "198.19.255.0/24", code=2)
    assert "it is another one" in done.stderr


def test_a_dead_wire_is_named_and_restarted(name: str) -> None:
    """When the software wire dies, status says so with exit code 1, and `heal` brings the links back."""
    inv("up", "--nodes", "2", "--media", "satellite", "--shaper", "wire", "--name", name)
    docker("kill", f"{name}-wire")
    assert "wire, dead" in inv("status", "--name", name, code=1).stdout
    assert "mended" in inv("heal", "--name", name).stderr
    inv("status", "--name", name)
    assert "1 received" in inv("exec", "h1", "ping -c 1 -W 5 h2", "--name", name).stdout
    assert "nothing to mend" in inv("heal", "--name", name).stderr


@pytest.mark.parametrize("topology", ["star", "ring", "bus"])
def test_the_compose_files_make_the_same_lab(topology: str) -> None:
    """`docker compose up` alone makes a lab that is wired and shaped as planned."""
    tool = ["docker-compose"] if shutil.which("docker-compose") else ["docker", "compose"]
    call = [*tool, "--project-name", f"t{os.getpid()}-compose", "--file", f"compose/{topology}.yml"]
    inv("build")
    try:
        subprocess.run([*call, "up", "--detach"], cwd=ROOT, check=True, capture_output=True, text=True)
        assert docker("wait", f"{topology}-shaper").strip() == "0", docker("logs", f"{topology}-shaper")
        found = Lab.find(topology, "docker")
        assert [str(difference) for difference in found.status().differences] == []
    finally:
        subprocess.run([*call, "down", "--volumes"], cwd=ROOT, check=True, capture_output=True, text=True)
        inv("down", "--name", topology)
