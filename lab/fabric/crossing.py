"""A link goes over from its bridge to the software wire, or back. No frame passes unshaped, out of turn or twice.

First nothing more is let in, then what waits or is on its way is let out, then the ports change sides. What comes in
from the first of that until the other side has begun is lost.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from . import carrier, filters, ports
from .tools import batch

DRAIN_SECONDS = 2.0
LOOK_AGAIN_SECONDS = 0.005


def to_wire(document: dict[str, Any], link: dict[str, Any], located: ports.Ports) -> dict[str, Any]:
    """Have the software wire carry a link.

    Args:
        document: the wiring document; a wire runs.
        link: its entry.
        located: the ports.

    Returns:
        `to`, the new side; `seconds`, for how long what came in was lost; `left`, whether something still waited.
    """
    began = time.monotonic()
    devices = list(located[link["name"]].values())
    for device in devices:
        filters.drop_all(device)
    waiting = [link["device"]] if link["shared"] else devices
    left = _drained(lambda: ports.backlog(waiting))
    ports.take_off_bridge([link], located)
    _shape(link, "wire", located)
    carrier.carry(document, carrier.document(document, [link], located)["links"])
    return {"to": "wire", "seconds": time.monotonic() - began, "left": left}


def to_bridge(
    document: dict[str, Any], link: dict[str, Any], kind: str, located: ports.Ports, bridge: str
) -> dict[str, Any]:
    """Have the kernel carry a link again.

    Args:
        document: the wiring document; a wire runs.
        link: its entry.
        kind: what shapes it there: `netem` or `tbf`.
        located: the ports.
        bridge: where they belong.

    Returns:
        As `to_wire`.
    """
    began = time.monotonic()
    name, devices = link["name"], list(located[link["name"]].values())
    left = False
    if name in (carrier.carried(document) or ()):
        carrier.mute(document, name)
        left = _drained(lambda: carrier.waiting(document, name) + ports.backlog(devices))
        carrier.drop(document, [name])
    if link["shared"]:
        ports.make_media([link])
    _shape(link, kind, located)
    batch("ip", [["link", "set", "dev", device, "master", bridge] for device in devices], name)
    filters.silence([link], located, {name: kind})
    return {"to": kind, "seconds": time.monotonic() - began, "left": left}


def _shape(link: dict[str, Any], kind: str, located: ports.Ports) -> None:
    ports.shape([link], {link["name"]: kind}, located, seeds=False)


def _drained(waiting: Callable[[], int]) -> bool:
    """Wait until nothing waits any more, or for as long as is bearable; whether something is left then."""
    deadline = time.monotonic() + DRAIN_SECONDS
    while (left := bool(waiting())) and time.monotonic() < deadline:
        time.sleep(LOOK_AGAIN_SECONDS)  # the kernel tells nobody that a queue is empty
    return left
