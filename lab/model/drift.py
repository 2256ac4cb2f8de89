"""Holds what is declared against what is there, and names every difference. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lab.model import readback, steering
from lab.model.change import Change
from lab.model.plan import LabPlan, LinkPlan
from lab.model.tables import NodePlan, Route


@dataclass(frozen=True, slots=True)
class Difference:
    """One setting that is not as declared.

    Attributes:
        where: the node or link.
        what: the setting.
    """

    where: str
    what: str
    declared: str
    live: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what} is {self.live}, declared {self.declared}"


def differences(plan: LabPlan, states: dict[str, str], live: dict[str, Any]) -> tuple[Difference, ...]:
    """Every difference between a plan and what is there.

    Args:
        plan: what is in force: what is declared, and what was changed since (`steering.in_force`).
        states: the engine's word for the state of each node that it has.
        live: what the agent read.
    """
    return (*_nodes(plan, states, live["nodes"]), *_links(plan, live["links"], live.get("wire", {})))


def cut_differences(now: LabPlan, after: Mapping[str, Change]) -> tuple[Difference, ...]:
    """The links that are cut now and no longer, or less, afterwards.

    Args:
        now: what is in force.
        after: the links' changes as they shall be.
    """
    return tuple(
        Difference(link.name, "link", "whole", steering.cut_text(link))
        for link in now.links
        if link.change.is_cut and after[link.name] != link.change
    )


def _nodes(plan: LabPlan, states: dict[str, str], live: dict[str, Any]) -> Iterator[Difference]:
    for node in plan.nodes:
        state = states.get(node.name, "missing")
        if state != "running":
            yield Difference(node.name, "state", "running", state)
        elif node.name in live:
            yield from _interfaces(node, live[node.name]["interfaces"])
            yield from _tables(plan, node, live[node.name])


def _interfaces(node: NodePlan, live: dict[str, Any]) -> Iterator[Difference]:
    for face in node.interfaces:
        where = f"{node.name} on {face.link}"
        here = live.get(face.link)
        if here is None:
            yield Difference(where, "interface", face.address, "missing")
            continue
        if face.address not in here["addresses"]:
            yield Difference(where, "address", face.address, ", ".join(here["addresses"]) or "none")
        for what, declared, actual in (("mac", face.mac, here["mac"]), ("mtu", face.mtu, here["mtu"])):
            if declared != actual:
                yield Difference(where, what, str(declared), str(actual))
        if not here["up"]:
            yield Difference(where, "interface", "up", "down")
        if here["offloads"]:
            yield Difference(where, "offloads", "off", f"{', '.join(here['offloads'])} on")


def _tables(plan: LabPlan, node: NodePlan, live: dict[str, Any]) -> Iterator[Difference]:
    device = {link: face["device"] for link, face in live["interfaces"].items()}
    rows = {row["dst"]: row for row in live["routes"]}
    for route in node.routes:
        there = _route_text(rows[route.to]) if route.to in rows else "missing"
        declared = _declared_route(route, device.get(route.link, "?"))
        if declared != there:
            yield Difference(node.name, f"route to {route.to}", declared, there)
    for extra in sorted(rows.keys() - {route.to for route in node.routes}):
        yield Difference(node.name, f"route to {extra}", "none", _route_text(rows[extra]))
    known = live["neighbours"]
    for face in node.interfaces:
        for port in plan.addresses.ports[face.link]:
            if port.node != node.name and known.get(str(port.address)) != port.mac:
                yield Difference(node.name, f"neighbour {port.address}", port.mac, known.get(str(port.address), "none"))
    for name, value in node.sysctls.items():
        if live["sysctls"].get(name, "") not in (value, ""):
            yield Difference(node.name, name, value, live["sysctls"][name])


def _declared_route(route: Route, device: str) -> str:
    via = f"via {route.via} " if route.via else ""
    words = {"src": route.source, "congctl": route.congctl, "initcwnd": route.initcwnd, "mtu": route.mtu}
    return f"{via}dev {device}" + "".join(f" {key} {value}" for key, value in words.items() if value)


def _route_text(row: dict[str, Any]) -> str:
    metrics: dict[str, Any] = {key: value for entry in row.get("metrics", []) for key, value in entry.items()}
    via = f"via {row['gateway']} " if "gateway" in row else ""
    words = {
        "src": row.get("prefsrc"),
        "congctl": metrics.get("congestion"),
        "initcwnd": metrics.get("initcwnd"),
        "mtu": metrics.get("mtu"),
    }
    return f"{via}dev {row['dev']}" + "".join(f" {key} {value}" for key, value in words.items() if value)


def _links(plan: LabPlan, live: dict[str, Any], wire: dict[str, Any]) -> Iterator[Difference]:
    for link in plan.links:
        here = live.get(link.name)
        if here is None:
            yield Difference(link.name, "link", "there", "missing")
            continue
        yield from _ports(link, here)
        yield from _carried(link, here, wire.get(link.name))
        spec = link.link.spec
        figures = readback.link_figures(here, wire.get(link.name))
        for way, there, ends in zip((spec.forward, spec.back), figures, _ways(link), strict=False):
            for what, declared, actual in readback.departures(way.settings, there):
                yield Difference(f"{link.name}{ends}", what, declared, actual)


def _ports(link: LinkPlan, here: dict[str, Any]) -> Iterator[Difference]:
    for end in link.link.ends:
        port = here["ports"].get(end)
        if port is None:
            yield Difference(link.name, f"port of {end}", "there", "missing")
            continue
        if not port["bridge"] and not link.by_wire:
            yield Difference(link.name, f"port of {end}", "on the link's bridge", "on none")
        plugged, muted = end not in link.change.cut, end in link.change.mute
        if port["up"] != plugged:
            words = ("up", "down") if plugged else ("cut", "up")
            yield Difference(link.name, f"port of {end}", *words)
        if port["mute"] != muted and port["bridge"]:
            words = ("taken", "dropped") if port["mute"] else ("dropped", "taken")
            yield Difference(link.name, f"what {end} sends", *words)
        if port["mtu"] != link.mtu:
            yield Difference(link.name, f"mtu at the port of {end}", str(link.mtu), str(port["mtu"]))
        if port["offloads"]:
            yield Difference(link.name, f"offloads at the port of {end}", "off", f"{', '.join(port['offloads'])} on")
        if link.link.shared and port["bridge"] and end not in here["redirected"]:
            yield Difference(link.name, f"port of {end}", "redirected into the medium", "past it")


def _carried(link: LinkPlan, here: dict[str, Any], wire: dict[str, Any] | None) -> Iterator[Difference]:
    """The ports of a link on the software wire that the wire has not: a node that was restarted has another port."""
    if wire is None or not link.by_wire or all(port["bridge"] for port in here["ports"].values()):
        return
    held = {(port["node"], port["device"]) for port in wire["ports"] if port["state"] != "lost"}
    for end, port in here["ports"].items():
        if port["bridge"] or (end, port["device"]) not in held:
            live = "on the link's bridge" if port["bridge"] else "carried by nobody"
            yield Difference(link.name, f"port of {end}", "carried by the software wire", live)


def _ways(link: LinkPlan) -> tuple[str, str]:
    """What to add to a link's name to say which direction is meant."""
    if link.link.shared:
        return "", ""
    first, second = link.link.ends
    return f" ({first} to {second})", f" ({second} to {first})"
