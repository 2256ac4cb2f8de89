"""On every topology: who reaches whom, by which way, and what stays out."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess

import pytest

from lab.lab import Lab
from lab.model.plan import LabSpec
from tests.support import Bench

EACH = pytest.mark.parametrize("bench", ["star", "ring", "bus"], indirect=True)


@EACH
def test_every_node_reaches_every_other_by_name(bench: Bench) -> None:
    """Names resolve on every node, and an echo comes back from each."""
    names = [node.name for node in bench.lab.plan.nodes]
    for name in names:
        others = [other for other in names if other != name]
        script = 'for other in "$@"; do ping -c 1 -W 2 "$other" || exit 1; done'
        text = bench.out(name, "sh", "-c", script, "sh", *others)
        assert text.count("1 received") == len(others)


@EACH
def test_a_message_takes_the_planned_way(bench: Bench) -> None:
    """Traceroute sees the nodes of the planned path, in their order, for every pair."""
    plan = bench.lab.plan
    address_of = {face.ip: node.name for node in plan.nodes for face in node.interfaces}
    first = plan.nodes[0].name
    for node in plan.nodes[1:]:
        text = bench.out(first, "traceroute", "-n", "-q", "1", "-w", "2", node.name)
        seen = re.findall(r"^ *\d+  ([0-9.]+)", text, re.MULTILINE)
        assert [address_of[address] for address in seen] == [hop.to for hop in plan.routing.path(first, node.name)]


def test_messages_circle_on_a_ring(ring: Bench) -> None:
    """From n2 to n1, its neighbour the other way round, a packet passes two nodes: three links, all but one."""
    assert len(ring.lab.plan.routing.path("n2", "n1")) == 3
    text = ring.out("n2", "traceroute", "-n", "-q", "1", "n1")
    assert len(text.splitlines()) == 1 + 3
    # The answer goes on clockwise, over the one link that is left, so it has lost no life at all.
    assert "ttl=64" in ring.out("n2", "ping", "-c", "1", "n1")
    assert "ttl=62" in ring.out("n1", "ping", "-c", "1", "n2")


def test_a_star_has_the_hub_between(star: Bench) -> None:
    """Two links from host to host: the hub takes one of the packet's lives."""
    assert "ttl=63" in star.out("h1", "ping", "-c", "1", "h2")
    assert "ttl=64" in star.out("h1", "ping", "-c", "1", "hub")


def test_a_bus_has_nothing_between(bus: Bench) -> None:
    """One link joins all: no life is lost."""
    assert "ttl=64" in bus.out("h1", "ping", "-c", "1", "h4")


@EACH
def test_there_is_no_way_out(bench: Bench) -> None:
    """Neither the host nor the world can be reached: no route, no gateway, and no resolver that asks for us."""
    node = bench.lab.plan.nodes[0].name
    code, _ = bench.result(node, "ping", "-c", "1", "-W", "1", "192.0.2.1")
    assert code == 2  # no route at all; 1 would be no answer
    gateway = str(bench.lab.plan.addresses.subnets[bench.lab.plan.links[0].name][1])
    assert bench.result(node, "ping", "-c", "1", "-W", "1", gateway)[0] == 1
    code, _ = bench.result(node, "python3", "-c", "import socket; socket.gethostbyname('wirelab.example')")
    assert code == 1
    assert "default" not in bench.out(node, "ip", "route")


@EACH
def test_a_node_is_unprivileged(bench: Bench) -> None:
    """Root on a node can neither change its interface, its routes nor its kernel's settings."""
    host = bench.host(bench.lab.plan.nodes[0].name)
    assert host.run("ip link set eth0 mtu 1400").rc != 0
    assert host.run("ip route add 192.0.2.0/24 dev eth0").rc != 0
    assert host.run("tc qdisc add dev eth0 root tbf rate 1gbit burst 64k limit 64k").rc != 0
    assert host.run("sysctl -w net.ipv4.ip_forward=1").rc != 0
    status = host.file("/proc/1/status").content_string
    assert re.search(r"NoNewPrivs:\s+1", status)
    assert re.search(r"CapBnd:\s+0000000000002400", status)  # NET_BIND_SERVICE and NET_RAW


@EACH
def test_nodes_have_the_tools_and_names(bench: Bench) -> None:
    """Each node is called what the plan calls it, and has what the course needs."""
    host = bench.host(bench.lab.plan.nodes[-1].name)
    assert host.check_output("hostname") == bench.lab.plan.nodes[-1].name
    for tool in ("python3", "ip", "ethtool", "ping", "traceroute", "tcpdump", "iperf3", "ps", "nc", "curl"):
        assert host.exists(tool), tool


