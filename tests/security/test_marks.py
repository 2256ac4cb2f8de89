"""What a node's programs carry makes nobody take them for a lab, or for another node. docs/security.md, 11."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from lab.engine.netns import marks
from lab.engine.netns.engine import NetnsEngine
from lab.fabric import agent, namespaces
from lab.fabric.namespaces import of_nodes
from lab.model import wiring
from tests.security.conftest import Place

CLAIMS = {marks.ENGINE_KEY: marks.ENGINE, marks.ROLE_KEY: marks.WIRE, marks.LAB_KEY: "../../../tmp"}
BEGIN = ("sh", "-c", "echo begun; exec sleep 60")

FORGE = """
import json, sys
fields = open("/proc/1/stat").read().rpartition(")")[2].split()
start, end = int(fields[47]), int(fields[48])  # env_start, env_end
words = "".join(f"{key}={value}\\0" for key, value in json.loads(sys.argv[1]).items()).encode()
with open("/proc/1/mem", "r+b", buffering=0) as memory:
    memory.seek(start)
    print(memory.write(words.ljust(end - start, b"\\0")) == end - start >= len(words))
"""
"""Root on a node writes into the environment of its first process."""


def carry(variables: Mapping[str, str]) -> list[str]:
    """The command that begins a program that carries such marks."""
    return ["env", *(f"{key}={value}" for key, value in variables.items()), *BEGIN]


def forge(place: Place, variables: Mapping[str, str]) -> bool:
    """Whether h1's first process carries these marks from now on."""
    code, lines = place.result("h1", "python3", "-c", FORGE, json.dumps(variables))
    return code == 0 and lines == [("stdout", "True")]


def test_a_node_cannot_pass_for_a_lab(shut: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program on a node that carries a lab's marks is not taken for a part of one: `down` would remove its "folder".

    Guard: only processes outside of nodes count, and names are looked at. Without the first, the program is found, and
    so is the same program on the machine; without the second, its name would be a lab's.
    """
    name = CLAIMS[marks.LAB_KEY]
    with shut.running("h1", *carry(CLAIMS), until="begun"):
        assert marks.processes(name) == []
        with monkeypatch.context() as without:
            without.setattr(marks, "can_be_ours", lambda _: True)
            assert marks.processes(name) != []
    with subprocess.Popen([sys.executable, "-c", "input()"], env=CLAIMS, stdin=subprocess.PIPE) as process:
        assert [each.process for each in marks.processes(name)] == [process.pid]
        assert name not in NetnsEngine().labs()
        process.communicate(b"\n")


def test_a_first_process_cannot_pass_for_a_lab(bare: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor is a container's first process, into whose environment root on that node wrote the marks of an embedded lab.

    Guard: a first process counts only if it may do what a keeper may. Without, the container is found. What keeps an
    embedded node cannot be written to in the first place.
    """
    claim = {marks.ENGINE_KEY: marks.ENGINE, marks.ROLE_KEY: "node", marks.LAB_KEY: "claimed", marks.NODE_KEY: "h9"}
    assert forge(bare, claim) == bare.docker
    assert marks.processes("claimed") == []
    if not bare.docker:
        assert bare.process("h1") in [each.process for each in marks.processes(bare.lab.name)]
        return
    monkeypatch.setattr(marks, "can_be_ours", lambda folder: namespaces.numbers_of(folder)[1:] in ([], [1]))
    assert [each.process for each in marks.processes("claimed")] == [bare.process("h1")]


def test_a_node_cannot_pass_for_another(shut: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nodes are found by what they carry, a program on one of them is not taken for another node.

    Guard: only the first process of a container counts. Without, it is.
    """
    with shut.running("h1", *carry({"WIRELAB_LAB": "another", "WIRELAB_NODE": "h9"}), until="begun"):
        assert of_nodes("another") == {}
        monkeypatch.setattr(namespaces, "numbers_of", lambda _: [2, 1])
        assert set(of_nodes("another")) == {"h9"}


def test_a_first_process_cannot_pass_for_another_node(
    shut: Place, bare: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two containers that say that they are the same node, the one is taken that is on that node's links.

    Guard: a look at the interfaces, which no node can change. Without, it may be either.
    """
    mine = {"WIRELAB_LAB": shut.lab.name, "WIRELAB_NODE": "h1"}
    assert forge(bare, mine) == bare.docker
    document: dict[str, Any] = wiring.document(shut.lab.plan, "wire")
    true, forged = (Path(f"/proc/{place.process('h1')}/ns/net") for place in (shut, bare))
    assert Path(agent.namespaces(document)["h1"]).samefile(true)
    if bare.docker:
        taken = set()
        for answer in (lambda _, space: Path(space).samefile(true), lambda _, space: not Path(space).samefile(true)):
            monkeypatch.setattr(agent, "is_at", answer)
            taken.add(Path(agent.namespaces(document)["h1"]).readlink())
        assert taken == {true.readlink(), forged.readlink()}
