"""A bench for the wire: namespaces as nodes, veth pairs into the fabric's, and the real process."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    Direction = Mapping[str, float | None]

_LAB = Path(__file__).parents[2] / "lab"
_LIBC = ctypes.CDLL(None, use_errno=True)
_PATIENCE = 5.0  # seconds that anything awaited may take; nothing waits this long when all is well
SO_TIMESTAMPNS = 35


def run(*argv: str) -> str:
    """Run a command that must succeed.

    Returns:
        What it said.
    """
    return subprocess.run(argv, check=True, capture_output=True, text=True, timeout=30).stdout


def until(condition: Callable[[], bool], what: str) -> None:
    """Wait for a condition that comes true by itself.

    Raises:
        AssertionError: It did not.
    """
    deadline = time.monotonic() + _PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {_PATIENCE} s in vain for {what}")
        time.sleep(0.002)


def _add_namespace(name: str) -> None:
    """A namespace without IPv6, whose solicitations would be frames that no test has sent."""
    run("ip", "netns", "add", name)
    quiet = ("net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1")
    run("ip", "netns", "exec", name, "sysctl", "-qw", *quiet)


@dataclass
class Node:
    """A namespace with one interface, `eth0`, whose other end is the fabric's port `device`."""

    name: str
    namespace: str
    address: str
    mac: str
    device: str

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Be in the node's network namespace; sockets opened here stay there."""
        with Path("/proc/self/ns/net").open() as home, Path("/run/netns", self.namespace).open() as away:
            assert _LIBC.setns(away.fileno(), 0) == 0
            try:
                yield
            finally:
                assert _LIBC.setns(home.fileno(), 0) == 0

    def udp(self, port: int = 0) -> socket.socket:
        """A UDP socket of the node, stamped by the kernel, with room for whole trains."""
        with self.inside():
            udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        return _prepare(udp, (self.address, port))

    def icmp(self) -> socket.socket:
        """A raw ICMP socket of the node, stamped by the kernel."""
        with self.inside():
            icmp = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
        return _prepare(icmp, (self.address, 0))

    def raw(self) -> socket.socket:
        """An AF_PACKET socket on the node's interface."""
        with self.inside():
            raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
            raw.bind(("eth0", 3))
        return _prepare(raw)


def _prepare(opened: socket.socket, address: tuple[str, int] | None = None) -> socket.socket:
    opened.setsockopt(socket.SOL_SOCKET, 33, 16 * 2**20)  # SO_RCVBUFFORCE
    opened.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    opened.settimeout(_PATIENCE)
    if address:
        opened.bind(address)
    return opened


@dataclass
class RunningWire:
    """A wire at work, and how to talk to it."""

    process: subprocess.Popen[str]
    path: str
    ready: dict[str, Any]

    def ask(self, request: dict[str, Any] | str) -> dict[str, Any]:
        """Send one request to the control socket."""
        text = request if isinstance(request, str) else json.dumps(request)
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as control:
            control.settimeout(_PATIENCE)
            control.connect(self.path)
            control.sendall(text.encode() + b"\n")
            with control.makefile("rb") as lines:
                answer: dict[str, Any] = json.loads(lines.readline())
                return answer

    def counters(self, direction: int = 0, link: int = 0) -> dict[str, Any]:
        """One direction's counters."""
        counters: dict[str, Any] = self.ask({"op": "stats"})["links"][link]["directions"][direction]
        return counters

    def carried(self, count: int) -> bool:
        """Whether so many frames have been read in the first direction, and none is on its way any more."""
        counters = self.counters()
        return bool(counters["received"] == count and counters["in_flight"] == counters["queued"] == 0)

    def ports(self, link: int = 0) -> dict[str, dict[str, Any]]:
        """A link's ports by node."""
        return {port["node"]: port for port in self.ask({"op": "stats"})["links"][link]["ports"]}

    def stop(self) -> tuple[str, str]:
        """Stop it as the agent would.

        Returns:
            What it said on stdout after its first line, and on stderr.
        """
        self.process.terminate()
        return self.process.communicate(timeout=_PATIENCE)


