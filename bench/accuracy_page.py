"""Measures, and writes docs/accuracy.md and its plot; the text around the tables is written by hand, and stays."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from bench import accuracy, accuracy_tables
from lab.errors import MachineError

PAGE, PLOT = "accuracy.md", "accuracy.svg"


def make(docs: Path, say: Callable[[str], None], *, quick: bool = False) -> str:
    """Measure, and write what was measured.

    Args:
        docs: the folder of the page.
        say: takes a line for each case and round.
        quick: measure a few cases once, and write nothing.

    Returns:
        The tables.

    Raises:
        MachineError: matplotlib is missing, no engine answers, or the page has no place for a table.
    """
    page = docs / PAGE
    put(
        page.read_text(encoding="utf-8"), dict.fromkeys(accuracy_tables.NAMES, "")
    )  # a page that is wrong is so at once
    write_plot = _plot()
    outcome = accuracy.measure(say, quick=quick)
    tables = accuracy_tables.tables(outcome)
    if not quick:
        write_plot(outcome.figures, docs / PLOT)
        page.write_text(put(page.read_text(encoding="utf-8"), tables), encoding="utf-8")
        say(f"{page} and {PLOT} written")
    return "\n\n".join(f"{name}\n\n{text}" for name, text in tables.items())


def _plot() -> Callable[..., None]:
    try:
        from bench import accuracy_plot  # noqa: PLC0415 - missing matplotlib is to be told, before anything is measured
    except ImportError as error:
        raise MachineError(f"{error.name} is not installed", remedy="./inv bench accuracy installs it") from None
    return accuracy_plot.write


def put(text: str, parts: dict[str, str]) -> str:
    """Put each part between its markers, `<!-- NAME:begin -->` and `<!-- NAME:end -->`; the text around them stays.

    Raises:
        MachineError: the text has no place for a part.
    """
    for name, part in parts.items():
        begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
        before, found, rest = text.partition(begin)
        _, closed, after = rest.partition(end)
        if not (found and closed):
            raise MachineError(f"there are no markers {begin} and {end}", where=PAGE)
        text = f"{before}{begin}\n{part}\n{end}{after}"
    return text
