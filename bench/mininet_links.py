"""Makes Mininet's links between a hub and hosts, and keeps them up. Run by the system's Python, which has Mininet.

    unshare --net --mount /usr/bin/python3 FILE '[{"host": "h1", "rate": 2400, "delay": 0, "loss": 0}, …]'

Each host has a link of its own to the hub (TCLink: HTB in the sender, netem below it for delay and loss); nothing is
switched or bridged. Rates are in bit/s, delays in seconds, losses are shares. Prints one JSON line when all is up,

    {"version": V, "nodes": {NAME: process}, "links": {HOST: {"source": IP, "target": IP, "qdiscs": [KIND, ...]}}}

and takes everything down when its input ends.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from mininet.link import TCLink
from mininet.log import setLogLevel
from mininet.net import VERSION, Mininet

# As wirelab's nodes have it. IPv6 would put frames of its own on a slow link.
SETTINGS = ("net.ipv6.conf.all.disable_ipv6=1", "net.ipv4.tcp_congestion_control=cubic")


def link(net: Any, number: int, wanted: dict[str, Any]) -> dict[str, Any]:
    """Make a host and its link; what the kernel has of it."""
    hub, host = net.get("hub"), net.addHost(wanted["host"])
    near, far = f"10.0.{number}.1", f"10.0.{number}.2"
    more: dict[str, Any] = {}
    if wanted["delay"]:
        more["delay"] = f"{wanted['delay'] * 1e6:.0f}us"
    if wanted["loss"]:
        more["loss"] = wanted["loss"] * 100
    ends = {"params1": {"ip": f"{near}/24"}, "params2": {"ip": f"{far}/24"}}
    made = net.addLink(host, hub, bw=wanted["rate"] / 1e6, **ends, **more)
    prepare(host)
    host.setARP(far, made.intf2.MAC())
    hub.setARP(near, made.intf1.MAC())
    shown, _, _ = host.pexec(["tc", "-j", "qdisc", "show", "dev", made.intf1.name])
    return {"source": near, "target": far, "qdiscs": [qdisc["kind"] for qdisc in json.loads(shown)]}


def prepare(node: Any) -> None:
    """Settings of a node's own namespace."""
    for setting in SETTINGS:
        node.pexec(["sysctl", "-qw", setting])


def main() -> None:
    """Up, until the input ends."""
    setLogLevel("critical")  # what the kernel refused is seen in `qdiscs`
    # Else it would raise limits of the whole machine (mininet.util.fixLimits), and leave them so.
    Mininet.inited = True
    net = Mininet(link=TCLink, controller=None)
    try:
        prepare(net.addHost("hub"))
        links = {wanted["host"]: link(net, number, wanted) for number, wanted in enumerate(json.loads(sys.argv[1]))}
        nodes = {host.name: host.pid for host in net.hosts}
        print(json.dumps({"version": VERSION, "nodes": nodes, "links": links}), flush=True)
        sys.stdin.read()
    finally:
        net.stop()


if __name__ == "__main__":
    main()
