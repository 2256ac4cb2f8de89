"""Changes links of a running lab in place: what a link carries, whether it is cut, and what its bridge remembers.

The document of the operation `steer` has, beside `lab`, `device_prefix` and the `nodes` and `links` that are concerned
(see `lab.model.wiring`; a node has routes only if they change):

    "was": {"h1-hub": "LINE", …}       what the bridges of the lab are believed to carry; if not, nothing is done
    and in each link "alias", what its bridge shall carry; "changed": the numbers of the directions to shape again;
    "cut", "mute": the nodes whose port shall be down, whose frames shall be dropped; "back": whether it is to leave
    the software wire, if it went over to that

The answer is `{"stale": {link: line}}`, with what the bridges do carry; or `{"lacks": "wire"}`, where a link needs the
software wire and none runs; or `{"chosen": {link: shaper}, "crossed": …, "wire": …}`, with the links that went over to
the software wire or back (`crossing`), and with what that was told.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import carrier, crossing, filters, ports
from .choice import choose, has_netem
from .nodes import Interface
from .tools import AgentError, ask, batch


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
    chosen = {link["name"]: _kind(link, live[link["name"]], document["shaper"]) for link in links}
    on_wire = [link for link in links if chosen[link["name"]] == "wire"]
    if on_wire and carrier.carried(document) is None:
        return {"lacks": "wire"}
    remember(links, located, document["device_prefix"])
    bridges = lines(document["device_prefix"])
    crossed = {}
    for link in links:
        name, kind, here = link["name"], chosen[link["name"]], live[link["name"]]
        if _on_bridge(here) and kind == "wire":
            crossed[name] = crossing.to_wire(document, link, located)
        elif not _on_bridge(here) and kind != "wire":
            crossed[name] = crossing.to_bridge(document, link, kind, located, bridges[name][0])
        else:
            _shape(link, kind, here, located)
    wire = carrier.document(document, on_wire, located)
    carrier.carry(document, wire["links"])
    batch("ip", [command for link in links for command in ports.plugs(link, located[link["name"]])], "fabric")
    filters.silence(links, located, chosen)
    return {"chosen": chosen, "crossed": crossed, "wire": wire}


def _kind(link: dict[str, Any], live: dict[str, Any], shaper: str) -> str:
    """What shapes a link from now on: what does now, unless that no longer suffices, or it is to go back.

    Raises:
        AgentError: nothing shapes it, so that there is nothing to change; or what shall shape it cannot.
    """
    if not _on_bridge(live):
        return choose(link, shaper, netem=has_netem()) if link["back"] else "wire"
    kinds = {way["kind"] for way in live["directions"]}
    if kinds == {"netem"}:
        return choose(link, shaper, netem=True) if link["by_netem"] or shaper == "netem" else "wire"
    if kinds == {"tbf"}:
        return "wire" if link["by_wire"] else "tbf"
    raise AgentError(f"it is shaped by {', '.join(sorted(kinds))}", link["name"], "./inv heal")


def _on_bridge(live: dict[str, Any]) -> bool:
    return all(port["bridge"] for port in live["ports"].values())


def _shape(link: dict[str, Any], kind: str, live: dict[str, Any], located: ports.Ports) -> None:
    """Change the queueing disciplines of the directions that changed; each keeps what waits in it.

    tc's `replace` with the handle that is there changes a discipline in place (net/sched/sch_api.c).
    """
    tokens = ports.devices_of(link, located)
    ways = [end["node"] for end in reversed(link["ends"])] if not link["shared"] else []
    wanted = {tokens[f"{ways[number]}@{link['name']}"] for number in link["changed"]} if ways else {link["device"]}
    seeds = any("seed" in way.get("options", {}) for way in live["directions"])
    devices = [tokens[f"{node}@{link['name']}"] for node in ways] or [link["device"]]
    there = dict(zip(devices, live["directions"], strict=True))
    commands = ports.commands(link, kind, located, there, seeds=seeds) if link["changed"] else []
    batch("tc", [each for each in commands if "root" in each and each[3] in wanted], link["name"])
