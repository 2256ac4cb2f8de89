"""The tables of docs/accuracy.md, and their place in it. Pure, but for `machine`."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bench.accuracy import Outcome
from bench.accuracy_cases import MININET, OURS, TOOLS, Figure
from lab.model.units import say_rate, say_share, say_time

NAMES = ("machine", "verdict", "rates", "delays", "idle", "losses")
HEADS = {"docker": "Docker", "netns": "netns", MININET: MININET}
Cell = Callable[[Figure], str]


def tables(outcome: Outcome) -> dict[str, str]:
    """Each table by the name of its place."""
    return {
        "machine": machine(outcome),
        "verdict": verdict(outcome),
    } | {name: sheet.write(outcome) for name, sheet in SHEETS.items()}


def machine(outcome: Outcome) -> str:
    """Where and when it was measured, with which versions."""
    found = {
        "date": f"{datetime.now(UTC):%Y-%m-%d, %H:%M} UTC",
        "machine": f"{os.cpu_count()} cores, {_processor()}",
        "load": _load(outcome.loads),
        "kernel": f"{platform.system()} {platform.release()}",
        "Docker": outcome.versions.get("docker", ""),
        MININET: outcome.versions.get(MININET, ""),
        "Python": platform.python_version(),
        "iproute2": _said(r"iproute2-([\d.]+)", "tc", "-V"),
        "iperf3": _said(r"iperf ([\d.]+)", "iperf3", "-v"),
        "ping": _said(r"iputils \d+", "ping", "-V"),
        "shapers": ", ".join(sorted({figure.shaper for figure in outcome.figures if figure.shaper})),
        "rounds": f"{outcome.rounds}",
        "time": f"{outcome.minutes:.1f} minutes",
    } | {f"no {HEADS[tool]}": why for tool, why in outcome.missing.items()}
    return table(("what", "which"), ((what, which) for what, which in found.items() if which))


def _load(loads: Sequence[float]) -> str:
    if not loads:
        return ""
    return f"{loads[0]:.2f} before, up to {max(loads):.2f} in between: the measuring programs, and whatever else ran"


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    models = re.findall(r"model name\s*: (.+)", info.read_text(encoding="utf-8")) if info.exists() else []
    return models[0] if models else platform.machine()


def _said(pattern: str, *argv: str) -> str:
    """What a program says of its version; empty where it is not there."""
    try:
        said = subprocess.run(argv, capture_output=True, text=True, check=False).stdout
    except FileNotFoundError:
        return ""
    return " ".join(re.findall(pattern, said)[:1])


def verdict(outcome: Outcome) -> str:
    """Whether wirelab's figures are within the goals, and each that is not."""
    ours = [figure for figure in outcome.figures if figure.tool in OURS]
    judged = [figure for figure in ours if figure.predicted.judged]
    bad = [figure for figure in judged if not figure.good]
    lines = [f"Of wirelab's {len(judged)} figures, {len(judged) - len(bad)} are within the goals."]
    lines += [f"- Outside: {_name(figure)}: {_said_error(figure)}." for figure in bad]
    lines += [
        f"- Within by its median, but {figure.outside} of {len(figure.values)} measurements outside: {_name(figure)}: "
        f"{_said_error(figure)}."
        for figure in judged
        if figure.good and figure.outside
    ]
    lines += [
        f"- Not judged: {_name(figure)}: {_said_error(figure)}; {figure.note}."
        for figure in ours
        if not figure.predicted.judged
    ]
    return "\n".join([lines[0], "", *lines[1:]] if lines[1:] else lines)


@dataclass(frozen=True, slots=True)
class Sheet:
    """One table: which figures it has, what is said of a case before the tools have their say, and what of each tool.

    Attributes:
        sweep, what: whose figures.
        heads: over the columns of `label`, which takes a figure that has a prediction.
        cells: for each tool, what the column holds, and how a figure is written in it.
    """

    sweep: str
    what: str
    heads: tuple[str, ...]
    label: Callable[[Figure], tuple[str, ...]]
    cells: tuple[tuple[str, Cell], ...]

    def write(self, outcome: Outcome) -> str:
        """The table, and the reasons of its dashes."""
        found = [figure for figure in outcome.figures if (figure.case.sweep, figure.what) == (self.sweep, self.what)]
        tools = [tool for tool in TOOLS if any(figure.tool == tool for figure in found)]
        head = [*self.heads, "shaper", *(f"{HEADS[tool]}{name}" for tool in tools for name, _ in self.cells)]
        rows = []
        for case in dict.fromkeys(figure.case for figure in found):
            by_tool = {figure.tool: figure for figure in found if figure.case == case}
            some = next((figure for figure in by_tool.values() if figure.values), by_tool[tools[0]])
            shapers = dict.fromkeys(each.shaper for each in by_tool.values() if each.tool in OURS and each.shaper)
            row = [*self.label(some), " or ".join(shapers) or "-"]
            for tool in tools:
                row += [cell(by_tool[tool]) if by_tool[tool].values else "-" for _, cell in self.cells]
            rows.append(row)
        return "\n".join([table(head, rows), *_reasons(found)])


