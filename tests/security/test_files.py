"""What tasks write on the machine is their caller's, and goes where they were told to. docs/security.md, 13."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lab.engine import images
from lab.engine.base import unheard
from lab.errors import ImageError, WordsError
from lab.exercises import catalogue
from lab.model.exchange import Exchange
from lab.observe import compared, files
from lab.observe.compare import Row
from lab.observe.talk import Measured
from tests.integration.test_commands import ROOT, command, inv
from tests.security.conftest import Place, host

SOMEBODY = 65534
OURS, THEIRS = "ours", "theirs"


@pytest.fixture
def everybodys() -> Iterator[Path]:
    """A folder that everybody may write to. Not a sticky one: there, some kernels guard by themselves."""
    with tempfile.TemporaryDirectory() as made:
        Path(made).chmod(0o777)
        yield Path(made)


def as_somebody(argv: list[str]) -> list[str]:
    """The command, run by a user who may use Docker, and otherwise only read: a checkout may be in a closed folder."""
    group = Path("/run/docker.sock").stat().st_gid
    user = [f"--reuid={SOMEBODY}", f"--regid={SOMEBODY}", f"--groups={group}"]
    able = ["--inh-caps=-all,+dac_read_search", "--ambient-caps=-all,+dac_read_search"]
    able += ["--bounding-set=-all,+dac_read_search"]
    return ["setpriv", *user, *able, "--", *argv]


def test_what_capture_and_trace_write_is_the_callers(shut: Place, everybodys: Path) -> None:
    """Who runs `capture` or `trace` owns the file, with the mode that their umask leaves; not root, though root taps.

    Guard: the caller's own process opens the file. Where the engine's root writes it, it is root's.
    """
    docker = shut.docker  # the embedded engine is root's alone
    words = ("--name", shut.lab.name, "--engine", shut.lab.engine.name)
    capture, trace = everybodys / "h1.pcap", everybodys / "trace.html"
    for task in (
        ("capture", "h1", "--seconds", "0.5", "--write", str(capture)),
        ("trace", "--from", "h1", "--to", "h2", "--message", "hello", "--html", str(trace)),
    ):
        argv = command(*task, *words)
        subprocess.run(as_somebody(argv) if docker else argv, cwd=ROOT, umask=0o027, check=True, capture_output=True)
    for path in (capture, trace):
        found = path.stat()
        assert (found.st_uid, found.st_mode & 0o777) == (SOMEBODY if docker else 0, 0o640), path
        assert found.st_size
    if docker:
        image = shut.lab.engine.prepare(unheard)
        mounted = ["--volume", f"{everybodys}:/out", "--entrypoint", "touch"]
        host("docker", "run", "--rm", *mounted, image, "/out/by-the-engine")
        assert (everybodys / "by-the-engine").stat().st_uid == 0


def a_link(folder: Path) -> Path:
    """Another user's link, where we are about to write, to a file of ours."""
    (folder / "wanted").symlink_to(folder / "victim")
    os.chown(folder / "wanted", SOMEBODY, SOMEBODY, follow_symlinks=False)
    return folder / "victim"


def a_dangling_link(folder: Path) -> Path:
    """Another user's link to a file that is not there yet."""
    victim = a_link(folder)
    victim.unlink()
    return victim


def a_file(folder: Path) -> Path:
    """Another user's file: they could read what we write, and change it."""
    (folder / "wanted").write_text(OURS)
    os.chown(folder / "wanted", SOMEBODY, SOMEBODY)
    return folder / "wanted"


def a_second_name(folder: Path) -> Path:
    """Another name that somebody gave to a file of ours."""
    os.link(folder / "victim", folder / "wanted")
    return folder / "victim"


def content(path: Path) -> str | None:
    """What a file holds, if it is there."""
    return path.read_text() if path.exists() else None


@pytest.mark.parametrize("lay", [a_link, a_dangling_link, a_file, a_second_name], ids=lambda lay: lay.__name__)
def test_nothing_is_written_to_what_another_laid(everybodys: Path, lay: Callable[[Path], Path]) -> None:
    """In a folder that everybody may write to, nothing is written through, or into, what another user put there.

    Guard: `files.create` looks at what it opened before it writes. Opened as files usually are, what is ours is gone.
    """
    (everybodys / "victim").write_text(OURS)
    victim = lay(everybodys)
    before = content(victim)
    with pytest.raises(WordsError), files.create(everybodys / "wanted"):
        pass
    assert content(victim) == before
    (everybodys / "wanted").write_text(THEIRS)
    assert content(victim) == THEIRS != before


