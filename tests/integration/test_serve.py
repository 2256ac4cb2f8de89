"""Servers beside a node, each used by its real client beside another, over the lab's links."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import pytest

from lab import services
from lab.errors import EngineError, TopologyError, WordsError
from lab.lab import Lab
from lab.model.plan import LabSpec

PRINTED_SECONDS = 15.0


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """A star of three over coax."""
    with Lab.up(LabSpec(name=f"t{os.getpid()}-serve", nodes=3), "docker") as made:
        yield made


def visit(lab: Lab, service: str, node: str, command: str) -> str:
    """What a client's command prints; it must end well."""
    with services.place(lab, service, node) as place:
        process = place.start(["sh", "-c", command])
        lines = list(process.lines())
        assert process.wait() == 0, lines
    return "\n".join(text for _, text in lines)


def frames(lab: Lab) -> int:
    """How many frames have left the fabric toward the servers' node."""
    packets: int = lab.status().live["links"]["h1-hub"]["directions"][1]["packets"]
    return packets


@pytest.mark.parametrize(
    ("service", "command", "answer"),
    [
        ("web", "curl --silent http://h1/", "hello from a web server"),
        ("database", "psql -h h1 -U student -A -t -c 'select 6 * 7' lab", "42"),
        ("file", "sftp -q h1:hello.txt /tmp/ && cat /tmp/hello.txt", "hello from a file server"),
        ("print", "lpstat -h h1:631 -p paper", "printer paper is idle"),
    ],
)
def test_a_real_client_is_served_from_another_node(lab: Lab, service: str, command: str, answer: str) -> None:
    """It answers as soon as `serve` has returned, by the server's name, and over the link: its frames are counted."""
    services.serve(lab, service, "h1")
    before = frames(lab)
    assert answer in visit(lab, service, "h2", command)
    assert frames(lab) > before


def test_what_is_sent_to_the_printer_is_on_its_paper(lab: Lab) -> None:
    """Two sheets from two nodes, one after another."""
    services.serve(lab, "print", "h1")
    for node in ("h2", "h3"):
        visit(lab, "print", node, f"echo a sheet from {node} | lp -h h1:631 -d paper")
    deadline = time.monotonic() + PRINTED_SECONDS
    while len(sheets := visit(lab, "print", "h1", "cat /srv/paper/sheets").splitlines()) < 2:
        assert time.monotonic() < deadline, sheets
    assert sorted(sheets) == ["a sheet from h2", "a sheet from h3"]


def test_a_database_keeps_what_it_is_given(lab: Lab) -> None:
    """What one client makes another sees; a second `serve` leaves the server as it is."""
    services.serve(lab, "database", "h1")
    visit(lab, "database", "h2", "createdb -h h1 -U postgres kept")
    services.serve(lab, "database", "h1")
    listed = visit(lab, "database", "h3", "psql -A -t -l -h h1 -U student lab").splitlines()
    assert [line for line in listed if line.startswith("kept|postgres|")]


def test_words_that_mean_nothing_are_refused(lab: Lab) -> None:
    """No such service, and no such node."""
    with pytest.raises(WordsError, match="no service is called 'tea'"):
        services.serve(lab, "tea", "h1")
    with pytest.raises(TopologyError, match="no node is called 'h9'"):
        services.serve(lab, "web", "h9")


def test_the_embedded_engine_says_that_it_has_no_images() -> None:
    """With what to type instead."""
    with Lab.up(LabSpec(name=f"t{os.getpid()}-bare", nodes=2), "netns") as bare, pytest.raises(EngineError) as refused:
        services.serve(bare, "web", "h1")
    assert "--engine docker" in str(refused.value)
