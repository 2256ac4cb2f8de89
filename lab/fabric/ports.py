"""The links' ports and media in the fabric: shapes them, and reads their queueing disciplines back."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from typing import Any

from . import offloads
from .nodes import write_sysctl
from .tools import AgentError, ask, batch

DROPS: dict[str, tuple[str, ...]] = {
    "bpf": ("handle", "1", "bpf", "da", "bytecode", '"1,6 0 0 2"'),  # return TC_ACT_SHOT (tc-bpf(8))
    "gact": ("handle", "800::1", "u32", "match", "u32", "0", "0", "action", "drop"),
}
"""Filters that drop everything; kernels have one or the other."""

STAYING = ("corrupt", "reorder")  # of netem: a change that does not name them leaves them (netem_change, sch_netem.c)
CUT_PRIORITY = 1  # of a filter that drops all; the redirection of a shared medium comes after it

Ports = dict[str, dict[str, str]]  # device by link and node


def locate(peers: Mapping[str, Mapping[str, int]]) -> Ports:
    """The port at the other end of every node's cable, in the caller's namespace.

    Args:
        peers: index of the port, by node and link.

    Returns:
        Device names by link and node; ports that are gone are left out.
    """
    names = dict(socket.if_nameindex())
    ports: Ports = {}
    for node, by_link in peers.items():
        for link, peer in by_link.items():
            if peer in names:
                ports.setdefault(link, {})[node] = names[peer]
    return ports


def prepare(
    links: list[dict[str, Any]], ports: Ports, chosen: Mapping[str, str], known: Mapping[str, str] | None = None
) -> None:
    """Make the ports and their bridges plain cables: up, no offloads, no IPv6, and on a bus everybody hears all.

    Args:
        links: their entries in the wiring document.
        ports: what `locate` found.
        chosen: shaper by link; a port that fell off the bridge of a link that needs one is put back.
        known: bridges by link, of which no port may be on its bridge any more.
    """
    (present,) = ask("ip", ("link", "show"))
    bridges = {port["ifname"]: port.get("master", "") for port in present}
    commands: list[list[str]] = []
    for link in links:
        devices = list(ports.get(link["name"], {}).values())
        missing = [end["node"] for end in link["ends"] if end["node"] not in ports.get(link["name"], {})]
        if missing:
            raise AgentError(f"the port of {missing[0]} is missing", link["name"])
        commands += (["link", "set", "dev", device, "mtu", str(link["mtu"])] for device in devices)
        commands += plugs(link, ports[link["name"]])
        homes = {*(bridges[device] for device in devices), (known or {}).get(link["name"], "")} - {""}
        for bridge in homes if chosen[link["name"]] != "wire" else ():
            commands += (["link", "set", "dev", device, "master", bridge] for device in devices if not bridges[device])
        for bridge in homes:
            # Ageing time 0: the bridge forgets at once who is where, so it floods, as a cable would.
            ageing = ["ageing_time", "0"] if link["bus"] else []
            commands.append(["link", "set", "dev", bridge, "type", "bridge", *ageing, "mcast_snooping", "0"])
            keep_apart(bridge)
        for device in devices:
            keep_apart(device)
        offloads.turn_off(devices)
    batch("ip", commands, "fabric")


def plugs(link: dict[str, Any], devices: Mapping[str, str]) -> Iterator[list[str]]:
    """The commands that plug each end in, or pull it: a port that is down takes the carrier from its node."""
    for node, device in devices.items():
        yield ["link", "set", "dev", device, "down" if node in link["cut"] else "up"]


def keep_apart(device: str) -> None:
    """Keep the fabric's own kernel from taking part: on Docker it is the host's, and no node may talk to it.

    A kernel takes packets for any address of its own from any device, and answers for them by ARP. It shall not
    answer; then no node knows the device's hardware address, and what comes in a frame for everybody is dropped,
    as is all to whose sender no route leads back here (where net.ipv4.conf.all.rp_filter is 2, that is not).
    """
    write_sysctl(f"net.ipv6.conf.{device}.disable_ipv6", "1")
    write_sysctl(f"net.ipv4.conf.{device}.rp_filter", "1")
    write_sysctl(f"net.ipv4.conf.{device}.drop_unicast_in_l2_multicast", "1")
    write_sysctl(f"net.ipv4.conf.{device}.arp_ignore", "8")


def shut_out(links: list[dict[str, Any]], ports: Ports, able: set[str]) -> None:
    """Drop whatever would come up from the cables into the fabric's own kernel, which on Docker is the host's.

    What is forwarded, or taken by the software wire, does not pass here: a bridge's own ingress sees only what the
    bridge passes up, and packet sockets see a frame before the ingress does. `keep_apart` alone leaves frames whose
    sender is nobody (0.0.0.0) to everybody (255.255.255.255).

    Args:
        links: their entries in the wiring document.
        ports: what `locate` found.
        able: what works here; where no way of dropping does, `keep_apart` has to do.
    """
    way = next((words for name, words in DROPS.items() if name in able), None)
    (present,) = ask("ip", ("link", "show"))
    bridge = {entry["ifname"]: entry.get("master", "") for entry in present}
    devices = {bridge[port] or port for link in links for port in ports[link["name"]].values()}
    commands: list[tuple[str, ...]] = []
    for device in sorted(devices) if way else ():
        commands.append(("qdisc", "replace", "dev", device, "ingress"))
        commands.append(
            ("filter", "replace", "dev", device, "ingress", "protocol", "all", "prio", str(CUT_PRIORITY), *(way or ()))
        )
    batch("tc", commands, "fabric")


def make_media(links: list[dict[str, Any]]) -> None:
    """Make the medium device (IFB) of every shared link that has none yet.

    Raises:
        AgentError: the kernel has no IFB.
    """
    there = {name for _, name in socket.if_nameindex()}
    for link in links:
        device = link["device"]
        commands = [] if device in there else [["link", "add", device, "type", "ifb"]]
        # An IFB takes part in nothing but queueing: no address, no IPv6 of its own.
        batch("ip", commands, link["name"])
        keep_apart(device)
        batch("ip", [["link", "set", "dev", device, "mtu", str(max(link["mtu"], 1500)), "up"]], link["name"])


def remove_media(prefix: str) -> list[str]:
    """Remove every medium device whose name begins with a lab's prefix.

    Returns:
        The names of those that were there.
    """
    there = [name for _, name in socket.if_nameindex() if name.startswith(f"{prefix}-")]
    batch("ip", [["link", "delete", "dev", name] for name in there], "fabric")
    return there


def take_off_bridge(links: list[dict[str, Any]], ports: Ports) -> None:
    """Make links ready for the software wire: their ports leave the bridge, and lose what shaped them."""
    devices = [device for link in links for device in ports[link["name"]].values()]
    batch("ip", [["link", "set", "dev", device, "nomaster"] for device in devices], "fabric")
    qdiscs = _root_qdiscs() if devices else {}
    shaped = [device for device in devices if qdiscs.get(device, {}).get("kind", "noqueue") != "noqueue"]
    batch("tc", [["qdisc", "delete", "dev", device, "root"] for device in shaped], "fabric")


def devices_of(link: dict[str, Any], ports: Ports) -> dict[str, str]:
    """Device names for the tokens in a link's tc commands."""
    tokens = {f"{node}@{link['name']}": device for node, device in ports[link["name"]].items()}
    return tokens | {f"medium@{link['name']}": link["device"]}


