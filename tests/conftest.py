"""For all tests: where WIRELAB_STRICT=1 (continuous integration), what would be skipped fails instead."""

from __future__ import annotations

import os
import signal
from collections.abc import Generator
from typing import Any

import hypothesis
import pytest

from tests.engines.roots import NOT_FETCHED

pytest.register_assert_rewrite("tests.engine_contract", "tests.support", "tests.wheel")

# The same examples every time, and no deadline: a busy machine must not make a test fail. Registered here, where
# pytest has not read `--hypothesis-profile` yet: that is loaded over it.
_calm: dict[str, Any] = {"deadline": None, "database": None, "suppress_health_check": [hypothesis.HealthCheck.too_slow]}
hypothesis.settings.register_profile("wirelab", derandomize=True, **_calm)
hypothesis.settings.register_profile("thorough", max_examples=10_000, print_blob=True, **_calm)
hypothesis.settings.load_profile("wirelab")

# A shell starts what it puts into the background with SIGINT ignored, and tests of Ctrl-C would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

STRICT = os.environ.get("WIRELAB_STRICT") == "1"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,  # noqa: ARG001 - pytest calls by name
    call: pytest.CallInfo[None],  # noqa: ARG001
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a skip into a failure that names the reason."""
    report = yield
    if STRICT and report.skipped and NOT_FETCHED not in str(report.longrepr):  # a mirror's trouble is not ours
        report.outcome = "failed"
        report.longrepr = f"skipped where nothing may be (WIRELAB_STRICT=1): {report.longrepr}"
    return report
