"""The plot of docs/accuracy.svg: error over rate, a line for each tool, in colours that differ for everybody."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Picture
from matplotlib.ticker import FuncFormatter

from bench.accuracy_cases import MININET, RATES, Figure
from bench.accuracy_tables import HEADS
from lab.model.predict import TOLERANCE
from lab.model.units import say_rate

# Okabe and Ito's colours, and a mark and a dash for each, for who prints in grey.
LOOKS: dict[str, dict[str, Any]] = {
    "docker": {"color": "#0072B2", "marker": "o", "linestyle": "-"},
    "netns": {"color": "#D55E00", "marker": "s", "linestyle": "--"},
    MININET: {"color": "#009E73", "marker": "^", "linestyle": ":"},
}
LINEAR = 0.01  # per cent: below it the axis is linear, above it logarithmic
APART = 1.06  # that marks of the same rate do not hide each other
# The same figures give the same file, and its text stays text.
STEADY: Any = {"svg.hashsalt": "wirelab", "svg.fonttype": "none", "font.family": "sans-serif", "font.size": 9}


def write(figures: Iterable[Figure], target: Path) -> None:
    """Draw the errors of the rates.

    Args:
        figures: of all sweeps.
        target: an SVG file.
    """
    found = [figure for figure in figures if figure.what == "rate" and figure.values]
    with mpl.rc_context(STEADY):
        picture = Picture(figsize=(7.2, 3.8), layout="constrained")
        axes = picture.add_subplot()
        _goal(axes)
        reach = 100 * max((abs(error) for figure in found for error in figure.errors or ()), default=0.0)
        for number, tool in enumerate(LOOKS):
            _line(axes, [figure for figure in found if figure.tool == tool], tool, APART ** (number - 1))
        _axes(axes, max(3.0, 1.3 * reach))
        picture.savefig(target, format="svg", metadata={"Date": None})


def _goal(axes: Axes) -> None:
    """What is aimed at, as a band."""
    slow, fast = 100 * TOLERANCE.rate, 100 * TOLERANCE.fast_rate
    edges = (RATES[0] / 2, TOLERANCE.fast * 3, TOLERANCE.fast * 3, RATES[-1] * 2)
    axes.fill_between(edges, (-slow, -slow, -fast, -fast), (slow, slow, fast, fast), color="#ECECEC", zorder=0)
    axes.annotate(
        "goal of wirelab",
        (edges[0] * 1.15, slow),
        va="top",
        fontsize=8,
        color="#444444",
        xytext=(0, -3),
        textcoords="offset points",
    )
    axes.axhline(0, color="#444444", linewidth=0.8, zorder=1)


def _line(axes: Axes, found: list[Figure], tool: str, aside: float) -> None:
    """A tool's medians, and from the lowest to the highest value of each."""
    errors = [(figure.case.rate * aside, figure.errors) for figure in found if figure.errors]
    if not errors:
        return
    places = [rate for rate, _ in errors]
    middle = [100 * error[0] for _, error in errors]
    reach = [[100 * (error[0] - error[1]) for _, error in errors], [100 * (error[2] - error[0]) for _, error in errors]]
    axes.errorbar(places, middle, reach, label=HEADS[tool], linewidth=1.2, markersize=5, capsize=2.5, **LOOKS[tool])


def _axes(axes: Axes, reach: float) -> None:
    axes.set_xscale("log")
    axes.set_yscale("symlog", linthresh=LINEAR, linscale=1)
    axes.set_ylim(-reach, reach)
    axes.set_xlim(RATES[0] / 2, RATES[-1] * 2)
    axes.set_xticks(RATES, [say_rate(rate).replace(" ", "\n") for rate in RATES])
    axes.minorticks_off()
    axes.set_xlabel("declared rate (bits of whole frames)")
    axes.set_ylabel("error of the measured rate (%)")
    marks = [0.0, *(sign * size for sign in (-1, 1) for size in (0.01, 0.1, 0.5, 2))]
    axes.set_yticks(marks)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:+g}" if value else "0"))
    axes.grid(visible=True, axis="y", color="#DDDDDD", linewidth=0.5)
    axes.set_title("Measured against declared rate; bars from the lowest to the highest measurement", fontsize=9)
    axes.legend(loc="lower left", ncols=3, frameon=False)
