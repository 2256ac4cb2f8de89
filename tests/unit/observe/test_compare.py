"""What is compared with what, and when a figure is as predicted; and how it is shown."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from lab.errors import LabError, WordsError
from lab.model.exchange import Exchange
from lab.model.media import MEDIA
from lab.model.passing import Machine
from lab.observe import compare, compared, talk
from lab.observe.compare import Row
from lab.observe.talk import Measured

ROW = Row(
    medium="coax",
    shaper="wire",
    alone=Exchange(0.9, 1.8, 3.5),
    machine=Machine(link=0.025),
    predicted=Exchange(1.0, 2.0, 4.0),
    measured=Measured(1.04, 2.0, 4.1, again=0, rounds=3),
    share=0.05,
    links=4,
)
FAST = replace(ROW, predicted=Exchange(1e-4, 2e-4, 3e-4), measured=Measured(1.1e-4, 2.1e-4, 3.19e-4, 0, 3))


def test_all_media_or_those_that_are_named() -> None:
    """A SPEC keeps its settings, an alias becomes what it stands for."""
    assert compare.media("all") == list(MEDIA)
    assert compare.media("coax satellite,loss=1%") == ["coax", "satellite,loss=1%"]
    assert compare.media("twisted-pair") == ["twisted-pair-33600"]


@pytest.mark.parametrize("words", ["", "string", "coax moon"])
def test_what_is_no_medium_is_refused(words: str) -> None:
    """Before any lab is made."""
    with pytest.raises(LabError):
        compare.media(words)


@pytest.mark.parametrize(
    ("app", "size", "over", "what"),
    [
        ("smtp", 10, "coax", "no conversation"),
        ("tcp", 0, "coax", "a byte at least"),
        ("tcp", 10, "coax,rate=1", "unit"),
    ],
)
def test_wrong_words_make_no_lab(app: str, size: int, over: str, what: str) -> None:
    """They are refused at once; no engine of that name could be asked."""
    with pytest.raises(WordsError, match=what):
        compare.compare(app, [over], topology="star", nodes=2, size=size, engine="none")


@pytest.mark.parametrize(
    ("change", "good"),
    [
        ({}, True),
        ({"measured": replace(ROW.measured, whole=4.21)}, False),
        ({"measured": replace(ROW.measured, connect=1.06)}, False),
        ({"measured": replace(ROW.measured, whole=4.21), "share": 0.15}, True),
        ({"measured": replace(ROW.measured, whole=9.0), "predicted": replace(ROW.predicted, sure=False)}, True),
    ],
)
def test_each_step_is_within_a_share(change: dict[str, Any], good: bool) -> None:
    """5 %, or more where chance plays a part; nothing where TCP must send again."""
    assert replace(ROW, **change).good is good


def test_only_what_a_core_takes_to_wake_up_is_let_pass() -> None:
    """Of 0.3 ms, 19 µs too much are good and 26 µs are not: 20 µs are accepted, whatever their share."""
    assert FAST.good
    assert not replace(FAST, measured=replace(FAST.measured, whole=3.26e-4)).good


def _shown(*rows: Row, width: int = 80) -> list[str]:
    console = Console(width=width, record=True, file=io.StringIO())
    console.print(compared.table("tcp", 5000, rows))
    return console.export_text().splitlines()


def test_a_table_tells_medium_and_machine_apart() -> None:
    """Alone, what the machine adds to it, and what was measured, for each step; and the machine's share of a link."""
    lines = _shown(ROW)
    assert [line.split() for line in lines[2:5]] == [
        ["coax", "connected", "900", "ms", "+100", "ms", "1.04", "s", "+4.0", "%", "as", "predicted"],
        ["machine", "25", "ms", "a", "link", "first", "byte", "1.8", "s", "+200", "ms", "2", "s", "+0.0", "%"],
        ["whole", "3.5", "s", "+500", "ms", "4.1", "s", "+2.5", "%"],
    ]
    assert "within 5 % of alone + machine (15 % with chance), or 20 µs" in lines[5]


