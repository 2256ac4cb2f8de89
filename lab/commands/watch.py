"""What is seen on the links: each is measured, and held against its prediction."""

from __future__ import annotations

import signal

from invoke.context import Context
from invoke.exceptions import Exit

from lab.commands.base import out, print_json, progress, task
from lab.errors import CheckError
from lab.lab import Lab
from lab.observe import measured
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
