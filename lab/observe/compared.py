"""Shows a comparison: a table for people, a document for programs, a chart for a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from lab.errors import MachineError
from lab.model.units import say_time
from lab.observe import files
from lab.observe.compare import STEPS, Row

HEADS = {"connect": "to connect", "first_byte": "first byte", "whole": "whole message"}


def document(app: str, size: int, rows: Sequence[Row]) -> dict[str, Any]:
    """One JSON document; times in seconds."""
    return {
        "conversation": app,
        "bytes": size,
        "media": [
            asdict(row) | {"errors": {step: row.error(step) for step in STEPS}, "good": row.good} for row in rows
        ],
    }


def table(app: str, size: int, rows: Sequence[Row]) -> RenderableType:
    """A line for each medium: predicted and measured, and how far the whole is off."""
    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    made.title = f"{size:,} bytes by {app}: predicted / measured, medians"
    made.title_justify = "left"
    for head in ("medium", *HEADS.values(), "error", "again", ""):
        made.add_column(head, justify="left" if head in ("medium", "") else "right", no_wrap=True)
    for row in rows:
        times = (f"{say_time(getattr(row.predicted, s))} / {say_time(getattr(row.measured, s))}" for s in STEPS)
        made.add_row(Text(row.medium), *times, _error(row), str(row.measured.again), _verdict(row))
    floor = say_time(rows[0].floor)
    notes = [f"as predicted: within 5 % (15 % where chance plays a part), or {floor}, whatever is more"]
    if any(row.measured.again for row in rows):
        notes.append("again: segments that were sent again, in all rounds")
    if not all(row.predicted.sure for row in rows):
        notes.append("not judged: a queue overflows, or TCP's time-out is too short")
    return Group(made, *(Text(f"  {note}", style="dim") for note in notes))


def _verdict(row: Row) -> Text:
    if not row.predicted.sure:
        return Text("not judged", style="yellow")
    return Text("as predicted", style="green") if row.good else Text("off", style="bold red")


def _error(row: Row) -> str:
    """How far the whole is off: as a share, or as a time where that is what it is judged by."""
    error = row.measured.whole - row.predicted.whole
    if row.share * row.predicted.whole < row.floor:
        return f"{error * 1e3:+.2f} ms"
    return f"{100 * row.error('whole'):+.1f} %"


def verdict(rows: Sequence[Row]) -> str:
    """What to say where something was not as predicted; empty where all was."""
    wrong = [row.medium for row in rows if not row.good]
    if not wrong:
        return ""
    return f"error: not as predicted over {', '.join(wrong)}\n  next: once more, with nothing else running"


def chart(app: str, size: int, rows: Sequence[Row], target: Path) -> None:
    """Draw the whole message's time over each medium, predicted and measured, as SVG.

    Raises:
        MachineError: matplotlib is not installed.
        WordsError: the file cannot be written, or it is another user's.
    """
    try:
        import matplotlib as mpl  # noqa: PLC0415 - only a chart needs it
        from matplotlib.figure import Figure  # noqa: PLC0415
    except ImportError:
        raise MachineError("a chart needs matplotlib", remedy="pip install 'wirelab[bench]'") from None
    with mpl.rc_context({"svg.hashsalt": "wirelab", "svg.fonttype": "none", "font.family": "sans-serif"}):
        picture = Figure(figsize=(7.2, 0.6 + 0.45 * len(rows)), layout="constrained")
        axes = picture.add_subplot()
        places = range(len(rows))
        for offset, name, colour in ((-0.2, "predicted", "#999999"), (0.2, "measured", "#0072B2")):
            values = [getattr(row, name).whole for row in rows]
            axes.barh([place + offset for place in places], values, height=0.36, color=colour, label=name)
        axes.set_yticks(list(places), [row.medium for row in rows])
        axes.invert_yaxis()
        axes.set_xscale("log")
        axes.set_xlabel(f"seconds until {size:,} bytes by {app} were with the server")
        axes.legend(frameon=False)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
        with files.create(target, remedy="--chart FILE") as file:
            picture.savefig(file, format="svg", metadata={"Date": None})
