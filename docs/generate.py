#!/usr/bin/env python3
"""Writes the generated parts of the documentation: the tables that repeat what the code says.

    .venv/bin/python docs/generate.py [--check]

A generated part stands between two markers, `<!-- NAME:begin -->` and `<!-- NAME:end -->`. With `--check` nothing is
written, and the exit code is 1 if a file is not current. `tests/unit/test_docs.py` holds the files against it.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from invoke.collection import Collection
from invoke.loader import FilesystemLoader

from lab.exercises import catalogue
from lab.exercises.exercise import Exercise
from lab.model.media import ALIASES, MEDIA, Medium
from lab.model.units import say_rate, say_share, say_size, say_time

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent


def main(arguments: list[str]) -> int:
    """Write what is stale, or only name it."""
    stale = [path for path, text in pages().items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    for path in stale:
        print(f"{path.relative_to(ROOT)} {'is stale' if '--check' in arguments else 'written'}")
    if "--check" in arguments:
        return 1 if stale else 0
    for path in stale:
        path.parent.mkdir(exist_ok=True)
        path.write_text(pages()[path], encoding="utf-8")
    return 0


def pages() -> dict[Path, str]:
    """Every file that has generated parts, with these as they should be."""
    wanted: dict[Path, str] = {}
    for name, parts in PAGES.items():
        text = (DOCS / name).read_text(encoding="utf-8")
        for mark, make in parts.items():
            text = _put(text, mark, make())
        wanted[DOCS / name] = text
    return wanted | exercises()


def exercises() -> dict[Path, str]:
    """A page for each exercise, which is its text with what it hands in and scores; and the page that lists them."""
    folder = DOCS / "exercises"
    found = catalogue.exercises().values()
    rows = (
        (f"[{each.name}]({each.name}.md)", each.title, ", ".join(map(_code, each.hands_in)), str(each.points))
        for each in found
    )
    table = _table(("exercise", "what it is", "to hand in", "points"), rows)
    text = (
        "# Exercises\n\nEach has a lab, a start and a checker: `./inv exercise start two-programs`, then "
        "`./inv exercise check two-programs`.\nFor teachers: [teach.md](../teach.md). "
        "These pages are generated from `lab/exercises/`.\n\n"
    )
    return {folder / "README.md": f"{text}{table}\n"} | {folder / f"{each.name}.md": _exercise(each) for each in found}


def _exercise(each: Exercise) -> str:
    rows = ((check.what, str(check.points)) for check in each.checks)
    begin = f"Begin: `./inv exercise start {each.name}`. Check: `./inv exercise check {each.name}`."
    return f"{each.text}\n## What is checked\n\n{_table(('check', 'points'), rows)}\n\n{begin}\n"


def media() -> str:
    """The catalogue: what each medium does to frames, then where its figures come from."""
    names = {target: alias for alias, target in ALIASES.items()}
    head = ("medium", "rate", "delay", "jitter", "loss", "MTU", "queue, and how long it lasts", "shared", "per km")
    figures = _table(head, (_figures(medium, names.get(medium.name, "")) for medium in MEDIA.values()))
    sources = _table(
        ("medium", "what it is", "sources"), ((_code(m.name), m.summary, m.source) for m in MEDIA.values())
    )
    return f"{figures}\n\n{sources}"


def _figures(medium: Medium, alias: str) -> tuple[str, ...]:
    way = medium.settings
    return (
        _code(medium.name) + (f", {_code(alias)}" if alias else ""),
        say_rate(way.rate),
        say_time(way.delay),
        say_time(way.jitter),
        say_share(way.loss),
        str(way.mtu),
        f"{say_size(way.queue)}, {say_time(way.queue * 8 / way.rate)}",
        "yes" if medium.shared else "no",
        "-" if medium.seconds_per_km is None else say_time(medium.seconds_per_km),
    )


def commands() -> str:
    """Every task: what it is called with, and what it does."""
    return _table(("task", "what it does", "flags"), (_task(name, each) for name, each in tasks().items()))


def _task(name: str, task: Any) -> tuple[str, ...]:
    arguments = task.get_arguments()
    words = " ".join([name, *(argument.name.upper() for argument in arguments if argument.positional)])
    flags = (_flag(argument) for argument in arguments if not argument.positional)
    return _code(words), task.help_text, " ".join(flags) or "-"


def _flag(argument: Any) -> str:
    default = "" if argument.default in (None, False, True, "", []) else f" {argument.default}"
    value = "" if argument.kind is bool else default or f" {_typed(argument).upper()}"
    return _code(f"--{_typed(argument)}{value}")


def _typed(argument: Any) -> str:
    """The flag as one types it: a parameter `from_` is `--from`, `no_server` is `--no-server`."""
    return str(argument.name).strip("_").replace("_", "-")


def flags() -> str:
    """What each word and flag means; it is the same for every task that has it."""
    meaning: dict[str, str] = {}
    for task in tasks().values():
        for argument in task.get_arguments():
            shown = argument.name.upper() if argument.positional else f"--{_typed(argument)}"
            meaning.setdefault(shown, argument.help or "")
    return _table(
        ("word or flag", "what it means"), ((_code(name), meaning[name]) for name in sorted(meaning, key=_by))
    )


def _by(name: str) -> str:
    return name.lstrip("-").lower()


def tasks() -> dict[str, Any]:
    """The tasks of tasks.py by the names that one types, each with `help_text`: its docstring's first paragraph."""
    module, _ = FilesystemLoader(start=str(ROOT)).load("tasks")
    found: dict[str, Any] = {}
    for task in Collection.from_module(module).tasks.values():
        task.help_text = " ".join((task.__doc__ or "").partition("\n\n")[0].split())
        found[task.name] = task
    return dict(sorted(found.items()))


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    return "\n".join(_lines(list(head), rows))


def _lines(head: list[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield "|---" * len(head) + "|"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', '&#124;') for cell in row)} |"


def _code(text: str) -> str:
    return f"`{text}`"


def _put(text: str, mark: str, content: str) -> str:
    """Put content between a pair of markers.

    Raises:
        ValueError: the markers are not there once.
    """
    between = re.compile(rf"(<!-- {mark}:begin -->\n).*?(\n<!-- {mark}:end -->)", re.DOTALL)
    put, count = between.subn(lambda match: f"{match[1]}{content}{match[2]}", text)
    if count != 1:
        raise ValueError(f"{count} pairs of markers {mark!r}, not one")
    return put


PAGES: dict[str, dict[str, Callable[[], str]]] = {
    "media.md": {"media": media},
    "commands.md": {"commands": commands, "flags": flags},
}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