@dataclass
class Bench:
    """The fabric's namespace, nodes with cables to it, and wires that join the cables."""

    prefix: str
    directory: Path
    nodes: dict[str, Node] = field(default_factory=dict)
    lost: dict[str, Node] = field(default_factory=dict)

    @property
    def fabric(self) -> str:
        """The fabric's namespace."""
        return self.prefix + "fabric"

    def node(self, name: str) -> Node:
        """The node of that name, made and cabled on first use."""
        if name not in self.nodes:
            self.nodes[name] = self._make(name, len(self.nodes) + 1)
        return self.nodes[name]

    def _make(self, name: str, number: int) -> Node:
        mac = f"02:00:00:00:00:{number:02x}"
        node = Node(name, self.prefix + name, f"198.18.0.{number}", mac, f"port-{name}")
        inside, fabric = ("ip", "-n", node.namespace), ("ip", "-n", self.fabric)
        _add_namespace(node.namespace)
        run(*fabric, "link", "add", node.device, "type", "veth", "peer", "eth0", "netns", node.namespace)
        run(*inside, "link", "set", "eth0", "address", mac, "up")
        run(*inside, "address", "add", f"{node.address}/24", "dev", "eth0")
        run(*fabric, "link", "set", node.device, "up")
        for namespace, device in ((node.namespace, "eth0"), (self.fabric, node.device)):
            offloads = [word for name in ("tso", "gso", "gro", "tx", "rx") for word in (name, "off")]
            run("ip", "netns", "exec", namespace, "ethtool", "-K", device, *offloads)
        for other in self.nodes.values():  # no ARP: every frame on the wire is one that the test has sent
            for one, two in ((node, other), (other, node)):
                run("ip", "-n", one.namespace, "neigh", "add", two.address, "lladdr", two.mac, "dev", "eth0")
        return node

    def link(self, nodes: str, *directions: Direction, name: str = "link", shared: bool = False) -> dict[str, Any]:
        """An entry of the document: a link between nodes, each named by one letter."""
        ends = [{"node": node, "device": self.node(node).device} for node in nodes]
        return {"name": name, "shared": shared, "ports": ends, "directions": list(directions)}

    @contextmanager
    def wire(self, *links: dict[str, Any], seed: int = 1, module: str = "fabric.wire") -> Iterator[RunningWire]:
        """A wire that joins links, stopped at the end; that it said nothing on stderr is checked."""
        path = str(self.directory / "wire.sock")
        with self.start(path, {"lab": "bench", "seed": seed, "links": links}, module) as process:
            assert process.stdout is not None
            wire = RunningWire(process, path, json.loads(process.stdout.readline() or "{}"))
            assert wire.ready.get("ready"), wire.ready
            yield wire
            assert wire.stop() == ("", "")
            assert process.returncode == 0

    @contextmanager
    def start(self, path: str, document: object, module: str = "fabric.wire") -> Iterator[subprocess.Popen[str]]:
        """The wire's process with its document, killed at the end if it is still there."""
        root = _LAB if module.startswith("fabric") else _LAB.parent
        argv = ("ip", "netns", "exec", self.fabric, sys.executable, "-m", module, "--control", path)
        with subprocess.Popen(
            argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": str(root)},
        ) as process:
            try:
                assert process.stdin is not None
                process.stdin.write(document if isinstance(document, str) else json.dumps(document))
                process.stdin.close()
                process.stdin = None
                yield process
            finally:
                process.kill()

    def lose(self, name: str) -> None:
        """Delete a node's cable; the node is kept in `lost`, and made anew when next asked for."""
        node = self.lost[name] = self.nodes.pop(name)
        run("ip", "-n", self.fabric, "link", "delete", node.device)

    def remove(self) -> None:
        """Remove every namespace of this bench, also those half made."""
        for namespace in run("ip", "netns", "list").split():
            if namespace.startswith(self.prefix):
                with contextlib.suppress(subprocess.CalledProcessError):
                    run("ip", "netns", "delete", namespace)


