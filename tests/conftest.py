"""For all tests: where WIRELAB_STRICT=1 (continuous integration), what would be skipped fails instead."""

from __future__ import annotations

import os
from collections.abc import Generator

import pytest

pytest.register_assert_rewrite("tests.engine_contract", "tests.support", "tests.wheel")

STRICT = os.environ.get("WIRELAB_STRICT") == "1"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,  # noqa: ARG001 - pytest calls by name
    call: pytest.CallInfo[None],  # noqa: ARG001
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a skip into a failure that names the reason."""
    report = yield
    if STRICT and report.skipped:
        report.outcome = "failed"
        report.longrepr = f"skipped where nothing may be (WIRELAB_STRICT=1): {report.longrepr}"
    return report
