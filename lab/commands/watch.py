"""What is measured: every link of a lab, and one conversation over several media, each held against its prediction."""

from __future__ import annotations

import signal
from pathlib import Path

from invoke.context import Context
from invoke.exceptions import Exit

from lab.commands.base import number, out, print_json, progress, task
from lab.errors import CheckError
from lab.lab import Lab
from lab.observe import compare as comparison
from lab.observe import compared, measured
from lab.observe import verify as verification


@task()
def verify(_: Context, name: str = "lab", json: bool = False, engine: str = "auto") -> None:
    """Measure every link and direction, and hold it against its prediction; exit code 1 outside the tolerance."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    lab = Lab.find(name, engine)
    with progress() as say:
        found = verification.verify(lab, say)
    if json:
        print_json(measured.document(lab.plan, lab.engine.name, found))
    else:
        out.print(measured.table(lab.plan, lab.engine.name, found))
    if wrong := measured.verdict(name, found):
        raise Exit(wrong, code=CheckError.exit_code)


@task(positional=["app"])
def compare(
    _: Context,
    app: str,
    over: str = "all",
    topology: str = "star",
    nodes: str = "2",
    size: str = "5000",
    chart: str = "",
    json: bool = False,
    engine: str = "auto",
) -> None:
    """Hold the same conversation over every medium, each in a lab of its own: `compare tcp --over "coax satellite"`."""
    count = number("--nodes", nodes, "2 to 250")
    length = number("--size", size, "a number of bytes, 1 or more")
    with progress() as say:
        media = comparison.media(over)
        rows = comparison.compare(app, media, topology=topology, nodes=count, size=length, engine=engine, say=say)
    if chart:
        compared.chart(app, length, rows, Path(chart))
    print_json(compared.document(app, length, rows)) if json else out.print(compared.table(app, length, rows))
    if wrong := compared.verdict(rows):
        raise Exit(wrong, code=CheckError.exit_code)
