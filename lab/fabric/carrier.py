"""What the agent has to do with the software wire: which links it shall carry, and telling it so.

The agent tells it while it is `alone` with the lab, so that of two changes the last one holds on the wire, too.
"""

from __future__ import annotations

import json
from typing import Any

from . import ports
from .tools import AgentError
from .wire_control import ask


def document(lab: dict[str, Any], links: list[dict[str, Any]], located: ports.Ports) -> dict[str, Any]:
    """What the software wire has to be told to carry some links; see `fabric.wire`.

    Args:
        lab: the wiring document.
        links: some of its links.
        located: the ports.
    """
    return {
        "lab": lab["lab"],
        "seed": lab["seed"],
        "links": [
            {
                "name": link["name"],
                "shared": link["shared"],
                "ports": [{"node": end["node"], "device": located[link["name"]][end["node"]]} for end in link["ends"]],
                "directions": link["directions"],
                "mute": link["mute"],
            }
            for link in links
        ],
    }


def carried(lab: dict[str, Any]) -> set[str] | None:
    """The links that a lab's wire carries; None where none runs."""
    if not lab.get("wire_socket"):
        return None
    try:
        return {link["name"] for link in ask(lab["wire_socket"], '{"op": "stats"}')["links"]}
    except (OSError, ValueError):
        return None


def carry(lab: dict[str, Any], links: list[dict[str, Any]]) -> None:
    """Have the wire carry some links beside those that it carries.

    Args:
        lab: the wiring document.
        links: as `document` has them.

    Raises:
        AgentError: it cannot.
    """
    if links:
        _tell(lab, {"op": "carry", "links": links})


def drop(lab: dict[str, Any], names: list[str]) -> None:
    """Have the wire carry some links no longer; what is on its way on them is gone.

    Raises:
        AgentError: it cannot.
    """
    if names:
        _tell(lab, {"op": "drop", "links": names})


def mute(lab: dict[str, Any], name: str) -> None:
    """Have the wire take nothing more from any node of a link; what is on its way goes on.

    Raises:
        AgentError: it cannot.
    """
    _tell(lab, {"op": "mute", "link": name})


def waiting(lab: dict[str, Any], name: str) -> int:
    """Bytes that wait on a link of the wire, and frames that are on their way, counted together."""
    stats = _tell(lab, {"op": "stats"})
    ways = (way for link in stats["links"] if link["name"] == name for way in link["directions"])
    return sum(way["in_flight"] + way["queued_bytes"] for way in ways)


def _tell(lab: dict[str, Any], request: dict[str, Any]) -> dict[str, Any]:
    try:
        said = ask(lab["wire_socket"], json.dumps(request))
    except (OSError, ValueError) as error:
        said = {"error": str(error)}
    if "error" in said:
        raise AgentError(f"the software wire: {said['error']}", lab["lab"], f"./inv heal --name {lab['lab']}")
    return said
