"""Packets as they are on the wire: to Wireshark, or into a file."""

from __future__ import annotations

from invoke.context import Context

from lab.commands.base import err, number, task
from lab.lab import Lab


@task(several=("node",), iterable=["link"])
def capture(
    _: Context,
    node: list[str] | None = None,
    link: list[str] | None = None,
    side: str = "node",
    write: str = "",
    text: bool = False,
    filter: str = "",
    count: str = "0",
    seconds: str = "0",
    name: str = "lab",
    engine: str = "auto",
) -> None:
    """Show the packets of nodes or links, or hand them on: `capture h1 | wireshark -k -i -`, `--write FILE`."""
    from lab.observe import capture as captures  # noqa: PLC0415 - only what a task needs is loaded
    from lab.observe import record  # noqa: PLC0415

    lab = Lab.find(name, engine)
    places = record.places_named(lab.plan, node or [], link or [])
    limits = record.Limits(number("--count", count, "--count 10"), record.duration(seconds))
    form = record.writer(lab.plan, places, write, text=text)
    with captures.start(lab, places, side=side, filter=filter) as taken, record.opened(write) as file:
        err.print(record.greeting(taken), markup=False)
        amount = record.record(taken, form, file, limits)
    for line in record.summary(taken, amount):
        err.print(line, markup=False)