@pytest.fixture(scope="session")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """The bench, with nothing on it yet."""
    lacking = [name for name in ("ip", "ethtool", "sysctl") if not shutil.which(name)]
    if os.geteuid() != 0 or lacking:
        pytest.skip("needs " + ("root" if os.geteuid() else ", ".join(lacking)) + " to make network namespaces")
    made = Bench(f"wlw-{os.getpid()}-", tmp_path_factory.mktemp("wire"))
    try:
        _add_namespace(made.fabric)
        yield made
    finally:
        made.remove()


@dataclass(frozen=True, slots=True)
class Packet:
    """What was received: the frame or payload, when the kernel got it, from whom, and of which kind."""

    frame: bytes
    stamp: float
    source: str = ""
    kind: int = 0

    @property
    def number(self) -> int:
        """The number that the sender gave it."""
        return int(struct.unpack_from("!I", self.frame)[0])

    @property
    def delay(self) -> float:
        """Seconds from just before it was sent."""
        return self.stamp - float(struct.unpack_from("!d", self.frame, 4)[0])


class Tools:
    """What the tests do on a bench, in a fixture: in importlib mode, tests cannot import their conftest."""

    OUTGOING = 4  # PACKET_OUTGOING, the kind of an AF_PACKET frame that the host itself has sent
    run = staticmethod(run)
    until = staticmethod(until)

    def send(self, source: Node, target: Node, numbers: range, size: int = 20, pause: float = 0.0) -> None:
        """Send numbered and stamped UDP datagrams to port 7000 of a node, at once or with pauses."""
        with source.udp() as mouth:
            for number in numbers:
                body = struct.pack("!Id", number, time.time())
                mouth.sendto(body.ljust(size, b"\0"), (target.address, 7000))
                if pause:
                    time.sleep(pause)

    def train(self, source: Node, target: Node, count: int, size: int = 20, pause: float = 0.0) -> list[Packet]:
        """Send datagrams that must all arrive.

        Returns:
            Them, in the order of arrival.
        """
        with target.udp(7000) as ear:
            self.send(source, target, range(count), size, pause)
            return [self.receive(ear) for _ in range(count)]

    def receive(self, ear: socket.socket) -> Packet:
        """Wait for one packet.

        Raises:
            TimeoutError: None came.
        """
        frame, ancillary, _, source = ear.recvmsg(65536, 64)
        seconds, nanoseconds = struct.unpack("qq", ancillary[0][2])
        return Packet(frame, seconds + nanoseconds / 1e9, source[0], source[2] if len(source) > 2 else 0)

    def drain(self, ear: socket.socket) -> list[Packet]:
        """What has arrived already."""
        ear.settimeout(0)
        packets = []
        with contextlib.suppress(BlockingIOError):
            while True:
                packets.append(self.receive(ear))
        return packets

    def ping(self, source: Node, target: Node, count: int, pause: float = 0.005) -> list[float]:
        """Round trips of ICMP echoes that must all be answered, in seconds."""
        sent: list[float] = []
        with source.icmp() as icmp:
            for number in range(count):
                sent.append(time.time())
                icmp.sendto(_echo(number), (target.address, 0))
                time.sleep(pause)
            answers = [self.receive(icmp) for _ in range(count)]
        return [answer.stamp - sent[struct.unpack_from("!H", answer.frame, 26)[0]] for answer in answers]


def _echo(number: int) -> bytes:
    """An ICMP echo request (RFC 792) with its checksum (RFC 1071)."""
    body = struct.pack("!HH", os.getpid() & 0xFFFF, number) + bytes(48)
    total = 0x0800 + sum(struct.unpack(f"!{len(body) // 2}H", body))
    total = (total & 0xFFFF) + (total >> 16)
    total = (total & 0xFFFF) + (total >> 16)
    return struct.pack("!BBH", 8, 0, ~total & 0xFFFF) + body


@pytest.fixture
def tools() -> Tools:
    """What to do on the bench."""
    return Tools()
