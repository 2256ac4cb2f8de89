"""What nodes, helpers and the wire may do, and how much a node may take. docs/security.md, 6 to 8."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import docker
import pytest

from lab.engine import container
from lab.engine.base import unheard
from lab.engine.netns import limits
from lab.engine.netns.folder import Folder
from lab.lab import Lab
from lab.model.plan import LabSpec
from tests.integration.test_commands import ROOT
from tests.security.conftest import Place, host

ENDING_SECONDS = 20.0
NET_ADMIN = 12  # linux/capability.h
OF_NODES = 1 << 10 | 1 << 13  # NET_BIND_SERVICE, NET_RAW
OF_KEEPERS = 1 << 36  # BLOCK_SUSPEND, of no use to a process that sleeps
OF_THE_WIRE = 1 << 2 | 1 << 12 | 1 << 13 | 1 << 23  # DAC_READ_SEARCH, NET_ADMIN, NET_RAW, SYS_NICE


def capabilities(place: Place) -> dict[str, int]:
    """What every process of a lab may do, by its name: all that are in a namespace of the lab, or in its containers."""
    networks = {Path(f"/proc/{place.process(node.name)}/ns/net").readlink() for node in place.lab.plan.nodes}
    if not place.docker:
        networks.add(Path(f"/proc/{Folder(place.lab.name).fabric()}/ns/net").readlink())
    listed = ["docker", "ps", "--quiet", "--no-trunc", "--filter", label(place)]
    helpers = host(*listed).split() if place.docker else []
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            groups = (process / "cgroup").read_text()
            if (process / "ns/net").readlink() in networks or any(name in groups for name in helpers):
                status = dict(line.split(":\t", 1) for line in (process / "status").read_text().splitlines())
                found[f"{status['Name']} {process.name}"] = int(status["CapEff"], 16)
        except OSError:  # it ended
            continue
    return found


def label(place: Place) -> str:
    """Docker's filter for the containers of a lab."""
    return f"label={container.LAB}={place.lab.name}"


@contextmanager
def left_behind(place: Place) -> Iterator[None]:
    """A process with every privilege, where a helper would be that did not end."""
    if not place.docker:
        argv = ["nsenter", f"--net=/proc/{Folder(place.lab.name).fabric()}/ns/net", "sleep", "60"]
        with subprocess.Popen(argv) as process:
            try:
                yield
            finally:
                process.kill()
        return
    image = place.lab.engine.prepare(unheard)
    words = ["--label", f"{container.LAB}={place.lab.name}", "--cap-add", "SYS_ADMIN", "--network", "host"]
    made = host("docker", "run", "--detach", *words, "--entrypoint", "sleep", image, "60").strip()
    try:
        yield
    finally:
        host("docker", "rm", "--force", made)


def mighty(place: Place) -> dict[str, int]:
    """The processes of a lab that may do more than a node may, and what."""
    return {name: held for name, held in capabilities(place).items() if held & ~(OF_NODES | OF_KEEPERS)}


def helpers_left(place: Place) -> list[str]:
    """The containers of a lab that are no nodes, whether they run or not."""
    if not place.docker:
        return []
    listed = ["docker", "ps", "--all", "--filter", label(place), "--filter", f"label={container.HELPER}"]
    return host(*listed, "--quiet").split()


