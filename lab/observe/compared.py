"""Shows a comparison: a table for people, a document for programs, a chart for a page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from lab.errors import MachineError
from lab.model.units import say_time
from lab.observe import files
from lab.observe.compare import NOISE_SECONDS, SHARE, SHARE_WITH_CHANCE, STEPS, Row

HEADS: tuple[tuple[str, Literal["left", "right"]], ...] = (
    ("medium", "left"),
    ("until", "left"),
    ("alone", "right"),
    ("machine", "right"),
    ("measured", "right"),
    ("error", "right"),
    ("", "left"),
)
UNTIL = {"connect": "connected", "first_byte": "first byte", "whole": "whole"}
LEAST_DIGIT = 1e-6  # seconds: nothing tells less


def document(app: str, size: int, rows: Sequence[Row]) -> dict[str, Any]:
    """One JSON document; times in seconds. `predicted` is `alone` and what `machine` adds, null where it is hidden."""
    return {
        "conversation": app,
        "bytes": size,
        "noise": NOISE_SECONDS,
        "media": [
            asdict(row) | {"errors": {step: row.error(step) for step in STEPS}, "good": row.good} for row in rows
        ],
    }


def table(app: str, size: int, rows: Sequence[Row]) -> RenderableType:
    """Three lines for each medium: what it takes alone, what the machine adds, and what was measured. 80 columns."""
    made = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    made.title = f"{size:,} bytes by {app}: what the medium takes alone, and what the machine adds"
    made.title_justify = "left"
    for head, justify in HEADS:
        made.add_column(head, justify=justify, no_wrap=True)
    for row in rows:
        for step, name, word in zip(STEPS, _names(row), (_verdict(row), Text(), Text()), strict=True):
            made.add_row(name, *_line(row, step), word)
    return Group(made, *(Text(f"  {note}", style="dim") for note in _notes(rows)))


def _names(row: Row) -> tuple[Text, Text, Text]:
    """What stands under a medium's name."""
    link = (row.predicted.connect - row.alone.connect) / row.links
    added = f"  machine {_say(link)} a link" if row.machine else ""
    again = f"  {row.measured.again} sent again" if row.measured.again else ""
    return Text(row.medium), Text(added, style="dim"), Text(again, style="dim")


def _line(row: Row, step: str) -> tuple[str | Text, ...]:
    alone, predicted, measured = (getattr(each, step) for each in (row.alone, row.predicted, row.measured))
    added = "?" if row.machine is None else f"{predicted - alone:+.0e}"[0] + _say(abs(predicted - alone))
    error = Text(f"{round(100 * row.error(step), 1) + 0:+.1f} %", style="" if row.holds(step) else "bold red")
    return UNTIL[step], say_time(alone), added, say_time(measured), error


def _say(seconds: float) -> str:
    """A time with as many digits as were measured of it, three at most."""
    return say_time(
        float(f"{seconds:.3g}") if abs(seconds) >= LEAST_DIGIT else round(seconds / LEAST_DIGIT) * LEAST_DIGIT
    )


def _notes(rows: Sequence[Row]) -> Iterable[str]:
    allowed = f"within {SHARE:.0%} of alone + machine ({SHARE_WITH_CHANCE:.0%} with chance)".replace("%", " %")
    yield f"as predicted: {allowed}, or {say_time(NOISE_SECONDS)}"
    yield "machine: by short messages in between; programs, kernels, shaper"
    yield "first byte, whole: until the server's kernel has it, by the kernel's stamp"
    if not all(row.machine for row in rows):
        yield "?: not known where delays are by chance; predicted is what the medium takes"
    if any(row.measured.again for row in rows):
        yield "sent again: segments, in all rounds together"
    if not all(row.predicted.sure for row in rows):
        yield "not judged: a queue overflows, or TCP's time-out is too short"


def _verdict(row: Row) -> Text:
    if not row.predicted.sure:
        return Text("not judged", style="yellow")
    return Text("as predicted", style="green") if row.good else Text("off", style="bold red")


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
        picture = Figure(figsize=(7.2, 0.9 + 0.45 * len(rows)), layout="constrained")
        axes = picture.add_subplot()
        places = range(len(rows))
        upper, lower = ([place + offset for place in places] for offset in (-0.2, 0.2))
        alone = [row.alone.whole for row in rows]
        added = [max(0.0, row.predicted.whole - row.alone.whole) for row in rows]
        axes.barh(upper, alone, height=0.36, color="#999999", label="the medium alone")
        axes.barh(upper, added, height=0.36, left=alone, color="#E69F00", label="and the machine: predicted")
        axes.barh(lower, [row.measured.whole for row in rows], height=0.36, color="#0072B2", label="measured")
        axes.set_yticks(list(places), [row.medium for row in rows])
        axes.invert_yaxis()
        axes.set_xscale("log")
        axes.set_xlim(left=min(alone) / 3)  # else the shortest bar has no length
        axes.set_xlabel(f"seconds until {size:,} bytes by {app} were with the server")
        picture.legend(frameon=False, loc="outside upper center", ncols=3)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
        with files.create(target, remedy="--chart FILE") as file:
            picture.savefig(file, format="svg", metadata={"Date": None})
