"""A node, as root, stays on its link: it cannot change it, leave it, or hear another lab. docs/security.md, 1 to 5.

Each try is made twice: on a lab as it is, where it fails, and where the guard was taken out, where it succeeds.
"""

from __future__ import annotations

import json
import os
import select
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address, ip_network
from pathlib import Path

from lab.engine.container import NO_RESOLVER
from tests.security.conftest import Place, host

HEARING_SECONDS = 1.0
OUTSIDE = "203.0.113.1"  # set aside for documentation, RFC 5737: stands for a way out, where a test lays one

CHANGES = [
    "tc qdisc replace dev eth0 root pfifo",
    "ip link set dev eth0 mtu 1400",
    "ip link set dev eth0 address 02:00:00:00:00:09",
    "ip link add more type veth peer name less",
    "ip address add 198.51.100.1/32 dev eth0",
    "ip route add 198.51.100.0/24 dev eth0",
    "ip neighbour replace 198.51.100.9 lladdr 02:00:00:00:00:09 dev eth0",
    "ip link set dev eth0 gso_max_size 10000",
    "ethtool -K eth0 tso on",
]


def test_a_node_cannot_change_its_link(shut: Place, bare: Place) -> None:
    """Every way of changing an interface, an address, a route or a queue is refused to root on a node.

    Guard: nodes have no NET_ADMIN. With it, in the same network namespace, each of them works.
    """
    for change in CHANGES:
        code, lines = shut.result("h1", *change.split())
        assert code != 0, (change, lines)
        bare.in_network_of("h1", *change.split())
    assert shut.lab.status().differences == ()
    assert bare.lab.status().differences != ()


KNOCK = """
import fcntl, itertools, json, socket, struct, sys
told = json.loads(sys.argv[1])
out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
out.bind(("eth0", 0))
mine = socket.inet_ntoa(fcntl.ioctl(out, 0x8915, struct.pack("256s", b"eth0"))[20:24])  # SIOCGIFADDR
hardware = [bytes.fromhex(mac.replace(":", "")) for mac in ["ff:ff:ff:ff:ff:ff", "01:00:5e:00:00:01", *told["macs"]]]
def total(words):
    found = sum(struct.unpack(f"!{len(words) // 2}H", words))
    while found >> 16:
        found = (found >> 16) + (found & 0xFFFF)
    return ~found & 0xFFFF
for mac, source, target in itertools.product(
    hardware, [mine, "0.0.0.0", *told["sources"]], ["255.255.255.255", "224.0.0.1", "127.0.0.1", *told["targets"]]
):
    body = struct.pack("!HHHH", 4000, told["port"], 8 + 5, 0) + b"knock"
    addresses = socket.inet_aton(source) + socket.inet_aton(target)
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(body), 1, 0, 64, 17, 0) + addresses
    ethernet = mac + bytes.fromhex("0200000000010800")
    out.send(ethernet + head[:10] + struct.pack("!H", total(head)) + head[12:] + body)
six = [socket.inet_pton(socket.AF_INET6, text) for text in ("fe80::1", "ff02::1")]
body = struct.pack("!HHHH", 4000, told["port"], 13, 0) + b"knock"
body = body[:6] + struct.pack("!H", total(six[0] + six[1] + struct.pack("!LL", 13, 17) + body + b"\\0")) + body[8:]
ethernet = bytes.fromhex("33330000000102000000000186dd")
out.send(ethernet + struct.pack("!LHBB", 6 << 28, 13, 17, 255) + six[0] + six[1] + body)
print("knocked")
"""
"""A node that knows the fabric's hardware addresses, and lies about its own address: frames to whoever takes them."""


@contextmanager
def ear() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Sockets of the machine that take datagrams on all its addresses, by IPv4 and IPv6, on one port."""
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as four,
        socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as six,
    ):
        four.bind(("", 0))
        six.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        six.bind(("::", four.getsockname()[1]))
        yield four, six


def own_addresses() -> list[str]:
    """The machine's addresses, as all its devices have them."""
    entries = json.loads(host("ip", "-json", "-4", "address"))
    return [info["local"] for entry in entries for info in entry["addr_info"]]


def knock(place: Place, ears: tuple[socket.socket, socket.socket]) -> bool:
    """Whether anything of what h1 sends to the machine is heard there."""
    entries = {entry["ifname"]: entry for entry in json.loads(place.in_fabric("ip", "-json", "link"))}
    port = entries[port_of(place, "h1")]
    macs = [port["address"], entries[port["master"]]["address"]] if "master" in port else [port["address"]]
    told = {
        "port": ears[0].getsockname()[1],
        "macs": macs,
        "sources": [f"{address.rpartition('.')[0]}.99" for address in own_addresses()],
        "targets": own_addresses(),
    }
    assert place.python("h1", KNOCK, json.dumps(told)) == ["knocked"]
    return bool(select.select(ears, [], [], HEARING_SECONDS)[0])


