"""What the unit tests share: settings for hypothesis, and what the agent would read of a lab that is as planned."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lab.model.plan import LabPlan, LinkPlan
from lab.model.shaping import Command
from lab.model.tables import NodePlan

BITS = 8
UNITS = {"us": 1e-6, "ns": 1e-9}
Read = Callable[..., dict[str, Any]]


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository's root."""
    return Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def as_read() -> Read:
    """Makes the agent's answer for a lab that is exactly as planned, in the words of ip(8) and tc(8).

    The form is that of iproute2 6.1, held against a real answer in test_drift.
    """

    def read(plan: LabPlan, shaper: str = "tbf") -> dict[str, Any]:
        return {
            "ok": True,
            "nodes": {node.name: _node(node) for node in plan.nodes},
            "links": {link.name: _link(link, shaper) for link in plan.links},
            "lines": {},
            "wire": {},
        }

    return read


def _node(node: NodePlan) -> dict[str, Any]:
    devices = {face.link: f"eth{number}" for number, face in enumerate(node.interfaces)}
    rows: list[dict[str, Any]] = []
    for route in node.routes:
        metrics = {"initcwnd": route.initcwnd, "mtu": route.mtu, "congestion": route.congctl}
        row: dict[str, Any] = {"type": "unicast", "dst": route.to, "gateway": route.via, "prefsrc": route.source}
        row |= {"dev": devices[route.link], "protocol": "boot" if route.via else "kernel", "flags": []}
        kept = {key: value for key, value in row.items() if value is not None}
        rows.append(kept | {"metrics": [{key: value for key, value in metrics.items() if value is not None}]})
    return {
        "interfaces": {
            face.link: {
                "device": devices[face.link],
                "peer": 7,
                "mac": face.mac,
                "mtu": face.mtu,
                "up": True,
                "addresses": [face.address],
                "offloads": [],
            }
            for face in node.interfaces
        },
        "routes": rows,
        "neighbours": {neighbour.address: neighbour.mac for neighbour in node.neighbours},
        "sysctls": dict(node.sysctls),
    }


def _link(link: LinkPlan, shaper: str) -> dict[str, Any]:
    ends = link.link.ends
    commands = link.commands(shaper)
    qdiscs = commands[:1] if link.link.shared else commands[:2]
    return {
        "by_wire": link.by_wire,
        "ports": {
            end: {"device": f"veth{end}", "bridge": "br-1", "up": True, "mtu": link.mtu, "offloads": [], "mute": False}
            for end in ends
        },
        "directions": [_qdisc(command) for command in qdiscs],
        "redirected": list(ends) if link.link.shared else [],
    }


def _qdisc(command: Command) -> dict[str, Any]:
    """What `tc -s -json qdisc show` prints once the kernel has taken a command."""
    kind = command[command.index("1:") + 1]
    words = list(command[command.index(kind) + 1 :])
    options = _tbf(words) if kind == "tbf" else _netem(words)
    counters = {"bytes": 108, "packets": 2, "drops": 0, "overlimits": 0, "requeues": 0, "backlog": 0, "qlen": 0}
    return {"kind": kind, "handle": "1:", "root": True, "refcnt": 3, "options": options} | counters


def _tbf(words: list[str]) -> dict[str, Any]:
    given = dict(zip(words[::2], words[1::2], strict=True))
    rate = int(given["rate"].removesuffix("bit")) // BITS
    limit, burst = (int(given[key].removesuffix("b")) for key in ("limit", "burst"))
    ticks = math.floor(math.floor(burst / rate * 1e6) * 15.625)  # tc counts whole µs, psched ticks of 64 ns
    latency = (limit / rate - ticks / 15.625e6) * 1e6
    held = {"lat": int(latency)} if latency >= 0 else {"limit": limit}
    return {"rate": rate, "burst": int(ticks / 15.625e6 * rate)} | held


def _netem(words: list[str]) -> dict[str, Any]:
    options: dict[str, Any] = {"ecn": False, "gap": 0}
    while words:
        key, value = words.pop(0), words.pop(0)
        match key:
            case "limit":
                options["limit"] = int(value)
            case "delay":
                jitter = words.pop(0) if words[0][-2:] in UNITS else "0us"
                options["delay"] = {"delay": _seconds(value), "jitter": _seconds(jitter), "correlation": 0}
            case "rate":
                rate = int(value.removesuffix("bit")) // BITS
                options["rate"] = {"rate": rate, "packetoverhead": 0, "cellsize": 0, "celloverhead": 0}
            case "loss" | "duplicate" | "corrupt" | "reorder":
                name = "loss-random" if key == "loss" else key
                options[name] = {key: float(value.removesuffix("%")) / 100, "correlation": 0}
    return options


def _seconds(text: str) -> float:
    return int(text[:-2]) * UNITS[text[-2:]]
