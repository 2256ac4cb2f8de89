"""Shows a verification: a table for people, a document for programs. Prints nothing; returns what is to be printed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from lab.errors import typed
from lab.model.plan import LabPlan
from lab.observe.steps import Measurement

SMALL, LARGE = 1e5, 1e6  # bit/s; units as in model.units.say_rate
FIGURES = ("predicted", "measured", "error")
COLUMNS = ("link", "direction", "what", *FIGURES, "of", "")


def document(plan: LabPlan, engine: str, found: Sequence[Measurement]) -> dict[str, Any]:
    """A verification as one JSON document, in bit/s, seconds and shares; the error of a rate is a share of it."""
    return {
        "lab": plan.name,
        "engine": engine,
        "topology": plan.topology.kind,
        "good": all(row.good for row in found),
        "measurements": [
            {
                "link": row.link,
                "from": row.sender,
                "to": row.receiver,
                "what": row.what,
                "predicted": row.predicted.value,
                "lowest": row.predicted.lowest,
                "highest": row.predicted.highest,
                "measured": row.measured,
                "error": row.error,
                "judged": row.predicted.judged,
                "good": row.good,
                "samples": row.samples,
                "note": row.note,
            }
            for row in found
        ],
    }


def table(plan: LabPlan, engine: str, found: Sequence[Measurement]) -> RenderableType:
    """A verification for people: each measurement beside its prediction, and what is to be said of it below."""
    title = f"lab {plan.name}: {plan.topology.kind} on {engine}, predicted and measured"
    shown = Table(
        title=title, title_justify="left", header_style="bold", box=None, pad_edge=False, padding=(0, 2, 0, 0)
    )
    for column in COLUMNS:
        shown.add_column(column, overflow="fold", justify="right" if column in FIGURES else "left")
    notes: dict[str, int] = {}
    before = ""
    for row in found:
        mark = f" ({notes.setdefault(row.note, len(notes) + 1)})" if row.note else ""
        word, style = ("good", "green") if row.predicted.judged else ("-", "dim")
        verdict = Text(word if row.good else "NOT GOOD", style=style if row.good else "bold red") + mark
        link, before = ("" if row.link == before else row.link), row.link
        amounts = (amount(row, row.predicted.value), amount(row, row.measured), said_error(row.what, row.error))
        shown.add_row(link, direction(row), row.what, *amounts, row.samples, verdict)
    return Group(shown, *(Text(f"  ({number}) {note}", style="dim") for note, number in notes.items()))


def direction(row: Measurement) -> str:
    """Who sends to whom."""
    if row.sender == row.receiver:
        return row.sender
    return f"{row.sender} {'⇄' if row.what == 'round trip' else '→'} {row.receiver}"


def amount(row: Measurement, value: float | None) -> str:
    """A figure with its unit, the one of the prediction."""
    if value is None:
        return "-"
    if row.what == "round trip":
        return f"{value * 1e3:,.2f} ms"
    if not row.is_rate:
        return f"{value * 100:.2f} %"
    scale = row.predicted.value or value  # one unit for both
    if scale < SMALL:
        return f"{value:,.1f} bit/s"
    return f"{value / 1e3:,.2f} kbit/s" if scale < LARGE else f"{value / 1e6:,.3f} Mbit/s"


def said_error(what: str, error: float | None) -> str:
    """An error with its sign, in the unit of what was measured."""
    if error is None:
        return "-"
    if what == "round trip":
        return f"{error * 1e3:+.2f} ms"
    return f"{error * 100:+.2f} points" if what == "loss" else f"{error * 100:+.2f} %"


def verdict(name: str, found: Sequence[Measurement]) -> str:
    """What did not hold, link and direction named, and what to do next; empty where all is good."""
    bad = [row for row in found if not row.good]
    lines = [f"{row.link} ({row.sender} to {row.receiver}): {row.what} is not as predicted" for row in bad]
    return "\n".join(f"error: {line}" for line in lines) + typed(f"\n  next: ./inv status --name {name}") * bool(bad)
