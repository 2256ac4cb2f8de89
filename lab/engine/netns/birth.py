"""Brings the namespaces of a lab into being, still without cables: a program that is gone when they are there.

    python3 -m lab.engine.netns.birth        the order, a JSON document, on stdin

It forks, and forking is safe only where there are no threads: so it is a program of its own. What it leaves behind
is one sleeping process for each node and one for the fabric, its keeper. Each is noted in the lab's folder as soon
as it is there. Standard library only.

The order: {"state": the lab's folder, "apps", "python": as `root.build` wants them, "environment": of the fabric's
keeper, "nodes": [{"name", "environment": of its keeper, "hosts": [[address, name], …], "sysctls": {…}}, …]}
It prints {"ok": true}, or {"ok": false, "error": {"what": …, "where": …}}.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lab.engine.netns import root, system
from lab.engine.netns.marks import FABRIC, node_mark, note

KEEPER = ("/bin/sleep", "infinity")
OF_A_NODE = system.CLONE_NEWNET | system.CLONE_NEWNS | system.CLONE_NEWUTS | system.CLONE_NEWIPC | system.CLONE_NEWPID


class BirthError(Exception):
    """Something was refused: what, and for which node."""

    def __init__(self, what: str, where: str) -> None:
        super().__init__(what, where)
        self.what = what
        self.where = where


def main() -> int:
    """Carry the order out."""
    order = json.load(sys.stdin)
    try:
        bring_forth(order)
    except BirthError as error:
        print(json.dumps({"ok": False, "error": {"what": error.what, "where": error.where}}))
        return 1
    print(json.dumps({"ok": True}))
    return 0


def bring_forth(order: dict[str, Any]) -> None:
    """Make the fabric and all nodes, side by side.

    Raises:
        BirthError: something was refused. What is there by then stays there.
    """
    hears, tells = os.pipe()
    fork("fabric", tells, lambda: _make_fabric(order, tells))
    # The nodes are made by a process that leaves the host's file system, and with it Python's library.
    fork("fabric", tells, lambda: _make_nodes(order, tells))
    os.close(tells)
    _collect(hears, Path(order["state"]))


def _collect(hears: int, state: Path) -> None:
    """Note every keeper that the makers tell of, until all of them have become what they are to be, or failed."""
    failed: BirthError | None = None
    with os.fdopen(hears) as told:
        for line in told:
            word = json.loads(line)
            if "process" in word:
                note(state / word["mark"], word["process"])
            else:
                failed = failed or BirthError(word["what"], word["where"])
    if failed:
        raise failed


def fork(where: str, tells: int, work: Callable[[], None]) -> int:
    """Do some work in a process of its own; what goes wrong there is told through a pipe."""
    child = os.fork()
    if child:
        return child
    try:
        work()
    except OSError as error:
        _tell(tells, what=str(error.strerror), where=where)
    except BaseException as error:  # noqa: BLE001 - this process ends here whatever happened, and must not return
        _tell(tells, what=repr(error), where=where)
    os._exit(0)


def _tell(tells: int, **word: str | int) -> None:
    os.write(tells, json.dumps(word).encode() + b"\n")  # one write, shorter than PIPE_BUF: never mixed with another


def _make_fabric(order: dict[str, Any], tells: int) -> None:
    system.unshare(system.CLONE_NEWNET)
    _tell(tells, mark=FABRIC, process=os.getpid())
    _keep(order["environment"])


def _make_nodes(order: dict[str, Any], tells: int) -> None:
    system.unshare(system.CLONE_NEWNS)
    root.build(order["state"], order["apps"], order["python"])
    makers = [fork(node["name"], tells, lambda node=node: _make_node(node, tells)) for node in order["nodes"]]  # type: ignore[misc]
    for maker in makers:
        os.waitpid(maker, 0)


def _make_node(node: dict[str, Any], tells: int) -> None:
    """Fork the first process of a node's new PID namespace, and tell its number in the host's."""
    system.unshare(OF_A_NODE)
    keeper = fork(node["name"], tells, lambda: _become_node(node))
    _tell(tells, mark=node_mark(node["name"]), process=keeper)


def _become_node(node: dict[str, Any]) -> None:
    root.furnish(node["name"], node["hosts"], node["sysctls"])
    _keep(node["environment"])


def _keep(environment: dict[str, str]) -> None:
    """Become the keeper: sleep, and hold nothing of the caller's."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(nothing, stream)
    system.leave_no_zombies()
    system.drop_capabilities()
    os.execve(KEEPER[0], KEEPER, environment)  # noqa: S606 - the point is to become that program


if __name__ == "__main__":
    sys.exit(main())
