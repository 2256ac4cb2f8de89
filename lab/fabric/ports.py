"""The links' ports and media in the fabric: shapes them, and reads their queueing disciplines back."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

from . import offloads
from .nodes import Interface, write_sysctl
from .tools import AgentError, ask, batch

Ports = dict[str, dict[str, str]]  # device by link and node


def locate(found: Mapping[str, Mapping[str, Interface]]) -> Ports:
    """The port at the other end of every node's cable, in the caller's namespace.

    Args:
        found: interfaces by node and link.

    Returns:
        Device names by link and node; ports that are gone are left out.
    """
    names = dict(socket.if_nameindex())
    ports: Ports = {}
    for node, by_link in found.items():
        for link, interface in by_link.items():
            if interface.peer in names:
                ports.setdefault(link, {})[node] = names[interface.peer]
    return ports


def prepare(links: list[dict[str, Any]], ports: Ports) -> None:
    """Make the ports and their bridges plain cables: MTU, no offloads, no IPv6, and on a bus everybody hears all."""
    bridges = {port["ifname"]: port.get("master", "") for port in ask("ip", "-json", "link", "show")}
    commands: list[list[str]] = []
    for link in links:
        devices = list(ports.get(link["name"], {}).values())
        missing = [end["node"] for end in link["ends"] if end["node"] not in ports.get(link["name"], {})]
        if missing:
            raise AgentError(f"the port of {missing[0]} is missing", link["name"])
        commands += (["link", "set", "dev", device, "mtu", str(link["mtu"])] for device in devices)
        for bridge in {bridges[device] for device in devices} - {""}:
            # Ageing time 0: the bridge forgets at once who is where, so it floods, as a cable would.
            ageing = ["ageing_time", "0"] if link["bus"] else []
            commands.append(["link", "set", "dev", bridge, "type", "bridge", *ageing, "mcast_snooping", "0"])
            write_sysctl(f"net.ipv6.conf.{bridge}.disable_ipv6", "1")
        for device in devices:
            write_sysctl(f"net.ipv6.conf.{device}.disable_ipv6", "1")
        offloads.turn_off(devices)
    batch("ip", commands, "fabric")


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
        write_sysctl(f"net.ipv6.conf.{device}.disable_ipv6", "1")
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
    shaped = [device for device in devices if _root_qdisc(device)["kind"] not in ("noqueue", "none")]
    batch("tc", [["qdisc", "delete", "dev", device, "root"] for device in shaped], "fabric")


def devices_of(link: dict[str, Any], ports: Ports) -> dict[str, str]:
    """Device names for the tokens in a link's tc commands."""
    tokens = {f"{node}@{link['name']}": device for node, device in ports[link["name"]].items()}
    return tokens | {f"medium@{link['name']}": link["device"]}


def shape(link: dict[str, Any], shaper: str, ports: Ports, *, seeds: bool) -> None:
    """Run a link's tc commands.

    Args:
        link: the link's entry in the wiring document.
        shaper: `netem`, `tbf` or `wire`.
        ports: what `locate` found.
        seeds: whether netem takes a seed here.

    Raises:
        AgentError: tc refused a command; the error names the link.
    """
    tokens = devices_of(link, ports)
    commands = [list(_filled(command, tokens)) for command in link["tc"][shaper]]
    batch("tc", commands if seeds else map(_without_seed, commands), link["name"])


def _without_seed(command: list[str]) -> list[str]:
    at = command.index("seed") if "seed" in command else len(command)
    return command[:at] + command[at + 2 :]


def _filled(command: list[str], tokens: dict[str, str]) -> Iterator[str]:
    """A command with device names in the places of tokens; a token stands after the word `dev`."""
    yield command[0]
    for before, word in pairwise(command):
        yield tokens.get(word, word) if before == "dev" else word


def read(link: dict[str, Any], ports: Ports) -> dict[str, Any]:
    """How a link is shaped now.

    Returns:
        `ports` by node (`device`, `bridge`, `up`, `mtu`, `offloads`) and `directions`: one for a shared link, else
        two in the order of the wiring document, each with `kind`, `options` and counters as tc(8) prints them.
    """
    mine = ports.get(link["name"], {})
    return {
        "ports": {node: _read_port(device) for node, device in mine.items()},
        "directions": list(_directions(link, mine)),
        "redirected": [node for node, device in mine.items() if link["shared"] and _redirects(device, link["device"])],
    }


def _directions(link: dict[str, Any], mine: dict[str, str]) -> Iterator[dict[str, Any]]:
    if link["shared"]:
        yield _root_qdisc(link["device"])
        return
    for end in reversed(link["ends"]):
        device = mine.get(end["node"])
        yield _root_qdisc(device) if device else {"kind": "gone"}


def _root_qdisc(device: str) -> dict[str, Any]:
    if not Path(f"/sys/class/net/{device}").exists() and device not in {name for _, name in socket.if_nameindex()}:
        return {"kind": "gone"}
    found = [entry for entry in ask("tc", "-s", "-json", "qdisc", "show", "dev", device) if entry.get("root")]
    return found[0] if found else {"kind": "none"}


def _redirects(device: str, medium: str) -> bool:
    filters = ask("tc", "-json", "filter", "show", "dev", device, "ingress")
    actions = [action for entry in filters for action in entry.get("options", {}).get("actions", [])]
    return any(action.get("to_dev") == medium for action in actions)


def _read_port(device: str) -> dict[str, Any]:
    entry = ask("ip", "-json", "link", "show", "dev", device)[0]
    return {
        "device": device,
        "bridge": entry.get("master", ""),
        "up": "UP" in entry["flags"],
        "mtu": entry["mtu"],
        "offloads": offloads.still_on(device),
    }
