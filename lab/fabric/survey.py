"""What the kernel of the fabric can do, found by trying it in a namespace that goes away at once."""

from __future__ import annotations

import platform
import socket
from pathlib import Path
from typing import Any

from .namespaces import throw_away
from .tools import works

INTO_LO = ("tc", "filter", "replace", "dev", "lo", "ingress", "protocol", "all", "prio", "1")
ALL_FRAMES = ("u32", "match", "u32", "0", "0", "action")

TRIES: dict[str, tuple[str, ...]] = {
    "veth": ("ip", "link", "add", "survey-a", "type", "veth", "peer", "name", "survey-b"),
    "bridge": ("ip", "link", "add", "survey-br", "type", "bridge"),
    "ifb": ("ip", "link", "add", "survey-ifb", "type", "ifb"),
    "tbf": ("tc", "qdisc", "replace", "dev", "lo", "root", "tbf", "rate", "1mbit", "burst", "2000", "limit", "9000"),
    "netem": ("tc", "qdisc", "replace", "dev", "lo", "root", "netem", "limit", "10", "delay", "1ms"),
    "ingress": ("tc", "qdisc", "replace", "dev", "lo", "ingress"),
    "redirect": (*INTO_LO, *ALL_FRAMES, "mirred", "egress", "redirect", "dev", "survey-ifb"),
    "drop": ("tc", "filter", "replace", "dev", "lo", "ingress", "protocol", "all", "prio", "2", *ALL_FRAMES, "drop"),
    "drop-bpf": (*INTO_LO[:-1], "3", "bpf", "da", "bytecode", "1,6 0 0 2"),
}


def survey(_: dict[str, Any]) -> dict[str, Any]:
    """Try it all.

    Returns:
        `kernel`, its release; `features`, whether each of `TRIES` works, and `packet` (AF_PACKET); `bridge_firewall`,
        whether bridged frames pass the firewall.
    """
    with throw_away():
        features = {name: works(*command) for name, command in TRIES.items()}
        try:
            socket.socket(socket.AF_PACKET, socket.SOCK_RAW).close()
            features["packet"] = True
        except OSError:
            features["packet"] = False
    setting = Path("/proc/sys/net/bridge/bridge-nf-call-iptables")
    firewall = setting.exists() and setting.read_text().strip() == "1"
    return {"kernel": platform.release(), "features": features, "bridge_firewall": firewall}
