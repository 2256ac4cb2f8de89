"""The wiring document: what the agent is told, as plain JSON. The agent knows nothing else of the project.

{"op": "wire",                     what to do: wire, read or unwire
 "lab": "lab", "device_prefix": "wl1a2b3c4d",
 "seed": 1,
 "shaper": "auto",                 auto: netem where the kernel has it; netem: that or fail; wire: never netem
 "nodes": [{"name": "h1", "namespace": "/proc/123/ns/net",        put in by the engine
            "sysctls": {"net.ipv4.ip_forward": "0", …},
            "interfaces": [{"link": "h1-hub", "address": "198.18.0.2/29", "mac": "02:42:…", "mtu": 1500}],
            "routes": [{"to": "198.18.0.0/27", "link": "h1-hub", "via": "198.18.0.3", "source": null,
                        "initcwnd": null, "mtu": null, "congctl": "cubic"}]}],
 "links": [{"name": "h1-hub", "subnet": "198.18.0.0/29", "mtu": 1500, "shared": false, "bus": false,
            "device": "wl1a2b3c4d-0",  the medium device, used where the link is shared
            "ends": [{"node": "h1", "address": "198.18.0.2", "mac": "02:42:…"}, …],
            "tc": {"netem": [[…], …], "tbf": [[…], …], "wire": [[…], …]},   argv of tc, with tokens for devices
            "alias": "wl1a2b3c4d/h1-hub",  what the link's bridge carries: what was changed since `up` (`model.change`)
            "cut": [], "mute": [],     nodes whose port is down, whose frames are dropped
            "by_wire": false,          whether the software wire carries it where there is no netem
            "moved": false,            whether it stays on the wire where it is there, netem or not
            "by_netem": true,          whether netem makes it true where there is one
            "directions": [{…}, …]}],  for the wire: bit/s, seconds, shares and bytes (see `fabric.wire`)
 "probes": [{"from": "h1", "to": "198.18.0.3", "why": "h1-hub"}, …],
 "wire_socket": PATH,              where the software wire answers, if one runs: put in by the engine
 "was": {"h1-hub": "LINE", …}}     optional: what the bridges are believed to carry; if not, nothing is done
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict
from itertools import pairwise
from typing import Any

from lab.model import shaping
from lab.model.change import alias
from lab.model.plan import LabPlan, LinkPlan, device_prefix
from lab.model.tables import NodePlan


def document(plan: LabPlan, op: str) -> dict[str, Any]:
    """Everything that the agent needs for a plan, but for the namespaces, which the engine knows.

    Args:
        plan: the plan.
        op: `wire`, `read` or `unwire`.
    """
    return {
        "op": op,
        "lab": plan.name,
        "device_prefix": device_prefix(plan.name),
        "shaper": plan.spec.shaper,
        "seed": plan.spec.seed,
        "nodes": [_node(node) for node in plan.nodes],
        "links": [_link(link, plan) for link in plan.links],
        "probes": probes(plan),
    }


def steering(before: LabPlan, after: LabPlan, links: Collection[str]) -> dict[str, Any]:
    """What the agent needs to change some links of a running lab.

    Args:
        before: the plan in force until now.
        after: the plan that shall be.
        links: their names, whether they differ or not.
    """
    concerned = [link for link in after.links if link.name in links]
    ends = {end for link in concerned for end in link.link.ends}
    old = {node.name: node for node in before.nodes}
    was = {link.name: link for link in before.links}
    routed = {node.name for node in after.nodes if node.routes != old[node.name].routes}
    return {
        "op": "steer",
        "lab": after.name,
        "device_prefix": device_prefix(after.name),
        "shaper": after.spec.shaper,
        "seed": after.spec.seed,
        "was": {link.name: link.line for link in before.links if link.line},
        "nodes": [
            _node(node) | ({} if node.name in routed else {"routes": None})
            for node in after.nodes
            if node.name in ends | routed
        ],
        "links": [
            _link(link, after)
            | {
                "changed": _changed(was[link.name], link),
                "back": was[link.name].change.moved and not link.change.moved,
            }
            for link in concerned
        ],
    }


def _changed(before: LinkPlan, after: LinkPlan) -> list[int]:
    """The numbers of the directions whose settings differ; of all, where the way of shaping does."""
    old, new = before.link.spec, after.link.spec
    pairs = ((old.forward, new.forward),) if after.link.shared else ((old.forward, new.forward), (old.back, new.back))
    return [number for number, (a, b) in enumerate(pairs) if a != b or before.by_wire != after.by_wire]


def _node(node: NodePlan) -> dict[str, Any]:
    return {
        "name": node.name,
        "sysctls": node.sysctls,
        "interfaces": [asdict(interface) for interface in node.interfaces],
        "routes": [asdict(route) for route in node.routes],
    }


def _link(link: LinkPlan, plan: LabPlan) -> dict[str, Any]:
    return {
        "name": link.name,
        "subnet": link.subnet,
        "mtu": link.mtu,
        "shared": link.link.shared,
        "bus": link.link.is_bus,
        "device": link.device,
        "ends": [
            {"node": port.node, "address": str(port.address), "mac": port.mac}
            for port in plan.addresses.ports[link.name]
        ],
        "tc": {
            "netem": link.commands("netem", plan.spec.seed),
            "tbf": link.commands("tbf"),
            "wire": shaping.wire_commands(link.link),
        },
        "alias": alias(device_prefix(plan.name), link.name, link.line),
        "cut": sorted(link.change.cut),
        "mute": sorted(link.change.mute),
        "by_wire": link.by_wire,
        "moved": link.change.moved,
        "by_netem": shaping.netem_suffices(link.link),
        "directions": shaping.wire_directions(link.link),
    }


def probes(plan: LabPlan) -> list[dict[str, str]]:
    """The pings that prove that packets pass: every pair of neighbours along each link, and one long way."""
    found = [
        {"from": first.node, "to": str(second.address), "why": link}
        for link, ports in plan.addresses.ports.items()
        for first, second in pairwise(ports)
    ]
    first = plan.nodes[0].name
    far = max((node.name for node in plan.nodes[1:]), key=lambda name: len(plan.routing.path(first, name)))
    by = next(address for address, name in plan.node(first).hosts if name == far)
    return [*found, {"from": first, "to": by, "why": f"{first} to {far}"}]


def removal(name: str) -> dict[str, Any]:
    """The document that removes what the agent made for a lab, whether its plan is known or not."""
    return {"op": "unwire", "lab": name, "device_prefix": device_prefix(name), "nodes": [], "links": []}
