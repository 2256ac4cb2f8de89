"""Makes the fabric where no container engine does: bridges, and cables from them into the nodes' namespaces.

    python3 -m fabric.cables DOCUMENT

It runs in the fabric's network namespace, and is gone when all is made, in one call of ip(8). DOCUMENT is a path, or
`-` for standard input: {"bridges": [{"name": "h1-hub", "mtu": 1500}, …], "cables": [{"bridge": "h1-hub",
"port": "h1-hub-p0", "process": one in the node's namespaces, "device": its name there, "mac", "mtu"}, …]}
It prints what the agent does: `{"ok": true}`, or `{"ok": false, "error": {"what": …, "where": …, "remedy": …}}`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .nodes import write_sysctl
from .tools import AgentError, batch

QUIET = {
    "net.ipv6.conf.all.disable_ipv6": "1",
    "net.ipv6.conf.default.disable_ipv6": "1",
    # No firewall has rules here; so frames need not be shown to one. The kernel may not have these.
    "net.bridge.bridge-nf-call-iptables": "0",
    "net.bridge.bridge-nf-call-ip6tables": "0",
    "net.bridge.bridge-nf-call-arptables": "0",
}


def main(arguments: list[str]) -> int:
    """Make what the document says."""
    path = arguments[0]
    document = json.loads(sys.stdin.read() if path == "-" else Path(path).read_text())
    try:
        lay(document)
    except AgentError as error:
        print(
            json.dumps({"ok": False, "error": {"what": error.what, "where": error.where or "fabric", "remedy": None}})
        )
        return 1
    print(json.dumps({"ok": True}))
    return 0


def lay(document: dict[str, Any]) -> None:
    """Make the caller's new, empty network namespace a fabric, with every bridge and cable.

    Raises:
        AgentError: a command or a kernel setting was refused.
    """
    for name, value in QUIET.items():
        write_sysctl(name, value)
    batch("ip", commands(document), "fabric")


def commands(document: dict[str, Any]) -> Iterator[list[str]]:
    """The commands of ip(8) that make bridges and cables, each cable's far end at once where it belongs."""
    for bridge in document["bridges"]:
        # No spanning tree: it would hold frames back for half a minute, and a lab's bridges make no loops.
        kind = ["type", "bridge", "stp_state", "0", "forward_delay", "0", "mcast_snooping", "0"]
        yield ["link", "add", bridge["name"], "up", "mtu", str(bridge["mtu"]), *kind]
    for cable in document["cables"]:
        here = [cable["port"], "up", "master", cable["bridge"], "mtu", str(cable["mtu"])]
        there = [cable["device"], "address", cable["mac"], "mtu", str(cable["mtu"])]
        into = ["netns", str(cable["process"])]
        yield ["link", "add", *here, "type", "veth", "peer", "name", *there, *into]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
