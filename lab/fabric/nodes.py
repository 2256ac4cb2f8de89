"""Sets one node up from inside its namespace: addresses, MTU, routes, neighbours; and reads it back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from . import offloads
from .tools import AgentError, ask, batch

SYSCTL_ROOT = Path("/proc/sys")
ADDRESSES = ("address", "show")
ROUTES = ("route", "show")
NEIGHBOURS = ("neigh", "show", "nud", "permanent")


@dataclass(frozen=True, slots=True)
class Interface:
    """A node's interface as it is.

    Attributes:
        peer: index of the port at the other end of the cable, in the fabric's namespace.
    """

    device: str
    peer: int
    mac: str
    mtu: int
    up: bool
    addresses: tuple[str, ...]


def interfaces(entries: list[dict[str, Any]] | None = None) -> list[Interface]:
    """The interfaces of the caller's namespace, but for the loopback.

    Args:
        entries: what `ip -json address show` prints, where it was asked already.
    """
    if entries is None:
        (entries,) = ask("ip", ADDRESSES)
    return [
        Interface(
            device=entry["ifname"],
            peer=entry.get("link_index", 0),
            mac=entry.get("address", ""),
            mtu=entry["mtu"],
            up="UP" in entry["flags"],
            addresses=tuple(
                f"{info['local']}/{info['prefixlen']}" for info in entry["addr_info"] if info["family"] == "inet"
            ),
        )
        for entry in entries
        if entry["link_type"] == "ether"
    ]


def find(node: dict[str, Any], present: list[Interface]) -> dict[str, Interface]:
    """The interface of each of a node's links, found by its address or hardware address.

    Names are not dependable: engines number the interfaces of a container in different orders.

    Args:
        node: as in the wiring document.
        present: what `interfaces` found.

    Returns:
        Interfaces by link; links whose interface is gone are left out.
    """
    found: dict[str, Interface] = {}
    for wanted in node["interfaces"]:
        for interface in present:
            if wanted["address"] in interface.addresses or wanted["mac"] == interface.mac:
                found[wanted["link"]] = interface
    return found


def configure(node: dict[str, Any], links: dict[str, Any]) -> dict[str, Interface]:
    """Make the caller's namespace what a node's plan says. May be done again.

    Args:
        node: the node's entry in the wiring document.
        links: the document's links, by name.

    Returns:
        The interface of each link, as it was found.

    Raises:
        AgentError: an interface is missing, or a command was refused.
    """
    name = node["name"]
    entries, routes = ask("ip", ADDRESSES, ROUTES)
    found = find(node, interfaces(entries))
    for wanted in node["interfaces"]:
        if wanted["link"] not in found:
            raise AgentError(f"the interface with {wanted['address']} is missing", name)
    _write_sysctls(node["sysctls"], [interface.device for interface in found.values()])
    batch("ip", [*_strange_routes(node, routes), *_commands(node, links, found)], name)
    offloads.turn_off(interface.device for interface in found.values())
    return found


def _commands(node: dict[str, Any], links: dict[str, Any], found: dict[str, Interface]) -> Iterator[list[str]]:
    yield ["link", "set", "dev", "lo", "up"]
    for wanted in node["interfaces"]:
        here = found[wanted["link"]]
        if here.mac != wanted["mac"]:
            yield ["link", "set", "dev", here.device, "address", wanted["mac"]]
        if here.mtu != wanted["mtu"]:
            yield ["link", "set", "dev", here.device, "mtu", str(wanted["mtu"])]
        if wanted["address"] not in here.addresses:
            yield ["address", "add", wanted["address"], "broadcast", "+", "dev", here.device]
        yield ["link", "set", "dev", here.device, "up"]
        for end in links[wanted["link"]]["ends"]:
            if end["node"] != node["name"]:
                yield [
                    "neigh",
                    "replace",
                    end["address"],
                    "lladdr",
                    end["mac"],
                    "dev",
                    here.device,
                    "nud",
                    "permanent",
                ]
    yield from (route_command(route, found[route["link"]].device) for route in node["routes"])


def set_routes(node: dict[str, Any], found: dict[str, Interface]) -> None:
    """Make the routing table of the caller's namespace what a node's plan says, and change nothing else."""
    (rows,) = ask("ip", ROUTES)
    wanted = (route_command(route, found[route["link"]].device) for route in node["routes"])
    batch("ip", [*wanted, *_strange_routes(node, rows)], node["name"])


def _strange_routes(node: dict[str, Any], rows: list[dict[str, Any]]) -> Iterator[list[str]]:
    """The commands that take away what the plan does not know, the engine's way out above all."""
    known = {route["to"] for route in node["routes"]}
    for row in rows:
        if row["dst"] not in known:
            via = ["via", row["gateway"]] if "gateway" in row else []
            yield ["route", "delete", row["dst"], *via, "dev", row["dev"]]


