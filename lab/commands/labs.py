"""Labs as a whole: up, down, status, heal, and the plan of one that is not there."""

from __future__ import annotations

from contextlib import ExitStack, suppress

from invoke.context import Context
from invoke.exceptions import Exit
from rich.live import Live

from lab.commands.base import err, number, out, print_json, progress, seconds, task, words
from lab.engine.base import Engine
from lab.engine.select import engines
from lab.errors import CheckError, plain
from lab.lab import Lab, remove
from lab.model import plan as model
from lab.model.units import counted
from lab.observe import report, watching


@task(iterable=["link"])
def up(
    _: Context,
    topology: str = "star",
    nodes: str = "4",
    media: str = "coax",
    link: list[str] | None = None,
    name: str = "lab",
    routing: str = "clockwise",
    engine: str = "auto",
    pool: str = "",
    shaper: str = "auto",
    seed: str = "1",
    json: bool = False,
) -> None:
    """Bring a lab up; one that is there already is healed."""
    given = {
        "topology": topology,
        "media": media,
        "name": name,
        "routing": routing,
        "pool": pool,
        "shaper": shaper,
    }
    spec = words(nodes, seed, link or [], **given)
    with progress() as say:
        lab = Lab.up(spec, engine, say)
    if json:
        print_json(report.status_document(lab.status()))
    else:
        out.print(report.welcome(lab.plan))


@task()
def down(_: Context, name: str = "lab", all: bool = False, stale: bool = False, engine: str = "auto") -> None:
    """Remove a lab, all of them, or those that a program made which is gone."""
    model.check_name(name)
    total = 0
    with progress() as say:
        for each in engines(engine):
            for lab in wanted(each, name, all=all, stale=stale):
                count = remove(each, lab, say)
                total += count
                if count:
                    err.print(f"{plain(lab)}: {counted(count, 'object')} removed", markup=False)
    if not total:
        nothing = "no lab is stale" if stale else "no lab is there" if all else f"{name}: nothing is there"
        err.print(nothing, markup=False)


def wanted(engine: Engine, name: str, *, all: bool, stale: bool) -> list[str]:
    """The labs of an engine that the words of `down` mean."""
    if not (all or stale):
        return [name]
    return sorted(lab for lab, record in engine.labs().items() if record.stale or not stale)


@task()
def status(
    _: Context,
    name: str = "lab",
    all: bool = False,
    watch: bool = False,
    interval: str = "1",
    count: str = "0",
    json: bool = False,
    engine: str = "auto",
) -> None:
    """Hold what is declared against what is there, exit code 1 where it differs; `--watch` shows what passes, live."""
    if watch:
        _watch(Lab.find(name, engine), seconds("--interval", interval), number("--count", count, "--count 10"))
        return
    if all:
        labs = [(each.name, record) for each in engines(engine) for record in each.labs().values()]
        print_json(report.labs_document(labs)) if json else out.print(report.labs_table(labs))
        return
    found = Lab.find(name, engine).status()
    if json:
        print_json(report.status_document(found))
    else:
        out.print(report.status_table(found))
    if found.differences:
        raise Exit(code=CheckError.exit_code)


def _watch(lab: Lab, interval: float, looks: int) -> None:
    """Show every link until Ctrl-C, in place on a terminal, else line by line."""
    with suppress(KeyboardInterrupt), ExitStack() as stack:
        live = stack.enter_context(Live(console=out, auto_refresh=False)) if out.is_terminal else None
        for flows in watching.watch(lab, interval, looks):
            if live:
                live.update(watching.table(lab.name, flows), refresh=True)
            else:
                print("\n".join(watching.lines(flows)) or "nothing passes", flush=True)


@task(iterable=["link"])
def plan(
    _: Context,
    topology: str = "star",
    nodes: str = "4",
    media: str = "coax",
    link: list[str] | None = None,
    name: str = "lab",
    routing: str = "clockwise",
    pool: str = "",
    shaper: str = "auto",
    seed: str = "1",
    json: bool = False,
) -> None:
    """Show everything that `up` would decide, tc commands included; needs no engine."""
    given = {
        "topology": topology,
        "media": media,
        "name": name,
        "routing": routing,
        "pool": pool,
        "shaper": shaper,
    }
    decided = model.decide(words(nodes, seed, link or [], **given))
    if json:
        print_json(model.as_document(decided))
    else:
        out.print(report.plan_tables(decided))
        print(report.plan_commands(decided))
