"""The agent: given namespaces and a wiring document, it wires and shapes a whole lab in one call, and reads it back.

    python3 -m fabric.agent [--brief] DOCUMENT

DOCUMENT is a path, or `-` for standard input; `lab.model.wiring` says what is in it. The agent runs in the
fabric's namespace with every privilege there, for as long as the one call takes. It prints one JSON document:
`{"ok": true, …}`, or `{"ok": false, "error": {"what": …, "where": …, "remedy": …}}`; with `--brief`, one
line for people. Exit code 1 means that it did not work, or that packets do not pass.
"""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from . import carrier, filters, nodes, ports, probe, steer, survey
from .alone import alone
from .choice import abilities, choose
from .namespaces import inside, make_sysctls_writable, of_nodes
from .nodes import Interface
from .tools import AgentError


def main(arguments: list[str]) -> int:
    """Do what the document says."""
    *options, path = arguments
    said = answer(json.loads(sys.stdin.read() if path == "-" else Path(path).read_text()))
    print(brief(said) if "--brief" in options else json.dumps(said))
    return 0 if said["ok"] and not said.get("unanswered") else 1


def answer(document: dict[str, Any]) -> dict[str, Any]:
    """Do what a document says, and tell how that went."""
    try:
        make_sysctls_writable()
        with alone(document["device_prefix"]) if document["op"] in CHANGING else nullcontext():
            return {"ok": True} | OPS[document["op"]](document)
    except AgentError as error:
        return {"ok": False, "error": {"what": error.what, "where": error.where, "remedy": error.remedy}}
    except OSError as error:
        return {"ok": False, "error": {"what": str(error), "where": "fabric"}}


def brief(answer: dict[str, Any]) -> str:
    """What was done, in a line for people."""
    if not answer["ok"]:
        return f"error: {answer['error']['where']}: {answer['error']['what']}"
    if answer.get("unanswered"):
        return f"error: no packet passes on {', '.join(probe['why'] for probe in answer['unanswered'])}"
    return f"wired {len(answer.get('nodes', ()))} nodes, shaped {len(answer.get('links', ()))} links"


def wire(document: dict[str, Any]) -> dict[str, Any]:
    """Set every node up, prove that packets pass, shape every link, and read all of it back.

    Returns:
        `unanswered` (probes; where there are any, nothing was shaped), `chosen` (shaper by link), `wire` (what
        the software wire has to be told; one that runs has been told), and what `read` returns. Or `stale`, as
        `change` does, if the document says what the bridges are believed to carry.
    """
    lines = steer.remembered(document)
    if document.get("was", lines) != lines:
        return {"stale": lines}
    found = _on_nodes(document, _configurer(document))
    located = ports.locate(
        {node: {link: face.peer for link, face in by_link.items()} for node, by_link in found.items()}
    )
    able = abilities()
    stay = {link["name"] for link in document["links"] if link.get("moved") and ports.off_bridge(link, located)}
    chosen = {
        link["name"]: choose(link, document["shaper"], netem="netem" in able and link["name"] not in stay)
        for link in document["links"]
    }
    on_wire = [link for link in document["links"] if chosen[link["name"]] == "wire"]
    carried = carrier.carried(document)
    carrier.drop(document, sorted((carried or set()) - {link["name"] for link in on_wire}))
    known = {name: bridge for name, (bridge, _) in steer.lines(document["device_prefix"]).items()}
    ports.prepare(document["links"], located, chosen, known)
    steer.remember(document["links"], located, document["device_prefix"])
    unanswered = probe.run(document["probes"], namespaces(document))
    if unanswered:
        return {"unanswered": unanswered} | facts()
    ports.make_media([link for link in document["links"] if link["shared"] and link not in on_wire])
    ports.take_off_bridge(on_wire, located)
    ports.shape(document["links"], chosen, located, seeds="seed" in able)
    ports.shut_out(document["links"], located, able)
    filters.silence(document["links"], located, chosen)
    wanted = carrier.document(document, on_wire, located)
    if carried is not None:
        carrier.carry(document, wanted["links"])
    return {"unanswered": [], "chosen": chosen, "wire": wanted} | read(document)


