from __future__ import annotations

import os
import subprocess
from pathlib import Path

from lab.engine.netns import marks


def test_a_note_finds_its_process(tmp_path: Path) -> None:
    """What was noted is found as long as it runs."""
    marks.note(tmp_path / "me", os.getpid())
    assert marks.noted(tmp_path / "me") == os.getpid()


def test_a_number_given_out_again_is_not_mistaken(tmp_path: Path) -> None:
    """A process of the same number that started at another time is another one."""
    (tmp_path / "me").write_text(f"{os.getpid()} 1\n")
    assert marks.noted(tmp_path / "me") is None


def test_no_note_and_a_broken_one_find_nothing(tmp_path: Path) -> None:
    """A crash may leave a note out, or half of it."""
    assert marks.noted(tmp_path / "none") is None
    (tmp_path / "half").write_text("12")
    assert marks.noted(tmp_path / "half") is None


def test_who_has_ended_is_not_there(tmp_path: Path) -> None:
    """Not even as a zombie, before its parent has heard of it."""
    with subprocess.Popen(["sleep", "60"]) as process:
        marks.note(tmp_path / "it", process.pid)
        assert marks.noted(tmp_path / "it") == process.pid
        marks.end([process.pid])
        assert marks.noted(tmp_path / "it") is None
    assert marks.started(process.pid) is None
    marks.end([process.pid])  # and to end it again is no error


def test_processes_are_found_by_what_they_carry() -> None:
    """Lab, role, node and words come out of the environment; other engines' processes are left alone."""
    carried = marks.environment("unit-marks", "node", **{marks.NODE_KEY: "h1", marks.WORDS_KEY: "{}"})
    foreign = {marks.LAB_KEY: "unit-marks", marks.NODE_KEY: "h2"}
    with (
        subprocess.Popen(["/bin/sleep", "60"], env=carried) as ours,
        subprocess.Popen(["/bin/sleep", "60"], env=foreign) as theirs,
    ):
        try:
            found = marks.processes("unit-marks")
            assert found == [marks.Found(ours.pid, "unit-marks", "node", "h1", "{}")]
            assert found[0] in marks.processes()
        finally:
            ours.kill()
            theirs.kill()
    assert marks.processes("unit-marks") == []
