"""Steering a running lab: a link is changed or cut, and healed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from invoke.context import Context

from lab import links
from lab.commands.base import err, progress, task
from lab.engine.base import Say
from lab.errors import WordsError
from lab.lab import Lab
from lab.model import steering
from lab.model.units import counted

NOTHING = "./inv link NAME SPEC, as ./inv link h1-hub loss=5%; or --reset"


@contextmanager
def alone(name: str, engine: str, doing: str) -> Iterator[tuple[Lab, Say]]:
    """A lab that nobody else makes, mends or removes meanwhile, and what to tell people with."""
    with progress() as say:
        chosen = Lab.find(name, engine).engine
        with chosen.claim(name, doing, say, patience=links.PATIENCE_SECONDS):
            yield Lab.find(name, chosen.name), say  # it may be another one by now, or gone


@task(positional=["link"], several=("spec",), auto_shortflags=False)
def link(
    _: Context,
    link: str,
    spec: list[str],
    media: str = "",
    rate: str = "",
    delay: str = "",
    jitter: str = "",
    loss: str = "",
    duplicate: str = "",
    corrupt: str = "",
    reorder: str = "",
    queue: str = "",
    from_: str = "",
    reset: bool = False,
    name: str = "lab",
    engine: str = "auto",
) -> None:
    """Change a running link in place: `link h1-hub loss=5%`, `link h1 --rate 5mbit --from h1`, `link h1 --reset`."""
    given = {"rate": rate, "delay": delay, "jitter": jitter, "loss": loss, "duplicate": duplicate}
    given |= {"corrupt": corrupt, "reorder": reorder, "queue": queue}
    settings = {key: value for key, value in given.items() if value}
    words = ",".join(filter(None, [media, *spec]))
    if bool(words or settings) == reset:
        raise WordsError("nothing to change" if not reset else "--reset stands alone", where=link, remedy=NOTHING)
    with alone(name, engine, "link") as (lab, say):
        live = replace(lab.link(link), say=say, claimed=True)
        live.reset() if reset else live.set(words, direction=from_ or None, **settings)
    err.print(f"{live.name}: {'as declared' if reset else 'changed'}", markup=False)


@task(positional=["place"], auto_shortflags=False)
def cut(
    _: Context, place: str, from_: str = "", reroute: bool = False, name: str = "lab", engine: str = "auto"
) -> None:
    """Cut a link, all links of a node, a tap (`cut h2-bus`), or the links between two sides (`cut "n1,n2 | n3,n4"`)."""
    with alone(name, engine, "cut") as (lab, _say):
        now = links.cut(lab.engine, lab.plan, place, sender=from_ or None, reroute=reroute, claimed=True)
    for each in steering.links_of(lab.plan, place):
        err.print(f"{each}: {steering.cut_text(now.link(each))}", markup=False)
    if reroute and (lost := steering.parted_text(now)):
        err.print(f"  {lost}", markup=False)
    elif reroute and now.nodes != lab.plan.nodes:
        err.print("  messages go another way now", markup=False)


@task(several=("place",))
def heal(_: Context, place: list[str], name: str = "lab", engine: str = "auto") -> None:
    """Mend every difference, start stopped nodes, join what was cut (or only PLACE); settings stay as they are set."""
    with progress() as say:
        mended = Lab.find(name, engine).heal(say, " ".join(place))
    for difference in mended:
        err.print(f"mended: {difference}", markup=False)
    err.print(f"{name}: {counted(len(mended), 'difference')} mended" if mended else f"{name}: nothing to mend")