def test_a_table_fits_a_terminal_of_80_columns() -> None:
    """With the longest name and the longest figures of each column, nothing is cut."""
    slow = Exchange(0.9867, 3.273, 24.89)
    more = replace(slow, connect=slow.connect + 4 * 123.4e-6)
    row = replace(ROW, medium="twisted-pair-33600", alone=slow, machine=Machine(123.4e-6), predicted=more)
    hidden = replace(row, medium="wireless", machine=None, measured=replace(row.measured, again=17))
    lines = _shown(row, hidden)
    assert max(map(len, lines)) <= 80
    assert not any("…" in line for line in lines)
    assert any("machine 123 µs a link" in line for line in lines)
    assert any("17 sent again" in line for line in lines)


def test_a_verdict_and_a_document_name_what_is_off() -> None:
    """What is not as predicted is named, and what the machine adds stands beside what the medium takes alone."""
    bad = replace(ROW, medium="fibre", measured=replace(ROW.measured, whole=5.0))
    assert any("+25.0 %" in line for line in _shown(bad))
    assert compared.verdict([ROW]) == ""
    assert compared.verdict([ROW, bad]).startswith("error: not as predicted over fibre\n  next: ")
    found = compared.document("tcp", 5000, [ROW, bad])["media"]
    assert [each["good"] for each in found] == [True, False]
    assert found[0]["alone"]["whole"] == 3.5
    assert found[0]["machine"] == {"link": 0.025, "frame": 0.0, "program": 0.0, "first": 0.0}


def test_what_is_typical_is_neither_the_late_nor_a_jump() -> None:
    """The mean of the middle half: of three the middle one, of eight those four; of two both."""
    assert talk.typical([10, 12, 90]) == pytest.approx(12e-9)
    assert talk.typical([10, 10, 10, 10, 20, 20, 20, 999]) == pytest.approx(15e-9)
    assert talk.typical([10, 20]) == pytest.approx(15e-9)
    assert talk.typical([10]) == pytest.approx(10e-9)
    assert talk.typical([0, 10, 11, 12, 99, 999]) == pytest.approx(33e-9)


def test_what_both_sides_say_of_messages_that_take_turns() -> None:
    """Times from the client's call on; all the short ones begin with the same call, 12 ns here, and so end 2 later."""
    rounds = [(100, 10, 30, 40), (200, 10, 30, 41), (300, 50, 30, 99)]
    given: list[dict[str, Any]] = []
    taken: list[dict[str, Any]] = []
    for begun, connected, first, last in rounds:
        for call, one, other in ((connected, first, last), (10, 20, 50), (14, 78, 88), (12, 26, 56)):
            given.append({"begun": begun, "connected": begun + call, "again": 1})
            taken.append({"first": begun + one, "last": begun + other})
    measured, short = talk.figures(given, taken, (9, 3, 9, 3))
    assert measured == Measured(10e-9, 30e-9, 41e-9, again=3, rounds=3)
    assert {size: (each.connect, each.first_byte, each.whole) for size, each in short.items()} == {
        3: pytest.approx((12e-9, 24e-9, 54e-9)),
        9: pytest.approx((12e-9, 76e-9, 86e-9)),
    }


def test_a_chart_has_a_bar_for_each_medium(tmp_path: Path) -> None:
    """As SVG, with the media's names as text."""
    pytest.importorskip("matplotlib")
    compared.chart("tcp", 5000, [ROW, replace(ROW, medium="satellite")], tmp_path / "chart.svg")
    drawn = (tmp_path / "chart.svg").read_text()
    for label in ("the medium alone", "and the machine: predicted", "measured"):
        assert f">{label}<" in drawn
    assert ">coax<" in drawn
    assert ">satellite<" in drawn
