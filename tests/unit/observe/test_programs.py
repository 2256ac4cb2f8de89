"""Programs that measure have a time limit, and failures name link and direction. With processes of this machine."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lab.engine.netns.process import NetnsProcess
from lab.errors import CheckError
from lab.model.media import MEDIA
from lab.observe.programs import Program, Way

COAX = MEDIA["coax"].settings
WAY = Way("lab", "h1-hub", "h1", "hub", "198.18.0.2", "198.18.0.3", COAX, COAX, "tbf", shared=False)
WHERE = "h1-hub (h1 to hub)"


def _program(script: str, limit: float = 30.0) -> Program:
    return Program(NetnsProcess(["sh", "-c", script], os.environ), WAY, "h1", limit)


def test_what_a_program_says_is_heard() -> None:
    """Up to the word that it is ready, then the rest, by stream."""
    program = _program("echo getting; echo ready; echo out; echo err >&2; exit 3")
    program.ready("ready")
    assert program.ended() == (3, "out", "err")


def test_a_program_that_never_ends_fails_with_link_and_direction() -> None:
    """After its limit, and with what to do next."""
    program = _program("read line", 0.1)
    with pytest.raises(CheckError, match="a measurement on h1 took more than 0 s") as failure:
        program.ended()
    assert (failure.value.where, failure.value.remedy) == (WHERE, "./inv status --name lab")
    program.stop()  # its input ends, and so does it


def test_a_program_that_ends_before_it_is_ready_fails() -> None:
    """With what it said."""
    with pytest.raises(CheckError, match="a program on h1 ended too soon: address in use") as failure:
        _program("echo address in use >&2").ready("ready")
    assert failure.value.where == WHERE


@pytest.mark.parametrize("script", ["echo no such host >&2; exit 1", "true"])
def test_a_program_without_a_document_fails(script: str, tmp_path: Path) -> None:
    """Whether it says why or not."""
    with pytest.raises(CheckError, match="a program on h1 failed with exit code"):
        _program(f"cd {tmp_path}; {script}").document()


def test_a_document_is_read() -> None:
    """The one that was printed."""
    assert _program("""echo '{"received": 3}'""").document() == {"received": 3}
