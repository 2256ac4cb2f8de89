"""Several that steer one lab at once, and beside `up`, `heal` and `down`: each is done, or told who is at work."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from bench.left import left
from lab.engine.base import Engine
from lab.errors import BusyError, EngineError, NameTakenError, UnknownLabError
from lab.lab import Lab, remove
from lab.model import steering, wiring
from lab.model.change import UNCHANGED
from lab.model.plan import LabSpec
from tests import support
from tests.engine_contract import await_line, needed

ROOT = Path(__file__).parents[2]


@pytest.fixture(params=["docker", "netns"])
def engine(request: pytest.FixtureRequest) -> Engine:
    """Each engine."""
    return needed(request.param)


@pytest.fixture
def star(engine: Engine) -> Iterator[Lab]:
    """A star of three over coax."""
    with Lab.up(LabSpec(name=f"t{os.getpid()}-both", nodes=3), engine.name) as lab:
        yield lab
    assert left(engine.name, lab.name) == []


@pytest.fixture
def holder(star: Lab) -> Iterator[subprocess.Popen[str]]:
    """Another process, which is at work on the star."""
    with support.holder(star.engine, star.name, "heal") as process:
        yield process
        process.communicate()


def typed(lab: Lab, *words: str) -> subprocess.Popen[str]:
    """A task, begun as one types it."""
    argv = [sys.executable, "-m", "invoke", *words, "--name", lab.name, "--engine", lab.engine.name]
    return subprocess.Popen(argv, stderr=subprocess.PIPE, text=True, cwd=ROOT)


@pytest.mark.parametrize("words", [("link", "h1", "rate=5mbit"), ("cut", "h1"), ("link", "h1", "--reset")])
def test_steering_waits_for_who_is_at_work(star: Lab, holder: subprocess.Popen[str], words: tuple[str, ...]) -> None:
    """`link` and `cut` say whom they wait for, change nothing until then, and are done afterwards."""
    link = star.link("h1")
    link.set(rate="6mbit")
    with typed(star, *words) as task:
        await_line(iter(task.stderr or ()), "waiting for")
        assert [way.rate for way in link.stats()] == [6e6, 6e6]
        holder.communicate()
        task.communicate()
        assert task.returncode == 0
    status = Lab.find(star.name, star.engine.name).status()
    assert status.differences == ()
    now = status.now.link("h1-hub")
    assert now.change.is_cut is (words[0] == "cut")
    assert now.link.spec.forward.settings.rate == {"rate=5mbit": 5e6, "h1": 6e6, "--reset": 1e7}[words[-1]]


def test_who_waited_long_enough_is_told(star: Lab, holder: subprocess.Popen[str]) -> None:
    """Somebody who goes on and on keeps a `link` for some seconds; then it says who, and has changed nothing."""
    assert holder.poll() is None
    with typed(star, "link", "h1", "rate=5mbit") as task:
        _, said = task.communicate()
    assert task.returncode == BusyError.exit_code
    assert "at work on it" in said
    assert star.status().now is star.status().plan


def _at_once(*tasks: Callable[[], object]) -> list[BaseException | None]:
    """Do several things, begun at the same instant; what each ended with."""
    gate = threading.Barrier(len(tasks))

    def begin(task: Callable[[], object]) -> object:
        gate.wait()
        return task()

    with ThreadPoolExecutor(len(tasks)) as pool:
        running: list[Future[object]] = [pool.submit(begin, task) for task in tasks]
    return [each.exception() for each in running]


@pytest.mark.parametrize("kept", [False, True])
def test_changes_of_one_link_do_not_mix(star: Lab, kept: bool) -> None:
    """Four who set the same link, on the wire and off it: the last one's rate is what the link remembers and does."""
    labs = [Lab.find(star.name, star.engine.name) for _ in range(4)]
    if kept:
        for lab in labs:
            lab.engine.attend(lab.name)
    for delay in ("0ms", "2ms"):

        def one(number: int, lab: Lab, delay: str = delay) -> None:
            lab.link("h1").set(f"rate={number + 2}mbit,delay={delay}")

        errors = _at_once(*(lambda n=n, lab=lab: one(n, lab) for n, lab in enumerate(labs)))
        assert errors == [None] * 4
        status = star.status()
        assert status.differences == ()
        assert {way.settings.delay for way in (status.now.link("h1").link.spec.forward,)} == {float(delay[0]) / 1e3}


