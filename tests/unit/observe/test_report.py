"""What is shown of a lab: tables for people, documents for programs, and messages for both."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console, RenderableType

from lab.engine.base import LabRecord
from lab.engine.owner import Owner
from lab.errors import EngineError, LabError, SpecError
from lab.lab import Status
from lab.model import steering
from lab.model.change import UNCHANGED
from lab.model.drift import differences
from lab.model.media import MEDIA
from lab.model.plan import LabPlan, LabSpec, decide
from lab.model.readback import Figures
from lab.model.spec import parse
from lab.observe import report
from lab.observe.conversation import Conversation, Outcome

Read = Callable[..., dict[str, Any]]
Looked = Callable[..., Status]


def _shown(what: RenderableType) -> str:
    console = Console(file=io.StringIO(), width=200, highlight=False)
    console.print(what)
    file = console.file
    assert isinstance(file, io.StringIO)
    return file.getvalue()


@pytest.fixture
def looked(as_read: Read) -> Looked:
    """Makes the status of a lab that is as planned, or of which the engine has only some of the nodes and links."""

    def look(
        plan: LabPlan, shaper: str = "tbf", nodes: dict[str, str] | None = None, links: set[str] | None = None
    ) -> Status:
        states = nodes if nodes is not None else {node.name: "running" for node in plan.nodes}
        there = links if links is not None else {link.name for link in plan.links}
        live = as_read(plan, shaper)
        live["links"] = {name: link for name, link in live["links"].items() if name in there}
        record = LabRecord(plan.name, plan.spec, states, frozenset(there))
        return Status(plan, "docker", record, live, differences(plan, states, live), plan)

    return look


@pytest.mark.parametrize(
    ("failure", "text"),
    [
        (LabError("it failed"), "error: it failed"),
        (EngineError("it failed", where="h1"), "error: h1: it failed"),
        (SpecError("it failed", where="h1", remedy="./inv up"), "error: h1: it failed\n  next: ./inv up"),
    ],
)
def test_an_error_says_what_failed_where_and_what_next(failure: LabError, text: str) -> None:
    """In two lines at most."""
    assert report.error(failure) == text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("coax", "10 Mbit/s"),
        ("twisted-pair-2400", "2,400 bit/s"),
        ("satellite", "10 Mbit/s, 270 ms"),
        ("wireless", "11 Mbit/s, 2 ms ± 500 µs, 1 % lost"),
        ("coax,duplicate=1%,corrupt=2%", "10 Mbit/s, 1 % doubled, 2 % corrupt"),
        ("satellite,reorder=5%", "10 Mbit/s, 270 ms, 5 % reordered"),
    ],
)
def test_a_direction_is_told_in_a_few_words(text: str, words: str) -> None:
    """Only what there is of it."""
    assert report.settings(parse(text).forward.settings) == words


def test_live_figures_are_told_in_the_same_words() -> None:
    """So that declared and live can be held against each other by eye."""
    assert report.settings(Figures(shaper="netem", rate=10e6, delay=0.27)) == "10 Mbit/s, 270 ms"
    assert report.settings(Figures(shaper="noqueue")) == "no limit"


def test_the_status_document_has_what_the_blueprint_says(looked: Looked) -> None:
    """Plain JSON: lab, engine, topology, nodes and links with their keys."""
    plan = decide(LabSpec(topology="ring", nodes=3))
    document = json.loads(json.dumps(report.status_document(looked(plan))))
    assert (document["lab"], document["engine"], document["topology"]) == ("lab", "docker", "ring")
    assert document["differences"] == []
    assert document["nodes"][0] == {
        "name": "n1",
        "address": plan.node("n1").address,
        "addresses": {"n1-n2": "198.18.0.2/29", "n3-n1": "198.18.0.19/29"},
        "state": "running",
    }
    link = document["links"][0]
    assert link.keys() == {"name", "ends", "medium", "declared", "set", "cut", "mute", "live", "state"}
    assert (link["name"], link["ends"], link["medium"], link["state"]) == ("n1-n2", ["n1", "n2"], "coax", "up")
    assert [way["rate"] for way in link["declared"]] == [10_000_000, 10_000_000]
    assert [(way["shaper"], way["rate"]) for way in link["live"]] == [("tbf", 10_000_000), ("tbf", 10_000_000)]


def test_a_shared_link_is_told_once(looked: Looked) -> None:
    """One medium, one set of figures, declared and live."""
    status = looked(decide(LabSpec(topology="bus", nodes=3)))
    (link,) = report.status_document(status)["links"]
    assert (len(link["declared"]), len(link["live"]), link["state"]) == (1, 1, "up")


def test_a_link_that_differs_is_told_apart_from_one_that_is_missing(looked: Looked) -> None:
    """`up`, `differs`, `missing`: and one link's trouble is not another's whose name begins alike."""
    plan = decide(LabSpec(nodes=12))
    status = looked(plan, links={link.name for link in plan.links} - {"h2-hub"})
    status.live["links"]["h1-hub"]["directions"][0] = {"kind": "noqueue"}
    status = replace(status, differences=differences(plan, status.record.nodes, status.live))
    states = {link.name: report.link_state(status, link) for link in plan.links}
    assert {states[name] for name in states.keys() - {"h1-hub", "h2-hub"}} == {"up"}
    assert (states["h1-hub"], states["h2-hub"]) == ("differs", "missing")


def test_a_port_that_differs_makes_its_link_differ(looked: Looked) -> None:
    """Not only a direction's figures, but its ports as well."""
    plan = decide(LabSpec(nodes=2))
    status = looked(plan)
    status.live["links"]["h1-hub"]["ports"]["h1"]["up"] = False
    status = replace(status, differences=differences(plan, status.record.nodes, status.live))
    assert [report.link_state(status, link) for link in plan.links] == ["differs", "up"]