def port_of(place: Place, node: str) -> str:
    """The device at the far end of a node's only cable."""
    return str(place.lab.status().live["links"][f"{node}-hub"]["ports"][node]["device"])


def bridge_of(place: Place, node: str) -> str:
    """The machine's bridge that a Docker node's only cable leads to."""
    (row,) = json.loads(host("ip", "-json", "link", "show", "dev", port_of(place, node)))
    return str(row["master"])


def test_no_frame_reaches_the_machine(shut: Place, bare: Place) -> None:
    """Whatever a node sends, to whatever hardware address and from whatever sender, the machine's sockets hear nothing.

    Guard: on Docker, a filter on each link's bridge that drops what would come up into the machine's kernel; on the
    embedded engine, the ports are in a namespace of their own. Without, the same frames are heard.
    """
    with ear() as ears:
        assert not knock(shut, ears)
        assert not knock(bare, ears)
        if bare.docker:
            host("tc", "qdisc", "delete", "dev", bridge_of(bare, "h1"), "ingress")
            assert knock(bare, ears)
            return
        port, moved = port_of(bare, "h1"), f"t{os.getpid()}"
        here = f"/proc/{os.getpid()}/ns/net"
        bare.in_fabric("ip", "link", "set", "dev", port, "nomaster", "netns", here, "name", moved)
        host("ip", "link", "set", "dev", moved, "up")
        told = {"port": ears[0].getsockname()[1], "macs": [], "sources": [], "targets": own_addresses()}
        bare.python("h1", KNOCK, json.dumps(told))
        assert select.select(ears, [], [], HEARING_SECONDS)[0]


CALL = """
import socket, sys
for address in sys.argv[2:]:
    try: socket.create_connection((address, int(sys.argv[1])), timeout=10); print(address)
    except OSError: pass
"""


def test_there_is_no_way_out(shut: Place, bare: Place) -> None:
    """A node connects to no address of the machine, nor to one beyond it.

    Guard: no default route, and no host address on a link's bridge. Given another network, it gets through.
    """
    with socket.create_server(("0.0.0.0", 0)) as listener:  # noqa: S104 - on every address that a node might try
        port = str(listener.getsockname()[1])
        assert shut.python("h1", CALL, port, OUTSIDE, "192.0.2.1", *own_addresses()) == []
        assert shut.out("h1", "ip", "route", "show", "default") == ""
        if bare.docker:
            host("docker", "network", "connect", "bridge", f"{bare.lab.name}-h2")
            assert bare.python("h2", CALL, port, *own_addresses()) != []
            return
        mine, theirs = f"t{os.getpid()}o", ["peer", "name", "out", "netns", str(bare.process("h2"))]
        host("ip", "link", "add", mine, "type", "veth", *theirs)
        host("ip", "address", "add", f"{OUTSIDE}/30", "dev", mine)
        host("ip", "link", "set", "dev", mine, "up")
        bare.in_network_of("h2", "ip", "address", "add", "203.0.113.2/30", "dev", "out")
        bare.in_network_of("h2", "ip", "link", "set", "dev", "out", "up")
        assert bare.python("h2", CALL, port, OUTSIDE) == [OUTSIDE]


LISTEN = """
import socket, sys, time
ear = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.ntohs(3))  # ETH_P_ALL, on every interface
print("listening")
ear.settimeout(float(sys.argv[1]))
until = time.monotonic() + float(sys.argv[1])
while time.monotonic() < until:
    try: frame = ear.recv(2000)
    except OSError: break
    if sys.argv[2].encode() in frame: print("heard"); break
"""
SPEAK = """
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
for _ in range(5): s.sendto(sys.argv[2].encode(), (sys.argv[1], 4242))
"""


def overhears(listener: Place, speaker: Place) -> bool:
    """Whether the hub of one lab hears what h1 of another says to everybody on its link."""
    word = f"secret-{time.monotonic_ns()}"
    everybody = str(speaker.lab.plan.addresses.subnets["h1-hub"].broadcast_address)
    words = ("python3", "-c", LISTEN, str(HEARING_SECONDS), word)
    with listener.running("hub", *words, until="listening") as (_, lines):
        speaker.python("h1", SPEAK, everybody, word)
        return any("heard" in text for _, text in lines)


