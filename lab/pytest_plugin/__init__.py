"""The pytest plugin: `lab`, a fixture that is a laboratory, as `@pytest.mark.lab(…)` describes it.

A lab is brought up once for all tests that ask for the same, and reset between them. Where a test fails, what is
needed to see why is put into a folder that the report names.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from lab.api import Lab
from lab.errors import LabError
from lab.pytest_plugin.evidence import write
from lab.pytest_plugin.shelf import Held, Shelf, sweep
from lab.pytest_plugin.words import Wish, wishes

HELD = pytest.StashKey[Held]()
WHOLE = pytest.StashKey[bool]()
SWEPT = pytest.StashKey[bool]()
DUE = pytest.StashKey[Counter[Wish]]()
KEPT = pytest.StashKey[list[str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """What may be said on the command line."""
    group = parser.getgroup("wirelab", "labs of real links (wirelab)")
    group.addoption("--wirelab-engine", default="auto", metavar="ENGINE", help="auto, docker or netns")
    group.addoption("--wirelab-keep", action="store_true", help="leave the labs up, to look at; wirelab down --stale")
    group.addoption(
        "--wirelab-artifacts",
        default="wirelab-artifacts",
        metavar="FOLDER",
        help="where what a failing test leaves is put (default: wirelab-artifacts, in the root folder)",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Say what the marker means."""
    config.addinivalue_line(
        "markers",
        "lab(topology, nodes, media, links, routing, shaper, seed, image, scope, pcap): the lab that the fixture `lab` "
        "gives; a list of values parametrises the test",
    )
    config.stash[KEPT] = []


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Parametrise a test over the lists in its marker."""
    marker = metafunc.definition.get_closest_marker("lab")
    if marker is None or "lab" not in metafunc.fixturenames:
        return
    found = _wishes(marker)
    if list(found) != [""]:
        metafunc.parametrize("lab", list(found.values()), ids=list(found), indirect=True)


def _wishes(marker: pytest.Mark) -> dict[str, Wish]:
    if marker.args:
        raise pytest.UsageError('@pytest.mark.lab takes its words by name: @pytest.mark.lab(topology="ring")')
    try:
        return wishes(marker.kwargs)
    except LabError as error:
        raise pytest.UsageError(str(error)) from error


def _wish(item: pytest.Item) -> Wish | None:
    """The lab that a test asks for, if it asks for one."""
    if "lab" not in getattr(item, "fixturenames", ()):
        return None
    given = getattr(item, "callspec", None)
    if given and isinstance(given.params.get("lab"), Wish):
        wish: Wish = given.params["lab"]
        return wish
    marker = item.get_closest_marker("lab")
    return next(iter(_wishes(marker).values())) if marker else Wish()


def pytest_collection_finish(session: pytest.Session) -> None:
    """Count who needs which lab: a worker of pytest-xdist cannot, for it is not told which tests it will get."""
    if not os.environ.get("PYTEST_XDIST_WORKER"):
        session.config.stash[DUE] = Counter(wish for item in session.items if (wish := _wish(item)))


def _shelf(request: pytest.FixtureRequest) -> Iterator[Shelf]:
    config = request.config
    engine, keep = config.getoption("--wirelab-engine"), config.getoption("--wirelab-keep")
    shelf = Shelf(engine, keep=keep, due=config.stash.get(DUE, None))
    yield shelf
    if keep:
        config.stash[KEPT] += [held.lab.name for held in shelf.held.values()]
    shelf.close()


@pytest.fixture(scope="session")
def _wirelab_session(request: pytest.FixtureRequest) -> Iterator[Shelf]:
    yield from _shelf(request)


@pytest.fixture(scope="module")
def _wirelab_module(request: pytest.FixtureRequest) -> Iterator[Shelf]:
    yield from _shelf(request)


@pytest.fixture
def _wirelab_function(request: pytest.FixtureRequest) -> Iterator[Shelf]:
    yield from _shelf(request)


@pytest.fixture
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """A lab, as `@pytest.mark.lab(…)` describes it; a star of four over coax without."""
    item, config = request.node, request.config
    wish = _wish(item) or Wish()
    if not config.stash.get(SWEPT, False):
        config.stash[SWEPT] = True
        sweep(config.getoption("--wirelab-engine"))
    shelf: Shelf = request.getfixturevalue(f"_wirelab_{wish.scope}")
    held = shelf.take(wish)
    item.stash[HELD], item.stash[WHOLE] = held, True
    plan = held.lab.plan
    item.user_properties += [
        ("wirelab.lab", plan.name),
        ("wirelab.engine", held.lab.engine.name),
        ("wirelab.words", plan.spec.to_json()),
    ]
    yield held.lab
    shelf.give_back(held, whole=item.stash[WHOLE])


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where a test over a lab fails, put down what is needed to see why."""
    report = yield
    held = item.stash.get(HELD, None)
    if held and report.failed and report.when == "call":
        folder = Path(item.config.rootpath, item.config.getoption("--wirelab-artifacts"), _file_name(item.nodeid))
        said = write(folder, held.lab, held.recorder, begun=call.start)
        held.recorder = None  # it has ended, so that all of it is in the file
        item.stash[WHOLE] = said.whole
        report.sections.append(("wirelab", f"{folder}\n" + "\n".join(said.lines)))
        item.user_properties.append(("wirelab.artifacts", str(folder)))
    return report


def _file_name(nodeid: str) -> str:
    """A folder's name for a test: what a file system may not like is a hyphen."""
    kept = "".join(char if char.isalnum() or char in "._=" else "-" for char in nodeid)
    return "-".join(filter(None, kept.split("-")))[:200]


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Remove what workers left that were killed: it is the controller who is still there."""
    if getattr(session.config, "workerinput", None) is None and session.config.stash.get(CRASHED, False):
        sweep(session.config.getoption("--wirelab-engine"))


CRASHED = pytest.StashKey[bool]()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: object, error: object) -> None:
    """Note that a worker of pytest-xdist ended as it should not."""
    config = getattr(node, "config", None)
    if error and config:
        config.stash[CRASHED] = True


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Name the labs that were kept."""
    for name in config.stash[KEPT]:
        terminalreporter.write_line(f"wirelab: the lab {name} is still up: wirelab status --name {name}")
