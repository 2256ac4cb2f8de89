"""What a lab's links are, looked at from outside: by ip(8) and tc(8), without the agent and what reads its answers."""

from __future__ import annotations

import json
import os
import subprocess
from typing import Any

from lab.engine.netns import marks
from lab.engine.netns.folder import Folder
from lab.lab import Lab
from lab.model.plan import device_prefix

Seen = dict[str, dict[str, Any]]


def seen(lab: Lab) -> Seen:
    """Every link: the line that its bridge carries, and of each port whether it is up, bridged, and how it is shaped.

    Two labs of the same words that are the same have the same of these: no device and no index is in it.
    """
    engine, name = lab.engine.name, lab.name
    fabric = (Folder(name).fabric() if engine == "netns" else os.getpid()) or 0
    there = {entry["ifindex"]: entry for entry in _ask(fabric, "ip", "link")}
    masters = {entry["ifname"]: entry for entry in there.values()}
    roots = {entry["dev"]: _shape(entry) for entry in _ask(fabric, "tc", "qdisc") if entry.get("root")}
    found: Seen = {link.name: {"ports": {}, "medium": roots.get(link.device), "line": ""} for link in lab.plan.links}
    for entry in there.values():
        mark, _, line = entry.get("ifalias", "").partition(";")
        if mark.partition("/")[0] == device_prefix(name) and (link := mark.partition("/")[2]) in found:
            found[link]["line"] = line
    for node in lab.plan.nodes:
        inside = {entry["address"]: entry for entry in _ask(_keeper(engine, name, node.name), "ip", "link")}
        for face in node.interfaces:
            port = there.get(inside.get(face.mac, {}).get("link_index", 0))
            if port:
                up, bridged = "UP" in port["flags"], port.get("master") in masters
                found[face.link]["ports"][node.name] = (up, bridged, roots.get(port["ifname"]))
    carried = any(not bridged for link in found.values() for _, bridged, _ in link["ports"].values())
    return found | {"": {"wire": carried and _wire(engine, name)}}  # one that carries nothing makes no difference


def at_work(lab: Lab) -> bool:
    """Whether an agent is still at it."""
    if lab.engine.name == "netns":
        return any(found.role == marks.HELPER for found in marks.processes(lab.name))
    labels = ("--filter", f"label=wirelab.lab={lab.name}", "--filter", "label=wirelab.helper=agent")
    return bool(_print("docker", "ps", "--quiet", *labels))


def _keeper(engine: str, lab: str, node: str) -> int:
    """A node's first process; 0 where there is none."""
    if engine == "netns":
        return Folder(lab).node(node) or 0
    return int(_print("docker", "inspect", "--format", "{{.State.Pid}}", f"{lab}-{node}") or 0)


def _wire(engine: str, lab: str) -> bool:
    """Whether a software wire runs."""
    if engine == "netns":
        return any(found.role == marks.WIRE for found in marks.processes(lab))
    return bool(_print("docker", "ps", "--quiet", "--filter", f"name=^/{lab}-wire$"))


def _shape(qdisc: dict[str, Any]) -> tuple[str, int]:
    return qdisc["kind"], qdisc.get("options", {}).get("rate", 0)


def _ask(process: int, tool: str, *words: str) -> list[dict[str, Any]]:
    """What a tool shows in the network namespace of a process; nothing where that has ended."""
    told = _print("nsenter", f"--net=/proc/{process}/ns/net", tool, "-json", *words, "show") if process else ""
    entries: list[dict[str, Any]] = json.loads(told or "[]")
    return [entry for entry in entries if entry]


def _print(*argv: str) -> str:
    return subprocess.run(argv, capture_output=True, text=True, check=False).stdout.strip()
