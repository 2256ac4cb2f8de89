"""What a plan means for namespaces: the orders for `birth` and for `lab.fabric.cables`, as plain JSON."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lab.engine.netns import commands, marks
from lab.model.plan import LabPlan
from lab.model.tables import NodePlan

LONGEST = 15  # characters of a device's name: IFNAMSIZ


def bridges(plan: LabPlan) -> dict[str, str]:
    """The bridge of each link. They are the fabric's own, so they are called as the links are, where that fits."""
    return {link.name: _device(link.name, len(link.link.ends)) for link in plan.links}


def _device(link: str, ends: int) -> str:
    """A bridge's name that leaves room for its ports', `NAME-pNUMBER`."""
    room = LONGEST - len(f"-p{ends - 1}")
    return link if len(link) <= room else f"br-{hashlib.sha256(link.encode()).hexdigest()[:7]}"


def birth(plan: LabPlan, state: Path) -> dict[str, Any]:
    """The order by which a plan's namespaces come into being."""
    return {
        "state": str(state),
        "apps": str(commands.PACKAGE_ROOT / "lab" / "apps"),
        "python": commands.far_python(),
        "environment": marks.environment(plan.name, marks.FABRIC, **{marks.WORDS_KEY: plan.spec.to_json()}),
        "nodes": [_node(plan.name, node) for node in plan.nodes],
    }


def _node(lab: str, node: NodePlan) -> dict[str, Any]:
    own = [(face.ip, node.name) for face in node.interfaces]
    # The address that stands for the node comes first: a resolver takes the first row that fits.
    own.sort(key=lambda row: row[0] != node.address)
    return {
        "name": node.name,
        "environment": marks.environment(lab, "node", **{marks.NODE_KEY: node.name}),
        "hosts": [*own, *node.hosts],
        "sysctls": node.sysctls,
    }


def cables(plan: LabPlan, keepers: Mapping[str, int]) -> dict[str, Any]:
    """The order by which its bridges and cables do.

    Args:
        plan: the plan.
        keepers: a process in the namespaces of each node, by node.
    """
    bridge_of = bridges(plan)
    ends: dict[str, int] = dict.fromkeys(bridge_of, 0)
    laid = []
    for node in plan.nodes:
        for number, face in enumerate(node.interfaces):
            port = f"{bridge_of[face.link]}-p{ends[face.link]}"
            ends[face.link] += 1
            laid.append(
                {
                    "bridge": bridge_of[face.link],
                    "port": port,
                    "process": keepers[node.name],
                    "device": f"eth{number}",
                    "mac": face.mac,
                    "mtu": face.mtu,
                }
            )
    return {
        "bridges": [{"name": bridge_of[link.name], "mtu": link.mtu} for link in plan.links],
        "cables": laid,
    }


def terminal() -> dict[str, str]:
    """What a program needs to know of the caller's terminal."""
    return {key: os.environ[key] for key in ("TERM", "COLUMNS", "LINES") if key in os.environ}