def test_changes_of_several_links_are_all_kept(star: Lab) -> None:
    """Three links that go over to the software wire at the same instant, when none runs yet: it carries all three."""
    labs = [Lab.find(star.name, star.engine.name) for _ in range(3)]
    words = dict(zip(("h1", "h2", "h3"), labs, strict=True))
    errors = _at_once(*(lambda host=host, lab=lab: lab.link(host).set(delay="3ms") for host, lab in words.items()))
    assert errors == [None] * 3
    status = star.status()
    assert status.differences == ()
    assert {link.link.spec.forward.settings.delay for link in status.now.links} == {0.003}


def disturb(lab: Lab) -> None:
    """Make a difference, for `heal` to mend: h3's link has another rate than it remembers."""
    before = steering.recall(lab.plan, lab.engine.agent(lab.name, wiring.document(lab.plan, "read"))["lines"])
    now = steering.in_force(lab.plan, before)
    after = before | {"h3-hub": steering.altered(lab.plan.link("h3").link, UNCHANGED, "rate=3mbit")}
    document = wiring.steering(now, steering.in_force(lab.plan, after), {"h3-hub"})
    for link in document["links"]:
        link["alias"] = link["alias"].partition(";")[0]
    lab.engine.agent(lab.name, document)


def test_heal_does_not_undo_a_change(star: Lab) -> None:
    """A program changes a link after `heal` has looked and before it mends another: both hold afterwards."""
    mine, theirs = (Lab.find(star.name, star.engine.name) for _ in range(2))
    disturb(star)
    said: list[str] = []

    def say(line: str, *, passing: bool = False) -> None:  # noqa: ARG001 - all is heard
        said.append(line)
        if said.count(line) == 1 and line.startswith("mending"):
            mine.link("h1").set(rate="4mbit")

    assert {each.where for each in theirs.heal(say)} == {"h3-hub (h3 to hub)", "h3-hub (hub to h3)"}
    assert [line for line in said if line.startswith("mending")] == ["mending 4 differences"] * 2
    status = star.status()
    assert status.differences == ()
    assert status.now.link("h1").link.spec.forward.settings.rate == 4e6


def test_everything_at_once(star: Lab) -> None:
    """`link`, `cut`, `heal`, `up`, `down` at any moment: each is done or told why not; then one whole lab, or none."""
    chance = random.Random(11)  # noqa: S311 - the same order each time
    name, engine = star.name, star.engine

    def api(word: str) -> None:
        rate, delay = chance.randint(2, 9), chance.randint(0, 3)
        Lab.find(name, engine.name).link(word).set(rate=f"{rate}mbit", delay=f"{delay}ms")

    def one_at_a_time(what: str) -> None:
        with typed(star, *what.split()) as task:
            said = task.communicate()[1]
        assert "Traceback" not in said
        assert task.returncode in (0, 2, 3), said
        assert task.returncode == 0 or "at work" in said or "no lab is called" in said, said

    tasks: dict[str, Callable[[], object]] = {
        "link h1 delay=2ms": lambda: one_at_a_time("link h1 delay=2ms"),
        "cut h2": lambda: one_at_a_time("cut h2"),
        "api": lambda: api("h3"),
        "heal": lambda: Lab.find(name, engine.name).heal(),
        "up": lambda: Lab.up(star.plan.spec, engine.name),
        "down": lambda: remove(engine, name),
    }

    def later(what: str, delay: float) -> object:
        threading.Event().wait(delay)  # nothing to await: they are to meet at any step
        return tasks[what]()

    for last in ("api", "down"):
        with ThreadPoolExecutor(8) as pool:
            chosen = [*tasks, "up", last]
            running = {pool.submit(later, each, chance.uniform(0, 2)): each for each in chosen}
            for task, what in running.items():
                error = task.exception()
                told = (NameTakenError, UnknownLabError, EngineError) if what in ("heal", "api") else NameTakenError
                assert error is None or isinstance(error, told), (what, error)
        if name in engine.labs():
            assert Lab.find(name, engine.name).status().differences == ()
        else:
            assert left(engine.name, name) == []