@EACH
def test_everything_reads_back_as_planned(bench: Bench) -> None:
    """Addresses, routes, neighbours, offloads, sysctls and queueing disciplines are what the plan says."""
    status = bench.lab.status()
    assert [str(difference) for difference in status.differences] == []
    for link in bench.lab.plan.links:
        kinds = {qdisc["kind"] for qdisc in status.live["links"][link.name]["directions"]}
        assert kinds <= {"tbf", "netem"}


def test_a_third_node_hears_a_bus_but_not_a_star(bus: Bench, star: Bench) -> None:
    """On a bus everybody hears what two others say; on a star only the hub does."""
    for bench, hears in ((bus, True), (star, False)):
        # Broadcast ends the capture in any case, so nothing has to be waited for in vain.
        with bench.running(
            "h3", "tcpdump", "-l", "-n", "-i", "any", "-A", "-c", "4", "udp", "port", "4242", until="listening on"
        ) as (_, lines):
            script = (
                "import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM);"
                "[s.sendto(b'secret-word', (socket.gethostbyname('h2'), 4242)) for _ in range(4)]"
            )
            bench.out("h1", "python3", "-c", script)
            to_h3 = script.replace("'h2'", "'h3'").replace("secret-word", "open-word")
            bench.out("h1", "python3", "-c", to_h3)
            heard = "\n".join(text for _, text in lines)
            assert ("secret-word" in heard) is hears
            assert ("open-word" in heard) is not hears  # four frames end it: on the bus those of others


def test_a_broadcast_reaches_all_on_a_bus_and_does_not_cross_a_hub(bus: Bench, star: Bench) -> None:
    """A datagram to the link's broadcast address is for everybody on the link, and for nobody beyond."""
    receive = ("python3", "-m", "lab.apps.meter", "receive", "--idle", "0.5", "--patience", "3")
    for bench, others, hearing in ((bus, ("h2", "h3", "h4"), {"h2", "h3", "h4"}), (star, ("h2", "hub"), {"hub"})):
        subnet = bench.lab.plan.addresses.subnets[bench.lab.plan.links[0].name]
        heard = set()
        listeners = [(node, bench.lab.start(node, receive)) for node in others]
        outputs = [(node, process.lines()) for node, process in listeners]
        for _, lines in outputs:
            assert next(lines) == ("stdout", "ready")
        bench.out(
            "h1",
            "python3",
            "-m",
            "lab.apps.meter",
            "send",
            str(subnet.broadcast_address),
            "--count",
            "1",
            "--size",
            "64",
        )
        for node, lines in outputs:
            if '"received": 1' in next(lines)[1]:
                heard.add(node)
        assert heard == hearing


KNOCK_ON_THE_HOST = """
import fcntl, socket, struct, sys
out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
out.bind(("eth0", 0))
mine = fcntl.ioctl(out, 0x8915, struct.pack("256s", b"eth0"))[20:24]  # SIOCGIFADDR
host, port = socket.inet_aton(sys.argv[1]), int(sys.argv[2])
nobody, everybody, group = bytes(4), b"\\xff" * 4, bytes((224, 0, 0, 1))
for source, target, hardware in (
    (mine, host, b"\\xff" * 6),
    (nobody, everybody, b"\\xff" * 6),
    (nobody, group, b"\\x01\\x00\\x5e\\x00\\x00\\x01"),
):
    body = struct.pack("!HHHH", 4000, port, 8 + 5, 0) + b"knock"
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(body), 1, 0, 64, 17, 0, source, target)
    total = sum(struct.unpack("!10H", head))
    total = (total >> 16) + (total & 0xFFFF)
    total = ~((total >> 16) + total) & 0xFFFF
    head = head[:10] + struct.pack("!H", total) + head[12:]
    for _ in range(3):
        out.send(hardware + b"\\2\\0\\0\\0\\0\\1" + b"\\x08\\x00" + head + body)
"""


@pytest.mark.parametrize("shaper", ["auto", "wire"])
def test_a_frame_for_everybody_does_not_reach_the_host(shaper: str) -> None:
    """A packet to the host, or from nobody to everybody, ends at the fabric: the host's own sockets hear nothing.

    The ports are in the host's namespace, on a bridge or, with the software wire, on none; the kernel would take
    packets for any address of its own from any device.
    """
    shown = subprocess.run(["ip", "-json", "-4", "address"], capture_output=True, text=True, check=True)
    host = next(
        info["local"] for entry in json.loads(shown.stdout) if entry["ifname"] != "lo" for info in entry["addr_info"]
    )
    spec = LabSpec(name=f"t{os.getpid()}-knock", nodes=2, media="coax,delay=1ms" if shaper == "wire" else "coax")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ear, Lab.up(spec, "docker") as lab:
        ear.bind(("", 0))
        ear.settimeout(1)
        bench = Bench(lab)
        bench.out("h1", "python3", "-c", KNOCK_ON_THE_HOST, host, str(ear.getsockname()[1]))
        with pytest.raises(TimeoutError):
            ear.recv(100)
