"""Frames that are dropped where they enter the fabric: of nodes that are mute, or of all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import ports
from .tools import AgentError, batch, works


def silence(links: list[dict[str, Any]], located: ports.Ports, chosen: Mapping[str, str]) -> None:
    """Drop, where they enter, the frames of the nodes that are to be mute, and of no others.

    The software wire does it by itself for the links that it carries.

    Raises:
        AgentError: the kernel has no way to drop frames by a filter.
    """
    on_bridge = [link for link in links if chosen[link["name"]] != "wire"]
    muted = ports.muted([device for link in on_bridge for device in located[link["name"]].values()])
    for link in on_bridge:
        for node, device in located[link["name"]].items():
            if node in link["mute"] and device not in muted and not drop_all(device):
                why = "this kernel has no filter that drops (cls_bpf or act_gact)"
                raise AgentError(why, link["name"], "cut it both ways: leave --from out")
            if node not in link["mute"] and device in muted:
                command = ["filter", "delete", "dev", device, "ingress", "prio", str(ports.CUT_PRIORITY)]
                batch("tc", [command], link["name"])


def drop_all(device: str) -> bool:
    """Drop all that comes in at a device; what reads its packets (the software wire) still gets them.

    Returns:
        Whether the kernel has a filter that can.
    """
    works("tc", "qdisc", "add", "dev", device, "ingress")
    into = ("tc", "filter", "replace", "dev", device, "ingress", "protocol", "all", "prio", str(ports.CUT_PRIORITY))
    return any(works(*into, *(word.strip('"') for word in words)) for words in ports.DROPS.values())