def test_what_is_the_callers_is_written(tmp_path: Path, everybodys: Path) -> None:
    """One's own file is written over, through one's own link too; and so are pipes and devices, whoever they belong to.

    And what cannot be written is wrong words, not a stack of Python's.
    """
    for folder in (tmp_path, everybodys):
        (folder / "link").symlink_to(folder / "file")
        for name in ("file", "link"):
            files.write(folder / name, f"{name}, and no more")
            assert (folder / "file").read_text() == f"{name}, and no more"
    (tmp_path / "theirs").touch()
    os.chown(tmp_path / "theirs", SOMEBODY, SOMEBODY)  # as after sudo: nobody else may lay anything here
    files.write(tmp_path / "theirs", "x")
    files.write("/dev/null", "x")
    hears, tells = os.pipe()
    files.write(f"/dev/fd/{tells}", "through a pipe")
    assert os.read(hears, 100) == b"through a pipe"
    for end in (hears, tells):
        os.close(end)
    for wrong in (tmp_path, tmp_path / "no" / "such"):
        with pytest.raises(WordsError, match="it cannot be written"):
            files.create(wrong)


TASKS = {
    "capture": ("capture", "h1", "--seconds", "0.2", "--write"),
    "trace": ("trace", "--from", "h1", "--to", "h2", "--message", "x", "--html"),
}


@pytest.mark.parametrize("task", TASKS)
def test_tasks_do_not_write_through_anothers_link(shut: Place, everybodys: Path, task: str) -> None:
    """Each task that writes a file for its caller does so by `files.create`: exit code 2, and nothing is written."""
    (everybodys / "victim").write_text(OURS)
    victim = a_link(everybodys)
    said = inv(*TASKS[task], str(everybodys / "wanted"), "--name", shut.lab.name, code=2).stderr
    assert "another user's link" in said
    assert victim.read_text() == OURS


def test_a_chart_is_not_drawn_into_anothers_file(everybodys: Path) -> None:
    """`compare --chart` writes by the same function."""
    pytest.importorskip("matplotlib")
    victim = a_file(everybodys)
    took = Exchange(0.1, 0.2, 0.3)
    row = Row("coax", "wire", took, None, took, Measured(0.1, 0.2, 0.3, again=0, rounds=1), share=0.05, links=4)
    with pytest.raises(WordsError):
        compared.chart("tcp", 5000, [row], victim)
    assert victim.read_text() == OURS


def test_an_exercise_begins_in_its_own_files(shut: Place, everybodys: Path) -> None:
    """`exercise start` leaves what is there, links that lead nowhere too, and makes its dump through no other's link.

    Guard: `files`, and a look at names instead of at what they lead to. Copied there as files usually are, the start
    of an exercise would be where somebody's link leads.
    """
    begun = catalogue.find("four-layers")
    start = next((begun.folder / "start").iterdir())
    (everybodys / start.name).symlink_to(everybodys / "elsewhere")
    (everybodys / "victim").write_text(OURS)
    (everybodys / "dump.txt").symlink_to(everybodys / "victim")
    os.chown(everybodys / "dump.txt", SOMEBODY, SOMEBODY, follow_symlinks=False)
    with pytest.raises(WordsError):
        begun.begin(shut.lab, everybodys)
    assert (everybodys / "victim").read_text() == OURS
    assert not (everybodys / "elsewhere").exists()
    shutil.copyfile(start, everybodys / start.name)
    assert (everybodys / "elsewhere").exists()


def test_a_lock_is_not_laid_elsewhere(everybodys: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no home to keep the images' lock in, a folder that another user made in /tmp is not taken for it.

    Guard: a look at whose the folder is. Without, the lock is opened through their link: a file of ours, elsewhere.
    """
    (everybodys / "closed").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(everybodys / "closed"))
    monkeypatch.setattr(tempfile, "tempdir", str(everybodys))
    planted = everybodys / f"wirelab-{os.getuid()}"
    planted.mkdir()
    (planted / "images.lock").symlink_to(everybodys / "elsewhere")
    os.chown(planted, SOMEBODY, SOMEBODY)
    with pytest.raises(ImageError, match="no folder can be written"), images.alone(unheard):
        pass
    assert not (everybodys / "elsewhere").exists()
    os.chown(planted, os.getuid(), -1)  # as if nobody looked whose it is
    with images.alone(unheard):
        assert (everybodys / "elsewhere").exists()