def test_no_name_is_asked_for_outside(shut: Place) -> None:
    """A name that is not the lab's fails on a node, for nobody outside is asked; one of the lab's is known.

    Guard: the resolver of every node is one that is not there. A container without it asks the machine's, or the world.
    """
    assert shut.out("h1", "getent", "hosts", "h2").split()[0] == shut.lab.plan.node("h2").address
    assert shut.result("h1", "getent", "hosts", "example.com")[0] != 0
    if not shut.docker:
        assert shut.out("h1", "cat", "/etc/resolv.conf") == f"nameserver {NO_RESOLVER}"
        return
    (seen,) = json.loads(host("docker", "inspect", f"{shut.lab.name}-h1"))
    assert seen["HostConfig"]["Dns"] == [NO_RESOLVER]
    without = host("docker", "run", "--rm", "--entrypoint", "cat", seen["Image"], "/etc/resolv.conf")
    assert f"nameserver {NO_RESOLVER}\n" not in without
    assert "nameserver" in without


def test_no_link_has_an_address_of_the_machine(shut: Place, bare: Place) -> None:
    """The machine has no address on a lab's links, and translates none of theirs.

    Guards: networks without a gateway of the machine's, and without masquerading; on the embedded engine, a fabric of
    its own. With an address on the bridge, it is one of those that are looked for.
    """

    def inside(place: Place) -> list[str]:
        return [each for each in own_addresses() if ip_address(each) in place.lab.plan.addresses.block]

    assert inside(shut) == []
    rules = subprocess.run(["iptables", "-t", "nat", "-S"], text=True, capture_output=True, check=False).stdout
    subnets = [link.subnet for link in shut.lab.plan.links]
    assert [line for line in rules.splitlines() if any(subnet in line for subnet in subnets)] == []
    device = "lo" if not bare.docker else bridge_of(bare, "h1")
    address = f"{ip_network(bare.lab.plan.links[0].subnet)[-2]}/32"
    host("ip", "address", "add", address, "dev", device)
    try:
        assert inside(bare) == [address.partition("/")[0]]
    finally:
        host("ip", "address", "delete", address, "dev", device)


def test_no_packet_of_another_lab_is_seen(shut: Place, bare: Place) -> None:
    """A node that listens on all its interfaces hears nothing of another lab, and has no way to a node there.

    Guard: every link is a bridge of its own. With one more cable, into the other lab's bridge, it hears.
    """
    far = shut.lab.plan.node("h1").address
    _, lines = bare.result("h1", "ping", "-c", "1", "-W", "1", far)
    assert "unreachable" in " ".join(text for _, text in lines).lower()
    assert overhears(shut, shut)  # its own hub does hear it
    assert not overhears(bare, shut)
    if bare.docker:
        network = f"{shut.lab.name}-h1-hub"
        host("docker", "network", "connect", network, f"{bare.lab.name}-hub")
        try:
            assert overhears(bare, shut)
        finally:
            host("docker", "network", "disconnect", network, f"{bare.lab.name}-hub")
        return
    into = ["peer", "name", "tap", "netns", str(bare.process("hub"))]
    shut.in_fabric("ip", "link", "add", "tap", "up", "master", "h1-hub", "type", "veth", *into)
    bare.in_network_of("hub", "ip", "link", "set", "dev", "tap", "up")
    try:
        assert overhears(bare, shut)
    finally:
        shut.in_fabric("ip", "link", "delete", "dev", "tap")


SOCKETS = """
import socket, sys
for path in sys.argv[1:]:
    try: socket.socket(socket.AF_UNIX).connect(path.replace("@", chr(0))); print(path)
    except OSError: pass
"""


def test_the_engines_socket_is_not_there(shut: Place, tmp_path: Path) -> None:
    """No socket of the machine can be reached from a node: not by its path, nor by an abstract name.

    Guard: a file system and a network namespace of the node's own. Beside it, on the machine, the same program reaches
    the same sockets.
    """
    path, name = tmp_path / "engine.sock", f"@wirelab-{os.getpid()}"
    known = [f"/run/{name}" for name in ("docker.sock", "containerd/containerd.sock", "dbus/system_bus_socket")]
    with socket.socket(socket.AF_UNIX) as by_path, socket.socket(socket.AF_UNIX) as by_name:
        by_path.bind(str(path))
        by_name.bind(name.replace("@", "\0"))
        for each in (by_path, by_name):
            each.listen()
        assert shut.python("h1", SOCKETS, str(path), name, *known) == []
        assert host("python3", "-c", SOCKETS, str(path), name).splitlines() == [str(path), name]
        assert shut.in_network_of("h1", "python3", "-c", SOCKETS, str(path), name).splitlines() == [str(path)]
