"""Changes links of a running lab in place: what a link carries, whether it is cut, and what its bridge remembers.

The document of the operation `steer` has, beside `lab`, `device_prefix` and the `nodes` and `links` that are concerned
(see `lab.model.wiring`; a node has routes only if they change):

    "was": {"h1-hub": "LINE", …}       what the bridges of the lab are believed to carry; if not, nothing is done
    and in each link "alias", what its bridge shall carry; "changed": the numbers of the directions to shape again;
    "cut", "mute": the nodes whose port shall be down, whose frames shall be dropped

The answer is `{"stale": {link: line}}`, with what the bridges do carry; or `{"lacks": "wire"}`, where a link needs the
software wire and none runs; or `{"chosen": {link: shaper}, "wire": …}`, with what the software wire was told.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from . import carrier, ports
from .nodes import Interface
from .tools import AgentError, ask, batch, works

DRAIN_SECONDS = 2.0
LOOK_AGAIN_SECONDS = 0.005


def lines(prefix: str) -> dict[str, tuple[str, str]]:
    """The bridge of each link of a lab, and the line that it carries, by link.

    Args:
        prefix: what the aliases of one lab's bridges begin with.
    """
    (present,) = ask("ip", ("link", "show"))
    found = {}
    for entry in present:
        mark, _, line = entry.get("ifalias", "").partition(";")
        owner, _, link = mark.partition("/")
        if owner == prefix and link:
            found[link] = (entry["ifname"], line)
    return found


def remembered(document: dict[str, Any]) -> dict[str, str]:
    """What the bridges of a lab carry, by link; links as declared are left out."""
    return {link: line for link, (_, line) in lines(document["device_prefix"]).items() if line}


def remember(links: list[dict[str, Any]], located: ports.Ports, prefix: str) -> None:
    """Have the bridge of each link carry its alias; a bridge that nobody marked yet is found by its ports.

    Raises:
        AgentError: a link's bridge is not there.
    """
    known = lines(prefix)
    (present,) = ask("ip", ("link", "show"))
    master = {entry["ifname"]: entry.get("master", "") for entry in present}
    commands = []
    for link in links:
        name = link["name"]
        bridges = {master.get(device, "") for device in located.get(name, {}).values()} - {""}
        bridge = known[name][0] if name in known else next(iter(bridges), "")
        if not bridge:
            raise AgentError("its bridge is not there", name, "./inv down, then up again")
        commands.append(["link", "set", "dev", bridge, "alias", link["alias"]])
    batch("ip", commands, [link["name"] for link in links])


def steer(document: dict[str, Any], faces: Mapping[str, Mapping[str, Interface]]) -> dict[str, Any]:
    """Do what the document says.

    Args:
        document: as told above.
        faces: the interfaces of the nodes, by node and link.
    """
    if (found := remembered(document)) != document["was"]:
        return {"stale": found}
    links = document["links"]
    located = ports.locate({node: {link: face.peer for link, face in found.items()} for node, found in faces.items()})
    for link in links:
        for end in link["ends"]:
            if end["node"] not in located.get(link["name"], {}):
                raise AgentError(f"the port of {end['node']} is missing", link["name"], "./inv heal")
    live = ports.read(links, located)
    chosen = {link["name"]: _kind(link, live[link["name"]]) for link in links}
    on_wire = [link for link in links if chosen[link["name"]] == "wire"]
    if on_wire and carrier.carried(document) is None:
        return {"lacks": "wire"}
    remember(links, located, document["device_prefix"])
    for link in links:
        _shape(link, chosen[link["name"]], live[link["name"]], located)
    wire = carrier.document(document, on_wire, located)
    carrier.carry(document, wire["links"])
    batch("ip", [command for link in links for command in ports.plugs(link, located[link["name"]])], "fabric")
    silence(links, located, chosen)
    return {"chosen": chosen, "wire": wire}


def _kind(link: dict[str, Any], live: dict[str, Any]) -> str:
    """What shapes a link from now on: what does now, unless a token bucket no longer suffices.

    Raises:
        AgentError: nothing shapes it, so that there is nothing to change.
    """
    if not all(port["bridge"] for port in live["ports"].values()):
        return "wire"
    kinds = {way["kind"] for way in live["directions"]}
    if kinds == {"netem"}:
        return "netem"
    if kinds == {"tbf"}:
        return "wire" if link["by_wire"] else "tbf"
    raise AgentError(f"it is shaped by {', '.join(sorted(kinds))}", link["name"], "./inv heal")


def _shape(link: dict[str, Any], kind: str, live: dict[str, Any], located: ports.Ports) -> None:
    """Change the queueing disciplines of the directions that changed; each keeps what waits in it.

    tc's `replace` with the handle that is there changes a discipline in place (net/sched/sch_api.c).
    """
    if kind == "wire" and live["directions"] and all(port["bridge"] for port in live["ports"].values()):
        _move(link, located)
    tokens = ports.devices_of(link, located)
    ways = [end["node"] for end in reversed(link["ends"])] if not link["shared"] else []
    wanted = {tokens[f"{ways[number]}@{link['name']}"] for number in link["changed"]} if ways else {link["device"]}
    commands = [list(ports.filled(command, tokens)) for command in link["tc"][kind] if link["changed"]]
    batch("tc", [each for each in commands if "root" in each and each[3] in wanted], link["name"])


def _move(link: dict[str, Any], located: ports.Ports) -> None:
    """Take a link off its bridge, for the software wire to carry it.

    Nothing more is let in, then what waits is let out at its rate, then the ports leave the bridge. From the first
    until the wire has begun, what comes in is lost. No frame passes unshaped.
    """
    devices = list(located[link["name"]].values())
    for device in devices:
        drop_all(device)
    waiting = [link["device"]] if link["shared"] else devices
    deadline = time.monotonic() + DRAIN_SECONDS
    while ports.backlog(waiting) and time.monotonic() < deadline:
        time.sleep(LOOK_AGAIN_SECONDS)  # the kernel tells nobody that a queue is empty
    ports.take_off_bridge([link], located)


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