def change(document: dict[str, Any]) -> dict[str, Any]:
    """Change links and routes of a running lab in place, as `steer` tells.

    Returns:
        `stale`, where the bridges carry something else than was believed, or `lacks`, where the software wire is
        needed and none runs: then nothing was done; else `chosen`, and `wire`: what the software wire was told of
        those links that it carries.
    """
    faces = _on_nodes(document, lambda node: nodes.find(node, nodes.interfaces()))
    done = steer.steer(document, faces)
    if "chosen" not in done:
        return done
    routed = [node for node in document["nodes"] if node["routes"] is not None]
    _on_nodes(document | {"nodes": routed}, lambda node: nodes.set_routes(node, faces[node["name"]]))
    return done


def _configurer(document: dict[str, Any]) -> Callable[[dict[str, Any]], dict[str, Interface]]:
    links = {link["name"]: link for link in document["links"]}
    return lambda node: nodes.configure(node, links)


def read(document: dict[str, Any]) -> dict[str, Any]:
    """What is there: `nodes` and `links` by name, as `nodes.read` and `ports.read` tell, and facts of the machine."""
    alive = {name for name, namespace in namespaces(document).items() if Path(namespace).exists()}
    state = {"nodes": [node for node in document["nodes"] if node["name"] in alive]}
    live = _on_nodes(document | state, nodes.read)
    located = ports.locate(
        {node: {link: face["peer"] for link, face in here["interfaces"].items()} for node, here in live.items()}
    )
    lines = steer.remembered(document)
    return {"nodes": live, "links": ports.read(document["links"], located), "lines": lines} | facts()


def unwire(document: dict[str, Any]) -> dict[str, Any]:
    """Remove what the agent made in the fabric; nodes and cables are the engine's."""
    return {"removed": ports.remove_media(document["device_prefix"])}


def facts() -> dict[str, Any]:
    """What explains a failure: the kernel, and whether bridged frames pass its firewall."""
    nf = Path("/proc/sys/net/bridge/bridge-nf-call-iptables")
    return {
        "kernel": platform.release(),
        "bridge_firewall": nf.exists() and nf.read_text().strip() == "1",
    }


def namespaces(document: dict[str, Any]) -> dict[str, str]:
    """The network namespace of each node that is there: as the document has it, or else by what processes carry."""
    if all("namespace" in node for node in document["nodes"]):
        return {node["name"]: node["namespace"] for node in document["nodes"]}
    said = of_nodes(document["lab"])
    named = {node["name"]: node for node in document["nodes"]}
    return {name: _right_one(named[name], spaces) for name, spaces in said.items() if name in named}


def _right_one(node: dict[str, Any], spaces: Sequence[str]) -> str:
    """Of the namespaces that are said to be a node's, the one that is."""
    if len(spaces) == 1:
        return spaces[0]
    return next((space for space in spaces if is_at(node, space)), spaces[0])


def is_at(node: dict[str, Any], namespace: str) -> bool:
    """Whether a namespace is a node's: by its interfaces, which no node can change."""
    try:
        with inside(namespace):
            return len(nodes.find(node, nodes.interfaces())) == len(node["interfaces"])
    except OSError:  # it ended
        return False


def _on_nodes(document: dict[str, Any], work: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
    """Do some work in the namespace of every node; results by node."""
    where = namespaces(document)
    results = {}
    for node in document["nodes"]:
        if node["name"] not in where:
            raise AgentError("it does not run", node["name"])
        with inside(where[node["name"]]):
            try:
                results[node["name"]] = work(node)
            except AgentError as error:
                raise AgentError(error.what, error.where or node["name"], error.remedy) from None
    return results


OPS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "wire": wire,
    "read": read,
    "steer": change,
    "survey": survey.survey,
    "unwire": unwire,
}
CHANGING = ("wire", "steer", "unwire")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
