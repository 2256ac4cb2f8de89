"""`docker restart` of a node: `status` names every single loss, `heal` mends it, and `verify` finds it true again.

What is lost is found out by ip(8), tc(8) and ethtool(8), before and after, and not by the agent.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.lab import Lab
from lab.model.plan import LabSpec
from lab.model.tables import NodePlan
from tests.engine_contract import needed

ROOT = Path(__file__).parents[2]
NAMED = re.compile(r"^  (\S.*?) is .*, declared ", re.MULTILINE)
OFFLOADS = re.compile(r"^(tcp-segmentation|generic-\w+|tx-checksumming|tcp-seg\w+)[^:]*: on", re.MULTILINE)
WORDS = ("dst", "gateway", "dev", "prefsrc", "metrics")


def show(process: int, *argv: str) -> str:
    """What a command prints in the network namespace of a process."""
    enter = ["nsenter", f"--net=/proc/{process}/ns/net", *argv]
    return subprocess.run(enter, capture_output=True, text=True, check=True).stdout


def ask(process: int, tool: str, *words: str) -> list[dict[str, Any]]:
    """What ip(8) or tc(8) shows there."""
    found: list[dict[str, Any]] = json.loads(show(process, tool, "-json", "-details", *words) or "[]")
    return [entry for entry in found if entry]


def offloads(process: int, device: str) -> str:
    """The offloads of a device that are on."""
    return " ".join(sorted(set(OFFLOADS.findall(show(process, "ethtool", "--show-offload", device)))))


def facts(lab: Lab, node: NodePlan) -> dict[str, object]:
    """What there is of a node and of its ports, by the words that `status` has for each."""
    state = ["docker", "inspect", "--format", "{{.State.Pid}}", f"{lab.name}-{node.name}"]
    process = int(subprocess.run(state, capture_output=True, text=True, check=True).stdout)
    inside = {entry.get("address"): entry for entry in ask(process, "ip", "address", "show")}
    ports = {entry["ifindex"]: entry for entry in ask(os.getpid(), "ip", "link", "show")}
    found: dict[str, object] = {}
    for face in node.interfaces:
        here = inside[face.mac]
        where = f"{node.name} on {face.link}"
        found[f"{where}: address"] = [f"{each['local']}/{each['prefixlen']}" for each in here["addr_info"]]
        found[f"{where}: mtu"], found[f"{where}: interface"] = here["mtu"], "UP" in here["flags"]
        found[f"{where}: offloads"] = offloads(process, here["ifname"])
        found |= dict(_port(lab, node.name, face.link, ports[here["link_index"]]))
    for row in ask(process, "ip", "route", "show"):
        found[f"{node.name}: route to {row['dst']}"] = [row.get(word) for word in WORDS]
    for row in ask(process, "ip", "neighbour", "show", "nud", "permanent"):
        found[f"{node.name}: neighbour {row['dst']}"] = row["lladdr"]
    for name in node.sysctls:
        found[f"{node.name}: {name}"] = show(process, "cat", f"/proc/sys/{name.replace('.', '/')}")
    return found


def _port(lab: Lab, node: str, name: str, port: dict[str, Any]) -> Iterator[tuple[str, object]]:
    """What there is at the port of a node."""
    link, device = lab.plan.link(name), port["ifname"]
    filters = ask(os.getpid(), "tc", "filter", "show", "dev", device, "ingress") if _has_ingress(device) else []
    past = [action.get("to_dev") for row in filters for action in row.get("options", {}).get("actions", ())]
    yield f"{name}: port of {node}", ("UP" in port["flags"], port.get("master"), past)
    yield f"{name}: mtu at the port of {node}", port["mtu"]
    yield f"{name}: offloads at the port of {node}", offloads(os.getpid(), device)
    if not link.link.shared and not link.by_wire:
        other = next(end for end in link.link.ends if end != node)
        roots = [entry for entry in ask(os.getpid(), "tc", "qdisc", "show", "dev", device) if entry.get("root")]
        yield f"{name} ({other} to {node}): shaper", [(entry["kind"], entry.get("options")) for entry in roots]


def _has_ingress(device: str) -> bool:
    return any(entry["kind"] == "ingress" for entry in ask(os.getpid(), "tc", "qdisc", "show", "dev", device))


def inv(*words: str, code: int = 0) -> str:
    """What a task prints; it must end with `code`."""
    argv = [sys.executable, "-m", "invoke", *words]
    done = subprocess.run(argv, cwd=ROOT, text=True, capture_output=True, check=False, stdin=subprocess.DEVNULL)
    assert done.returncode == code, f"{words}: exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.mark.parametrize(
    ("topology", "media", "node"),
    [("star", "coax,delay=5ms", "hub"), ("ring", "coax", "n2"), ("bus", "coax", "h2")],
)
def test_a_restarted_node(topology: str, media: str, node: str) -> None:
    """What status names, with exit code 1, is just what was lost; healed, all is what it was, and verify passes."""
    needed("docker")
    name = f"t{os.getpid()}-restart"
    with Lab.up(LabSpec(name=name, topology=topology, nodes=3, media=media), "docker") as lab:
        before = facts(lab, lab.plan.node(node))
        subprocess.run(["docker", "restart", "--time", "0", f"{name}-{node}"], check=True, capture_output=True)
        after = facts(lab, lab.plan.node(node))
        lost = {key for key in before | after if before.get(key) != after.get(key)}
        assert len(lost) > len(lab.plan.node(node).interfaces)
        assert set(NAMED.findall(inv("status", "--name", name, code=1))) == lost
        inv("heal", "--name", name)
        assert facts(lab, lab.plan.node(node)) == before
        inv("status", "--name", name)
        inv("verify", "--name", name)
