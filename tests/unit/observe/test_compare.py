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
from lab.observe import compare, compared
from lab.observe.compare import Measured, Row

ROW = Row("coax", "wire", Exchange(1.0, 2.0, 4.0), Measured(1.04, 2.0, 4.1, again=0, rounds=3), 0.05, 1e-3)


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
        ({"measured": replace(ROW.measured, connect=1.06), "floor": 0.1}, True),
        ({"measured": replace(ROW.measured, whole=9.0), "predicted": replace(ROW.predicted, sure=False)}, True),
    ],
)
def test_each_step_is_within_a_share_or_the_shapers_floor(change: dict[str, Any], good: bool) -> None:
    """5 %, or more where chance plays a part; or what the shaper promises; nothing where TCP must send again."""
    assert replace(ROW, **change).good is good


def test_a_table_and_a_verdict_name_what_is_off() -> None:
    """Predicted and measured side by side."""
    console = Console(width=200, record=True, file=io.StringIO())
    bad = replace(ROW, medium="fibre", measured=replace(ROW.measured, whole=5.0))
    console.print(compared.table("tcp", 5000, [ROW, bad]))
    text = console.export_text()
    assert "4 s / 4.1 s" in text
    assert "+25.0 %" in text
    assert compared.verdict([ROW]) == ""
    assert compared.verdict([ROW, bad]).startswith("error: not as predicted over fibre\n  next: ")
    assert [each["good"] for each in compared.document("tcp", 5000, [ROW, bad])["media"]] == [True, False]


def test_a_chart_has_a_bar_for_each_medium(tmp_path: Path) -> None:
    """As SVG, with the media's names as text."""
    pytest.importorskip("matplotlib")
    compared.chart("tcp", 5000, [ROW, replace(ROW, medium="satellite")], tmp_path / "chart.svg")
    drawn = (tmp_path / "chart.svg").read_text()
    assert ">coax<" in drawn
    assert ">satellite<" in drawn
