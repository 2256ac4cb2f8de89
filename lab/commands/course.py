"""Exercises: what there is, a lab to begin with, and a check that tells the truth."""

from __future__ import annotations

import re
import zlib
from pathlib import Path

from invoke.context import Context
from invoke.exceptions import Exit
from rich.text import Text

from lab.commands.base import number, out, print_json, progress, task
from lab.errors import CheckError, WordsError
from lab.lab import Lab

COMMAND = re.compile(r"\./inv (?:exec|run|status|heal)\b[^`\n]*")
HOW = "./inv exercise list, or show, start or check with a NAME"


@task(several=("words",))
def exercise(
    _: Context,
    words: list[str],
    solution: str = "",
    name: str = "lab",
    seed: str = "",
    json: bool = False,
    engine: str = "auto",
) -> None:
    """Exercises: `exercise list`, `show NAME`, `start NAME` brings its lab up, `check NAME` judges a solution."""
    from lab.exercises import catalogue  # noqa: PLC0415 - other tasks do without what judges need

    # A lab's name decides, so that each student has another secret to find.
    chance = number("--seed", seed, "a whole number") if seed else zlib.crc32(name.encode()) % 10**6
    match words:
        case ["list"]:
            _list(json=json)
        case ["show", which]:
            _show(_addressed(catalogue.find(which).text, name))
        case ["start", which]:
            _start(which, name, engine, chance)
        case ["check", which]:
            _check(which, Path(solution or which), name, engine, chance, json=json)
        case _:
            raise WordsError(f"nothing is called {' '.join(words)!r}" if words else "what about them?", remedy=HOW)


def _addressed(text: str, name: str) -> str:
    """The same text, with the lab's name in each command, so that all can be typed as they stand."""
    if name == "lab":
        return text
    return re.sub(COMMAND, lambda found: found[0] if "--name" in found[0] else f"{found[0]} --name {name}", text)


def _show(text: str) -> None:
    from rich.markdown import Markdown  # noqa: PLC0415 - it brings a parser along

    out.print(Markdown(text)) if out.is_terminal else print(text)


def _list(*, json: bool) -> None:
    from lab.exercises import catalogue  # noqa: PLC0415

    found = catalogue.exercises().values()
    if json:
        print_json([{"name": e.name, "title": e.title, "points": e.points, "hands_in": e.hands_in} for e in found])
        return
    width = max(len(each.name) for each in found)
    for each in found:
        out.print(Text(f"{each.name:{width}}  {each.points:2} points  {each.title}"))


def _start(which: str, name: str, engine: str, seed: int) -> None:
    from lab.exercises import catalogue  # noqa: PLC0415

    wanted = catalogue.find(which)
    with progress() as say:
        lab = Lab.up(wanted.spec(name, seed), engine, say)
    folder = Path(wanted.name)
    wanted.begin(lab, folder)
    more = "" if name == "lab" else f" --name {name}"
    out.print(Text(f"{name} is up. Read: ./inv exercise show {wanted.name}{more}"))
    out.print(
        Text(f"  write {', '.join(wanted.hands_in)} in {folder}/, then: ./inv exercise check {wanted.name}{more}")
    )


def _check(which: str, solution: Path, name: str, engine: str, seed: int, *, json: bool) -> None:
    from lab.exercises import catalogue, judge  # noqa: PLC0415

    wanted = catalogue.find(which)
    with progress() as say, judge.lab_for(wanted, name, engine, seed, say) as lab:
        report = judge.judge(wanted, lab, solution)
    if json:
        print_json(judge.as_document(report))
    else:
        out.print(judge.as_table(report))
    if report.score < report.of:
        raise Exit(code=CheckError.exit_code)