def route_command(route: dict[str, Any], device: str) -> list[str]:
    """The ip command for a row of the routing table."""
    command = ["route", "replace", route["to"]]
    command += ["via", route["via"]] if route["via"] else ["proto", "kernel", "scope", "link"]
    command += ["dev", device]
    for key, word in (("source", "src"), ("initcwnd", "initcwnd"), ("mtu", "mtu"), ("congctl", "congctl")):
        if route[key]:
            command += [word, str(route[key])]
    return command


def _write_sysctls(wanted: dict[str, str], devices: list[str]) -> None:
    """Write what differs. `/proc/sys/net` shows the namespace of the thread that looks.

    Settings of single interfaces are older than their namespace's defaults, so they are written one by one.
    """
    of_devices = {
        f"net.{family}.conf.{device}.{key}": value
        for device in devices
        for family, key, value in (("ipv4", "rp_filter", "0"), ("ipv6", "disable_ipv6", "1"))
    }
    for name, value in (wanted | of_devices).items():
        write_sysctl(name, value)


def write_sysctl(name: str, value: str) -> None:
    """Write a kernel setting unless it is so already; one that the kernel lacks is passed over.

    Raises:
        AgentError: it may not be written.
    """
    path = SYSCTL_ROOT / sysctl_path(name)
    try:
        if path.read_text().split() != value.split():
            path.write_text(value)
    except FileNotFoundError:
        return
    except OSError as error:
        raise AgentError(f"sysctl {name}={value}: {error.strerror}") from None


def sysctl_path(name: str) -> str:
    """The path under /proc/sys of a kernel setting; a device's name may hold dots of its own."""
    head, _, tail = name.partition(".conf.")
    device, _, key = tail.rpartition(".")
    return f"{head.replace('.', '/')}/conf/{device}/{key}" if tail else name.replace(".", "/")


def read(node: dict[str, Any]) -> dict[str, Any]:
    """What the caller's namespace is now, in the words of the plan.

    Returns:
        `interfaces` by link (device, peer, mac, mtu, up, addresses, offloads that are on), `routes` (rows as
        ip(8) prints them), `neighbours` (hardware address by address, permanent ones), `sysctls` that the plan names.
    """
    entries, routes, neighbours = ask("ip", ADDRESSES, ROUTES, NEIGHBOURS)
    found = find(node, interfaces(entries))
    return {
        "interfaces": {
            link: asdict(interface) | {"offloads": offloads.still_on(interface.device)}
            for link, interface in found.items()
        },
        "routes": routes,
        "neighbours": {entry["dst"]: entry.get("lladdr", "") for entry in neighbours},
        "sysctls": {name: _sysctl(name) for name in node["sysctls"]},
    }


def _sysctl(name: str) -> str:
    try:
        return " ".join((SYSCTL_ROOT / sysctl_path(name)).read_text().split())
    except OSError:
        return ""
