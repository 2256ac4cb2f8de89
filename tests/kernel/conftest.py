"""Guest kernels for the tests of netem. Where none can be had, the tests are skipped, with the reason."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import pytest

from tests.kernel.guest import Guest, GuestError
from tests.kernel.labs import Labs
from tests.kernel.tree import LackError, Tree, ensure


@pytest.fixture(scope="session")
def tree() -> Tree:
    """The guest kernel's files, fetched on first use."""
    try:
        return ensure()
    except LackError as lack:
        pytest.skip(str(lack))


@pytest.fixture(scope="session")
def boot(tree: Tree, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Guest]:
    """Boots a guest, and it is known that one can be booted here.

    Its console is kept in pytest's temporary folder, and the end of it is part of every failure.
    """
    folder, numbers = tmp_path_factory.mktemp("guest"), itertools.count(1)

    def new() -> Guest:
        return Guest(tree, folder / f"console-{next(numbers)}.log")

    try:
        new().end()
    except GuestError as error:
        pytest.skip(f"no guest kernel: {error}")
    return new


@pytest.fixture(scope="module")
def guest(boot: Callable[[], Guest]) -> Iterator[Guest]:
    """A guest for all tests of a file."""
    running = boot()
    yield running
    running.end()


@pytest.fixture(scope="session")
def labs(boot: Callable[[], Guest], request: pytest.FixtureRequest) -> Iterator[Labs]:
    """The labs that the chosen tests are about, being measured."""
    chosen = [getattr(item, "callspec", None) for item in request.session.items]
    measured = Labs(boot, {each.params["lab"] for each in chosen if each and "lab" in each.params})
    yield measured
    measured.close()