def test_the_status_table_shows_all_nodes_and_links(looked: Looked) -> None:
    """Each by name with its state and, for a link, who shapes it; nothing of a cure where nothing ails."""
    text = _shown(report.status_table(looked(decide(LabSpec(nodes=2, media="satellite")), "netem")))
    assert "lab lab: star on docker" in text
    assert all(word in text for word in ("h1", "h2", "hub", "running", "h1-hub", "10 Mbit/s, 270 ms", "netem", "up"))
    assert "next" not in text


def test_the_status_table_names_each_difference_and_the_cure(looked: Looked) -> None:
    """What is not as declared, and the command that mends it, with the lab's name."""
    plan = decide(LabSpec(name="mine", nodes=2))
    text = _shown(report.status_table(looked(plan, nodes={"h1": "exited", "hub": "running"})))
    assert "h1: state is exited, declared running" in text
    assert "h2: state is missing, declared running" in text
    assert "next: ./inv up, which makes it anew" in text


def test_a_status_of_nothing_can_be_shown(looked: Looked) -> None:
    """A lab of which only a network is left has nothing live, and is shown all the same."""
    status = looked(decide(LabSpec(nodes=2)), nodes={}, links=set())
    status = replace(status, live={"nodes": {}, "links": {}})
    document = report.status_document(status)
    assert [(link["live"], link["state"]) for link in document["links"]] == [([], "missing")] * 2
    assert _shown(report.status_table(status)).count("missing") >= 5


def test_two_directions_are_shown_with_arrows(looked: Looked) -> None:
    """Where they differ, with which way an arrow points; once, however many links have some."""
    text = _shown(report.status_table(looked(decide(LabSpec(nodes=2, media="rate=1mbit/rate=2mbit")))))
    assert text.count("→ 1 Mbit/s · ← 2 Mbit/s") == 2
    assert text.count("→ as in the link's name: on h1-hub from h1 to hub") == 1
    assert "→" not in _shown(report.status_table(looked(decide(LabSpec(nodes=2)))))


@pytest.mark.parametrize(
    ("spec", "lines"),
    [
        (
            LabSpec(),
            [
                "lab is up: a star of 5 nodes on 4 links, coax (10 Mbit/s)",
                '  next: ./inv run tcp --server h1 --client h2 --message "hello there!"',
                "        ./inv status    ./inv shell h1    ./inv down",
            ],
        ),
        (
            LabSpec(name="mine", topology="ring", nodes=3, links=(("n1-n2", "fibre"),)),
            [
                "mine is up: a ring of 3 nodes on 3 links, fibre, coax",
                '  next: ./inv run tcp --server n1 --client n3 --message "hello there!" --name mine',
                "        ./inv status --name mine    ./inv shell n1 --name mine    ./inv down --name mine",
            ],
        ),
        (
            LabSpec(topology="ring", nodes=2, links=(("n1-n2", "rate=1mbit"),)),
            [
                "lab is up: a ring of 2 nodes on 2 links, coax",
                '  next: ./inv run tcp --server n1 --client n2 --message "hello there!"',
                "        ./inv status    ./inv shell n1    ./inv down",
            ],
        ),
        (
            LabSpec(topology="bus", nodes=3, media="wireless"),
            [
                "lab is up: a bus of 3 nodes on 1 link, wireless (11 Mbit/s, 2 ms ± 500 µs, 1 % lost)",
                '  next: ./inv run tcp --server h1 --client h2 --message "hello there!"',
                "        ./inv status    ./inv shell h1    ./inv down",
            ],
        ),
    ],
)
def test_a_lab_is_welcomed_with_what_to_type_next(spec: LabSpec, lines: list[str]) -> None:
    """What it is, and commands that can be typed as they stand."""
    assert _shown(report.welcome(decide(spec))).splitlines() == lines