def shape(links: list[dict[str, Any]], chosen: Mapping[str, str], ports: Ports, *, seeds: bool) -> None:
    """Run the tc commands of all links.

    Args:
        links: their entries in the wiring document.
        chosen: `netem`, `tbf` or `wire`, by link.
        ports: what `locate` found.
        seeds: whether netem takes a seed here.

    Raises:
        AgentError: tc refused a command; the error names the link.
    """
    there = _root_qdiscs()
    told = [
        (command, link["name"])
        for link in links
        for command in commands(link, chosen[link["name"]], ports, there, seeds=seeds)
    ]
    batch("tc", [command for command, _ in told], [name for _, name in told])


def commands(
    link: dict[str, Any], kind: str, ports: Ports, there: Mapping[str, dict[str, Any]], *, seeds: bool
) -> list[list[str]]:
    """The tc commands that have one link shaped, with `there` at the roots of devices now; else as for `shape`."""
    tokens = devices_of(link, ports)
    return [_complete(list(filled(each if seeds else _without_seed(each), tokens)), there) for each in link["tc"][kind]]


def _complete(command: list[str], there: Mapping[str, dict[str, Any]]) -> list[str]:
    """A command that changes a netem, with those options as zero that it does not name, and that would stay."""
    options = there.get(command[3], {}).get("options", {}) if "netem" in command else {}
    return command + [word for name in STAYING if name in options and name not in command for word in (name, "0%")]


