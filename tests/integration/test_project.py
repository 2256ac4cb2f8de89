"""A project of somebody else's: what its tests do with labs, and what is left when they were killed."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from lab.engine.select import select
from tests.engine_contract import needed
from tests.wheel import Project

MINE = """
import pathlib, pytest, signal, os
from lab.testing import assert_within, predicted_echo

@pytest.mark.lab(topology="star", nodes=2, media=["coax", "satellite"])
@pytest.mark.parametrize("number", range(3))
def test_echo(lab, number):
    pathlib.Path("names.txt").open("a").write(lab.name + "\\n")
    with lab["h1"].start(["python3", "-m", "lab.apps.tcp_server"]) as server:
        server.wait_for_port(11267)
        lab["h2"].run(["python3", "-m", "lab.apps.tcp_client", "--host", "h1", "--message", str(number)]).check()
        assert server.wait_for_line("received  (.*)")[1] == str(number)
"""
KILLS = """
import os, pathlib, signal

def test_killed(lab):
    pathlib.Path("names.txt").open("a").write(lab.name + "\\n")
    if not pathlib.Path("killed").exists():
        pathlib.Path("killed").touch()
        os.kill(os.getpid(), signal.SIGKILL)
"""
RED = """
import pytest

@pytest.mark.lab(nodes=2)
@pytest.mark.parametrize("word", ["before", "red", "after"])
def test_says(lab, word):
    with lab["h1"].start(["python3", "-m", "lab.apps.udp_server"]) as server:
        server.wait_for_port(11267, "udp")
        lab["h2"].run(["python3", "-m", "lab.apps.udp_client", "--host", "h1", "--message", word]).check()
        server.wait_for_line("received  " + word)
    assert word != "red"
"""


@pytest.fixture(autouse=True)
def _own_folder(project: Project) -> None:
    for path in project.folder.glob("*.*"):
        if path.is_file():
            path.unlink()
    (project.folder / "pytest.ini").write_text("[pytest]\n")


def _left(project: Project, engine: str) -> list[str]:
    """The labs that the project's tests were given, and that are still there."""
    names = set((project.folder / "names.txt").read_text().split())
    assert names
    return sorted(names & set(select(engine).labs()))


@pytest.mark.parametrize(("engine", "workers", "times"), [("docker", 0, 1), ("netns", 0, 1), ("netns", 4, 2)])
def test_ten_lines_pass(project: Project, engine: str, workers: int, times: int) -> None:
    """On both engines, side by side too, twice in a row, and nothing is left."""
    needed(engine)
    (project.folder / "test_mine.py").write_text(MINE)
    for _ in range(times):
        said = project.run("pytest", "-q", "-n", str(workers), "--wirelab-engine", engine)
        assert "6 passed" in said
        assert _left(project, engine) == []


def test_a_worker_is_killed(project: Project) -> None:
    """Its lab is removed at the end of the session by those who are left."""
    needed("netns")
    (project.folder / "test_kills.py").write_text(KILLS)
    (project.folder / "killed").unlink(missing_ok=True)
    said = project.run("pytest", "-q", "-n", "2", "--wirelab-engine", "netns", code=1)
    assert "crashed" in said
    assert _left(project, "netns") == []


def test_all_are_killed_half_way(project: Project) -> None:
    """The next session removes what they could not."""
    needed("netns")
    (project.folder / "test_mine.py").write_text(MINE)
    argv = [str(project.folder / ".venv/bin/pytest"), "-q", "-n", "4", "--wirelab-engine", "netns"]
    names = project.folder / "names.txt"
    with subprocess.Popen(argv, cwd=project.folder, stdout=subprocess.DEVNULL, start_new_session=True) as session:
        until = time.monotonic() + 60
        while not names.exists() or not names.read_text():
            assert time.monotonic() < until
            time.sleep(0.05)  # a file tells nobody when it grows
        os.killpg(session.pid, signal.SIGKILL)
    assert _left(project, "netns") != []
    project.run("pytest", "-q", "-n", "4", "--wirelab-engine", "netns")
    assert _left(project, "netns") == []


def test_a_failure_leaves_its_own_frames(project: Project) -> None:
    """The folder that the report names has the datagram of the failed test, at every node, and of no other test."""
    needed("netns")
    (project.folder / "test_red.py").write_text(RED)
    words = ("--wirelab-engine", "netns", "--junitxml", "report.xml", "--wirelab-artifacts", "kept")
    said = project.run("pytest", "-q", *words, code=1)
    assert "2 passed" in said
    folder = Path(re.findall(r"^(/\S+/kept/\S+)$", said, re.MULTILINE)[0])
    for node in ("h1", "h2", "hub"):
        frames = (folder / f"{node}.pcap").read_bytes()
        assert b"red" in frames
        assert b"before" not in frames
        assert b"after" not in frames
    log = (folder / "h1.log").read_text()
    assert "received  red" in log
    assert "before" not in log
    assert {path.name for path in folder.iterdir()} >= {"status.json", "tc.json", "echoes.txt"}
    report = (project.folder / "report.xml").read_text()
    assert f'name="wirelab.artifacts" value="{folder}"' in report
    assert len(set(re.findall(r'name="wirelab.lab" value="([^"]*)"', report))) == 1, "one `up` for three tests"
