"""The tasks of a checkout: those of `lab.commands`, and those that make, check and measure the project itself."""

from __future__ import annotations

import shlex
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from invoke.context import Context
from invoke.exceptions import Exit

from lab.commands.base import err, number, out, print_json, progress, task
from lab.commands.program import tasks
from lab.engine import compose as compose_files
from lab.engine.select import select
from lab.errors import CheckError, WordsError

ROOT = Path(__file__).resolve().parent


@task()
def build(_: Context, engine: str = "auto") -> None:
    """Make the image that nodes are made of, if it is not there."""
    with progress() as say:
        print(select(engine).prepare(say))


@task()
def compose(_: Context, check: bool = False) -> None:
    """Write compose/star.yml, ring.yml and bus.yml, or check that they are current."""
    stale = compose_files.write(ROOT / "compose", dry=check)
    err.print("\n".join(f"compose/{name} {'is stale' if check else 'written'}" for name in stale) or "all are current")
    if check and stale:
        raise Exit("next: ./inv compose", code=CheckError.exit_code)


@task()
def lint(_: Context) -> None:
    """Check style and types."""
    for command in (["ruff", "check"], ["ruff", "format", "--check"], ["mypy"]):
        _must([sys.executable, "-m", *command, *(["."] if command[0] == "ruff" else [])])


@task()
def test(_: Context, only: str = "", engines: bool = False) -> None:
    """Run the checks and the tests: style and units first, then everything that crosses a network."""
    only = "tests/engines --verbose" if engines else only
    if not only:
        lint(_)
        _must([sys.executable, "-m", "pytest", "tests/unit", "--numprocesses", "auto"])
    _must([sys.executable, "-m", "pytest", *shlex.split(only or "tests --ignore=tests/unit --durations 20")])


def _must(command: list[str]) -> None:
    code = subprocess.run(command, cwd=ROOT, check=False).returncode
    if code:
        raise Exit(f"failed: {shlex.join(command)}", code=CheckError.exit_code)


@task(positional=["what"])
def bench(
    _: Context,
    what: str,
    nodes: str = "16",
    quick: bool = False,
    only: str = "",
    minutes: str = "60",
    json: bool = False,
) -> None:
    """Measure: `up`, `accuracy`, `media`; `killed`, `together`, `soak`, `guards`: what is left, grows, is noticed."""
    benchmarks: dict[str, Callable[..., None]] = {
        "up": _bench_up,
        "accuracy": _bench_accuracy,
        "media": _bench_media,
        "killed": _bench_killed,
        "together": _bench_together,
        "soak": _bench_soak,
        "guards": _bench_guards,
    }
    if what not in benchmarks:
        raise WordsError(f"no benchmark is called {what!r}", remedy=f"there are {', '.join(benchmarks)}")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    benchmarks[what](nodes=number("--nodes", nodes, "2 to 250"), quick=quick, only=only, minutes=minutes, json=json)


def _bench_up(nodes: int, **_: object) -> None:
    from bench import up as up_bench  # noqa: PLC0415 - a benchmark loads what a task does not need

    print("\n".join(up_bench.table(up_bench.measure(nodes, err.print))))


def _bench_accuracy(*, quick: bool, **_: object) -> None:
    from bench import accuracy_page  # noqa: PLC0415

    print(accuracy_page.make(ROOT / "docs", err.print, quick=quick))


def _bench_media(*, only: str, json: bool, **_: object) -> None:
    from bench import media  # noqa: PLC0415

    outcomes = []
    for outcome in media.measure(only, err.print):
        outcomes.append(outcome)
        err.print(f"  {outcome.verdict}, {outcome.seconds:.0f} s", markup=False)
    if json:
        print_json(media.document(outcomes))
    else:
        out.print(media.table(outcomes))
    if bad := sum(not outcome.good for outcome in outcomes):
        raise Exit(f"error: {bad} of {len(outcomes)} combinations did not hold", code=CheckError.exit_code)


def _bench_killed(*, quick: bool, only: str, **_: object) -> None:
    from bench import safety  # noqa: PLC0415

    bad = 0
    for what, outcomes in safety.walks(only, lambda line: err.print(line, markup=False, soft_wrap=True), quick=quick):
        bad += sum(bool(outcome.trouble) for outcome in outcomes)
        died = sum(outcome.killed for outcome in outcomes)
        print(f"{what}: {died} kills at {len(outcomes)} steps, {bad} left something or went wrong")
    if bad:
        raise Exit(f"error: {bad} kills left something, or went wrong", code=CheckError.exit_code)


def _bench_together(*, quick: bool, only: str, **_: object) -> None:
    from bench import safety  # noqa: PLC0415

    if wrong := safety.rounds(only, lambda line: err.print(line, markup=False), quick=quick):
        raise Exit("\n".join(f"error: {line}" for line in wrong), code=CheckError.exit_code)
    print("no lab met another")


def _bench_guards(*, only: str, **_: object) -> None:
    from bench import guards  # noqa: PLC0415

    outcomes = []
    for outcome in guards.take_out(only, lambda line: err.print(line, markup=False)):
        outcomes.append(outcome)
        print(outcome, flush=True)
    if missed := sum(not outcome.noticed for outcome in outcomes):
        raise Exit(f"error: {missed} of {len(outcomes)} guards are not missed", code=CheckError.exit_code)


namespace = tasks()
for _each in (build, compose, lint, test, bench):
    namespace.add_task(_each)


def _bench_soak(*, minutes: str, **_: object) -> None:
    from bench import soak  # noqa: PLC0415

    result = soak.soak(number("--minutes", minutes, "60"), lambda line: err.print(line, markup=False))
    print("\n".join(soak.table(result)))
    if result.trouble:
        raise Exit("\n".join(f"error: {line}" for line in result.trouble), code=CheckError.exit_code)