def off_bridge(link: dict[str, Any], ports: Ports) -> bool:
    """Whether no port of a link is on a bridge: the software wire carries it."""
    (present,) = ask("ip", ("link", "show"))
    mine = set(ports.get(link["name"], {}).values())
    return not any("master" in entry for entry in present if entry["ifname"] in mine)


def _without_seed(command: list[str]) -> list[str]:
    at = command.index("seed") if "seed" in command else len(command)
    return command[:at] + command[at + 2 :]


def filled(command: list[str], tokens: dict[str, str]) -> Iterator[str]:
    """A command with device names in the places of tokens; a token stands after the word `dev`."""
    yield command[0]
    for before, word in pairwise(command):
        yield tokens.get(word, word) if before == "dev" else word


def read(links: list[dict[str, Any]], ports: Ports) -> dict[str, Any]:
    """How links are shaped now.

    Returns:
        By link: `by_wire`, as in the document; `ports` by node (`device`, `bridge`, `up`, `mtu`, `offloads`, `mute`);
        `directions`, one for a shared link,
        else two in the order of the wiring document, each with `kind`, `options` and counters as tc(8) prints them;
        and `redirected`, the nodes whose frames go through the shared link's medium device.
    """
    (present,) = ask("ip", ("link", "show"))
    entries = {entry["ifname"]: entry for entry in present}
    qdiscs = _root_qdiscs()
    filters = _filters([device for link in links for device in ports.get(link["name"], {}).values()])
    redirects = {
        device: action["to_dev"]
        for device, rows in filters.items()
        for row in rows
        for action in row.get("options", {}).get("actions", [])
        if "to_dev" in action
    }
    state = {}
    for link in links:
        mine = ports.get(link["name"], {})
        ends = [link["device"]] if link["shared"] else [mine.get(end["node"], "") for end in reversed(link["ends"])]
        state[link["name"]] = {
            "by_wire": link["by_wire"],
            "ports": {node: _read_port(entries[device], filters.get(device, ())) for node, device in mine.items()},
            "directions": [_root(device, entries, qdiscs) for device in ends],
            "redirected": [node for node, device in mine.items() if redirects.get(device) == link["device"]],
        }
    return state


def _root_qdiscs() -> dict[str, dict[str, Any]]:
    """The root qdisc of every device in the caller's namespace that has one."""
    (found,) = ask("tc", ("qdisc", "show"))
    return {entry["dev"]: entry for entry in found if entry.get("root")}


def _root(device: str, entries: dict[str, Any], qdiscs: dict[str, Any]) -> dict[str, Any]:
    return qdiscs.get(device, {"kind": "noqueue"}) if device in entries else {"kind": "gone"}


def _filters(devices: list[str]) -> dict[str, list[dict[str, Any]]]:
    """What is done to the frames that come in at devices, by device: rows as tc(8) prints them."""
    (found,) = ask("tc", ("qdisc", "show"))
    able = {entry["dev"] for entry in found if entry["kind"] == "ingress"}  # of others, tc may not be asked
    asked = [device for device in devices if device in able]
    return dict(zip(asked, ask("tc", *(("filter", "show", "dev", name, "ingress") for name in asked)), strict=True))


def muted(devices: list[str]) -> set[str]:
    """The devices at which a filter drops all that comes in."""
    return {device for device, rows in _filters(devices).items() if _drops(rows)}


def _drops(rows: Iterable[dict[str, Any]]) -> bool:
    return any(row.get("pref") == CUT_PRIORITY for row in rows)


def backlog(devices: list[str]) -> int:
    """Bytes that wait in the root qdiscs of some devices."""
    qdiscs = _root_qdiscs()
    return sum(int(qdiscs.get(device, {}).get("backlog", 0)) for device in devices)


def _read_port(entry: dict[str, Any], filters: Iterable[dict[str, Any]]) -> dict[str, Any]:
    return {
        "device": entry["ifname"],
        "bridge": entry.get("master", ""),
        "up": "UP" in entry["flags"],
        "mtu": entry["mtu"],
        "offloads": offloads.still_on(entry["ifname"]),
        "mute": "master" in entry and _drops(filters),
    }
