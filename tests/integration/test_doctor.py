"""`doctor` on this machine: it looks and changes nothing; --fix removes what nobody owns, and nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from lab.engine.netns.folder import STATE
from lab.lab import Lab
from lab.model.plan import LabSpec

ROOT = Path(__file__).parents[2]


def doctor(*prefix: str, code: int = 0, **variables: str) -> dict[str, Any]:
    """What `doctor --json` says, by subject, with `engines`; it must end with `code`."""
    argv = [*prefix, sys.executable, "-m", "invoke", "doctor", "--json"]
    done = subprocess.run(argv, cwd=ROOT, env=os.environ | variables, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    said = json.loads(done.stdout)
    return {each["subject"]: each for each in said["findings"]} | {"engines": said["engines"]}


def test_docker_that_does_not_answer(tmp_path: Path) -> None:
    """It is told how to start it; the embedded engine is left. Without root, none is, and the exit code is 3."""
    dead = f"unix://{tmp_path}/docker.sock"
    found = doctor(DOCKER_HOST=dead)
    assert found["docker"]["level"] == "lack"
    assert "unset DOCKER_HOST" in found["docker"]["remedy"]
    assert found["engines"] == ["netns"]
    assert found["kernel"]["level"] == "ok"
    unprivileged = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--"]
    found = doctor(*unprivileged, DOCKER_HOST=dead, code=3)
    assert found["engines"] == []
    assert "lacks CAP_NET_ADMIN" in found["embedded engine"]["text"]


def test_netem_is_tried() -> None:
    """Whether the kernel has netem is what tc says, in a namespace that goes away."""
    tried = ["unshare", "--net", "tc", "qdisc", "add", "dev", "lo", "root", "netem", "delay", "1ms"]
    has = subprocess.run(tried, capture_output=True, check=False).returncode == 0
    assert doctor()["netem"]["level"] == ("ok" if has else "note")


def test_fix_removes_what_nobody_owns_and_nothing_else() -> None:
    """A folder without processes and a device of no lab are told, left alone by looking, and removed by --fix."""
    folder, device = STATE / f"t{os.getpid()}-dead", "wl0123abcd-0"
    folder.mkdir(parents=True)
    subprocess.run(["ip", "link", "add", device, "type", "ifb"], check=True)
    name = f"t{os.getpid()}-alive"
    with Lab.up(LabSpec(name=name, nodes=2), "netns"):
        argv = [sys.executable, "-m", "invoke", "doctor"]
        told = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=True).stdout
        assert folder.name in told
        assert device in told
        assert name not in told
        assert folder.exists()
        done = subprocess.run([*argv, "--fix"], cwd=ROOT, capture_output=True, text=True, check=True).stderr
        assert f"removed the folder {folder}" in done
        assert f"removed the device {device}" in done
        assert not folder.exists()
        assert Lab.find(name).status().differences == ()
    assert subprocess.run(["ip", "link", "show", device], capture_output=True, check=False).returncode != 0