def test_all_labs_are_listed_as_they_were_described() -> None:
    """Words in brackets are words, not markup."""
    hosts = {"h1": "running", "h2": "exited"}
    labs = [
        ("docker", LabRecord("lab", LabSpec(nodes=2, media="coax,loss=1%"), hosts, frozenset({"h1-hub"}))),
        ("netns", LabRecord("[red]", None, owner=replace(Owner.here(), started="long ago"))),
    ]
    text = _shown(report.labs_table(labs))
    assert "star of 2, coax,loss=1%" in text
    assert "1 of 2" in text
    assert "[red]" in text
    assert f"process {os.getpid()}, gone" in text
    first, second = report.labs_document(labs)
    assert (first["engine"], first["words"]["nodes"], first["nodes"], first["links"]) == (
        "docker",
        2,
        hosts,
        ["h1-hub"],
    )
    assert second["words"] is None
    assert (first["owner"], second["owner"]["gone"]) == (None, True)


def test_each_line_is_shown_with_its_node() -> None:
    """Whatever a program says is shown as it is: no markup, no emoji, no wrapping."""
    console = Console(file=io.StringIO(), width=20, highlight=False)
    speak = report.speaker(console, ("h1", "h10"))
    speak("h1", "stdout", "server received  [bold]:smile: a line that is longer than the console")
    speak("h10", "stderr", "oh")
    assert isinstance(console.file, io.StringIO)
    assert console.file.getvalue().splitlines() == [
        " h1 │ server received  [bold]:smile: a line that is longer than the console",
        "h10 │ oh",
    ]


@pytest.mark.parametrize(
    ("result", "text"),
    [
        (Outcome(0, 1), "error: h2: the client ended with exit code 1"),
        (Outcome(1, 1), "error: h2: the client ended with exit code 1"),
        (Outcome(3, 0), "error: h1: the server ended with exit code 3"),
        (
            Outcome(None, 0),
            "error: h1: the server still waited after 2.5 s, and was ended\n  next: was the message lost?",
        ),
    ],
)
def test_a_conversation_that_failed_is_told_by_who_failed(result: Outcome, text: str) -> None:
    """Client first, for the server often fails in its wake."""
    talk = Conversation(protocol="tcp", server="h1", client="h2", message="m", patience=2.5)
    assert not result.good
    assert report.outcome(talk, result).startswith(text)


@pytest.mark.parametrize(("lab", "words"), [("lab", ""), ("my-lab", " --name my-lab")])
def test_a_cut_on_a_conversations_way_is_told(lab: str, words: str) -> None:
    """With what joins it, ready to paste; a link that is not between the two is not told."""
    plan = decide(LabSpec(name=lab, nodes=3))
    cut = {name: steering.cut(plan.link(name).link, UNCHANGED) for name in ("h1-hub", "h3-hub")}
    [note] = report.cut_notes(steering.in_force(plan, cut), "h1", "h2")
    assert note == f"note: h1-hub is cut, and lies between h2 and h1\n  next: ./inv heal h1-hub{words}"
    assert not list(report.cut_notes(plan, "h1", "h2"))


@pytest.mark.parametrize("name", MEDIA)
def test_a_plan_can_be_shown_for_every_medium(name: str) -> None:
    """Its tables name each node, link and medium, and where the addresses come from."""
    text = _shown(report.plan_tables(decide(LabSpec(nodes=2, media=name))))
    assert all(word in text for word in ("198.18.0.0/28", "h1", "hub", "h2-hub", name, "the link on h1-hub"))