def test_nothing_privileged_stays_after_up(shut: Place, bare: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """When `up` is done, no process of a lab can change a network or a machine; helpers have ended, and are removed.

    Guard: the agent ends with its one call, and its container is removed. One that stays is seen.
    """
    assert len(capabilities(shut)) >= len(shut.lab.plan.nodes)
    assert mighty(shut) == {}
    assert helpers_left(shut) == []
    with left_behind(shut):
        assert mighty(shut) != {}
    if bare.docker:
        with monkeypatch.context() as without:
            without.setattr(docker.APIClient, "remove_container", lambda *_, **__: None)
            bare.lab.status()
        (stayed,) = helpers_left(bare)
        host("docker", "rm", stayed)


HOLDER = """
import subprocess, sys
from lab.lab import Lab
from lab.observe import capture
lab = Lab.find(sys.argv[1], sys.argv[2])
if sys.argv[3] == "tap": held = capture.start(lab, [("h1", "h1-hub")])
else: lab.engine.attend(lab.name)
keeper = 0
if sys.argv[3] == "kept":
    helper = lab.engine._attendants[lab.name]._helper
    line = helper._socket if lab.engine.name == "docker" else helper._process.stdin
    keeper = subprocess.Popen(["sleep", "600"], pass_fds=[line.fileno()], stdout=subprocess.DEVNULL).pid
print("held", keeper, flush=True)
input()
"""
AS_THE_AGENT = 1 << 12 | 1 << 13 | 1 << 19 | 1 << 21  # NET_ADMIN, NET_RAW, SYS_PTRACE, SYS_ADMIN


@contextmanager
def holding(place: Place, what: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A program of ours that keeps a helper of the lab's at hand; with `kept`, another one keeps its line open, too."""
    argv = [sys.executable, "-c", HOLDER, place.lab.name, place.lab.engine.name, what]
    with subprocess.Popen(argv, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout
        held, keeper = holder.stdout.readline().split()
        assert held == "held"
        try:
            yield holder, int(keeper)
        finally:
            holder.kill()
            if int(keeper):
                os.kill(int(keeper), signal.SIGKILL)


def helpers(place: Place) -> dict[str, int]:
    """The processes of a lab that run our own programs, where none does on a node: what they may do."""
    return {name: held for name, held in capabilities(place).items() if name.startswith("python")}


def gone(look: Callable[[], object], within: float = ENDING_SECONDS) -> bool:
    """Whether there is nothing left to be seen, before long."""
    until = time.monotonic() + within
    while look() and time.monotonic() < until:
        threading.Event().wait(0.1)
    return not look()


def test_a_helper_that_is_held_goes_with_its_holder(bare: Place) -> None:
    """The agent that a program keeps at hand holds its rights as long as that program, even if that ends by SIGKILL.

    Guard: it ends with its input. Where somebody else keeps that open, it stays.
    """
    with holding(bare, "attend") as (holder, _):
        (held,) = mighty(bare).values()
        assert held == AS_THE_AGENT or not bare.docker
        holder.kill()
        assert gone(lambda: mighty(bare))
    with holding(bare, "kept") as (holder, _):
        holder.kill()
        assert not gone(lambda: mighty(bare), within=2.0)
    assert gone(lambda: mighty(bare))
    assert gone(lambda: helpers_left(bare))


def test_the_tap_holds_nothing_once_it_listens(bare: Place) -> None:
    """What reads the frames that nodes made up has given up all capabilities by then, and ends with its holder.

    Guard: `give_up_capabilities`. The agent, which does not, is seen.
    """
    with holding(bare, "tap") as (holder, _):
        assert helpers(bare) != {}
        assert mighty(bare) == {}
        holder.kill()
        assert gone(lambda: helpers(bare))
    assert gone(lambda: helpers_left(bare))
    with holding(bare, "attend"):
        assert mighty(bare) != {}
    assert gone(lambda: helpers(bare))


def test_the_wire_holds_what_it_needs(engine_name: str) -> None:
    """Where links need it, the software wire is the one process that holds more: what it needs, as long as the lab.

    Guard: its capabilities are named, and `down` ends it. The agent's, which are others, are seen in the test above.
    """
    spec = LabSpec(name=f"t{os.getpid()}-held-{engine_name}", nodes=2, media="coax,delay=1ms", shaper="wire")
    with Lab.up(spec, engine_name) as lab:
        ((name, held),) = mighty(Place(lab)).items()
        process = int(name.split()[-1])
    assert name.startswith("python")
    assert held & 1 << NET_ADMIN
    assert not held & ~OF_THE_WIRE
    assert gone(lambda: Path(f"/proc/{process}").exists())


TRIES = """
import ctypes, json, os, socket, stat
libc = ctypes.CDLL(None, use_errno=True)
keyctl = {"x86_64": 250, "aarch64": 219}[os.uname().machine]
refused = lambda call, *words: getattr(libc, call)(*words) < 0
tries = {
    "user namespace": lambda: refused("unshare", 0x10000000),
    "network namespace": lambda: refused("unshare", 0x40000000),
    "clone": lambda: refused("syscall", {"x86_64": 56, "aarch64": 220}[os.uname().machine], 0x10000011, 0, 0, 0, 0),
    "mount": lambda: refused("mount", b"none", b"/mnt", b"tmpfs", 0, None),
    "device": lambda: os.mknod("/root/disk", stat.S_IFBLK | 0o600, os.makedev(7, 0)),
    "host name": lambda: refused("sethostname", b"other", 5),
    "session keyring": lambda: refused("syscall", keyctl, 0, -3, 1),
    "trace": lambda: refused("ptrace", 16, 1, 0, 0),
    "vsock": lambda: socket.socket(40, socket.SOCK_STREAM).close(),
}
for name, attempt in tries.items():
    if (child := os.fork()) == 0:
        try: os._exit(1 if attempt() else 0)
        except OSError: os._exit(1)
    if os.waitpid(child, 0)[1] == 0: print(name)
"""


BOUNDS = """
words = dict(line.split(":\\t", 1) for line in open("/proc/self/status").read().splitlines())
print(*(int(words[key], 16) for key in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp")))
"""
FILTERED = 2  # SECCOMP_MODE_FILTER


def test_a_program_can_gain_nothing(shut: Place, bare: Place) -> None:
    """Two capabilities are all that a program on a node has, and all that it can ever have; calls are filtered.

    Guards: the bounding set, no_new_privs and seccomp, each of which outlasts any other program that it becomes.
    Without, a program in the same place has, or can have, all.
    """
    for argv in (["python3", "-c", BOUNDS], ["sh", "-c", 'exec python3 -c "$1"', "sh", BOUNDS]):
        inheritable, permitted, effective, most, ambient, *more = map(int, shut.out("h1", *argv).split())
        assert {permitted, effective, most} == {OF_NODES}
        assert not (inheritable | ambient) & ~OF_NODES
        assert more == [1, FILTERED]
    _, permitted, _, most, _, *more = map(int, bare.privileged_python("h1", BOUNDS)[0].split())
    assert most & permitted & ~OF_NODES
    assert more != [1, FILTERED]


def test_a_node_cannot_reach_around_its_namespaces(shut: Place, bare: Place) -> None:
    """No namespace of its own, no mount, no device, no key of others, no tracing of what keeps an embedded node.

    Guard: two capabilities are all, none can be gained, and system calls are filtered. Without these, all of it works.
    """
    possible = set(bare.privileged_python("h1", TRIES))
    assert {"user namespace", "network namespace", "clone", "mount", "host name", "trace"} <= possible
    # A container's first process is no more than the others; older engines let vsock(7) through: docs/security.md.
    assert set(shut.python("h1", TRIES)) <= ({"vsock", "trace"} if shut.docker else set())


BOMB = """
import os, time
until = time.monotonic() + 2
while time.monotonic() < until:
    try: os.fork()
    except OSError: pass
"""
FORKS = """
import os, signal
children = []
try:
    for _ in range(1300):
        children.append(os.fork())
        if not children[-1]: signal.pause()
except OSError: pass
for child in children: os.kill(child, signal.SIGKILL)
print(len(children))
"""
TAKES = """
taken = []
for number in range(20):
    taken.append(bytearray(64 << 20))
    taken[-1][::4096] = b"x" * len(taken[-1][::4096])
print("all")
"""


@pytest.fixture
def limited(shut: Place) -> Place:
    """The lab as it is, if control groups can be had."""
    if not shut.docker and not limits.groups(shut.lab.name, "h1"):
        pytest.skip("no control groups for memory and processes here (cgroups(7))")
    return shut


def unlimited(place: Place) -> None:
    """Take a node's limits away."""
    if place.docker:
        words = ["--pids-limit", "-1", "--memory", "4g", "--memory-swap", "4g"]
        host("docker", "update", *words, f"{place.lab.name}-h1")
        return
    for group in map(Path, limits.groups(place.lab.name, "h1")):
        for name, value in (
            ("pids.max", "max"),
            ("memory.max", "max"),
            ("memory.memsw.limit_in_bytes", "-1"),
            ("memory.limit_in_bytes", "-1"),
        ):
            if (group / name).exists():
                (group / name).write_text(value)


def test_a_fork_bomb_stays_in_its_node(limited: Place, bare: Place) -> None:
    """A node runs out of processes, and the others do not notice; when it is over, the node works as before.

    Guard: at most 1,024 processes. Without, a program makes 1,300.
    """
    process = limited.lab.start("h1", ["python3", "-c", BOMB])
    lines = process.lines()
    assert limited.out("h2", "echo", "well") == "well"
    for _ in lines:
        pass
    assert gone(lambda: limited.result("h1", "true")[0])  # those that were killed take a moment to be gone
    assert int(limited.python("h1", FORKS)[0]) < limits.PROCESSES == container.PROCESSES
    unlimited(bare)
    assert bare.python("h1", FORKS) == ["1300"]


def test_a_node_takes_no_more_memory_than_it_may(limited: Place, bare: Place) -> None:
    """A program that takes 1.25 GiB is ended, and the node goes on. Guard: 1 GiB for each. Without, it gets all."""
    code, lines = limited.result("h1", "python3", "-c", TAKES)
    assert (code, [text for _, text in lines if text == "all"]) != (0, ["all"])
    assert limited.out("h1", "echo", "well") == "well"
    unlimited(bare)
    assert bare.python("h1", TAKES) == ["all"]


def test_limits_go_with_the_lab(engine_name: str) -> None:
    """No control group of the embedded engine outlives its lab, not even with a process in it; Docker has its own."""
    if engine_name == "docker":
        assert json.loads(host("docker", "info", "--format", "{{json .PidsLimit}}"))
        return
    name = f"t{os.getpid()}-groups"
    with Lab.up(LabSpec(name=name, nodes=2), engine_name) as lab:
        process = lab.start("h1", ["sleep", "60"])
        groups = limits.groups(name, "h1")
        assert groups
    assert not [group for group in groups if Path(group).exists()]
    for _ in process.lines():
        pass