def _reasons(found: Iterable[Figure]) -> list[str]:
    """Why there are dashes, and what else is to be said."""
    notes: dict[str, list[str]] = {}
    for figure in found:
        if figure.note:
            dash = "`-`" if not figure.values else str(figure.case)
            notes.setdefault(f"{HEADS[figure.tool]}: {figure.note}", []).append(dash)
    return [""] * bool(notes) + [f"- {', '.join(dict.fromkeys(cases))}: {note}." for note, cases in notes.items()]


def _name(figure: Figure) -> str:
    what = "" if figure.what == figure.case.sweep else f"{figure.what} at "
    return f"{HEADS[figure.tool]}, {what}{figure.case}"


def _said_error(figure: Figure) -> str:
    if not figure.values:
        return "nothing measured"
    if figure.what == "rate":
        return _rate_error(figure).strip("*")
    return _loss_cell(figure).strip("*") if figure.what == "loss" else f"{_time_error(figure).strip('*')} ms"


def _number(value: float) -> str:
    return f"{value:,.0f}"


def _milli(seconds: float | None) -> str:
    return f"{(seconds or 0) * 1e3:.3f}"


def _marked(figure: Figure, text: str) -> str:
    """Bold, where wirelab is outside its goals."""
    return f"**{text}**" if figure.tool in OURS and not figure.good else text


def _rate_cell(figure: Figure) -> str:
    return f"{figure.measured or 0:,.{1 if figure.case.rate < 1e5 else 0}f}"  # noqa: PLR2004 - tenths of a slow one


def _rate_error(figure: Figure) -> str:
    middle, lowest, highest = (f"{100 * error:+.3f}" for error in figure.errors or (0, 0, 0))
    return _marked(figure, f"{middle} % ({lowest} to {highest})")


def _time_cell(figure: Figure) -> str:
    return _milli(figure.measured)


def _time_error(figure: Figure) -> str:
    middle, lowest, highest = (f"{1e3 * error:+.3f}" for error in figure.errors or (0, 0, 0))
    return _marked(figure, middle if len(figure.values) == 1 else f"{middle} ({lowest} to {highest})")


def _loss_cell(figure: Figure) -> str:
    return _marked(figure, f"{100 * (figure.measured or 0):.3f} %")


def _interval(figure: Figure) -> str:
    return f"{100 * (figure.predicted.lowest or 0):.3f} to {100 * (figure.predicted.highest or 0):.3f} %"


SHEETS = {
    "rates": Sheet(
        "rate",
        "rate",
        ("declared, bit/s",),
        lambda figure: (_number(figure.case.rate),),
        ((", bit/s", _rate_cell), (", error", _rate_error)),
    ),
    "delays": Sheet(
        "delay",
        "round trip",
        ("delay, one way", "predicted, ms"),
        lambda figure: (say_time(figure.case.delay), _milli(figure.predicted.value)),
        ((", ms", _time_cell), (", error in ms", _time_error)),
    ),
    "idle": Sheet(
        "rate",
        "round trip",
        ("rate", "predicted, ms"),
        lambda figure: (say_rate(figure.case.rate), _milli(figure.predicted.value)),
        ((", ms", _time_cell), (", error in ms", _time_error)),
    ),
    "losses": Sheet(
        "loss",
        "loss",
        ("declared", "frames", "99 % interval"),
        lambda figure: (say_share(figure.case.loss), _number(figure.frames), _interval(figure)),
        (("", _loss_cell),),
    ),
}


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown; all but the first column to the right, if they are many."""
    line = ["---", *(["---:"] * (len(head) - 1) if len(head) > 2 else ["---"])]  # noqa: PLR2004 - a list of words
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, line, *rows))
