"""The guest is what the other tests take it for: a kernel with netem, that cannot harm the host and leaves nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.model import readback
from tests.kernel.guest import ROOT, Guest, GuestError

SECONDS = 30.0
SAMPLE = ROOT / "tests/unit/model/netem_qdisc.json"
OPTIONS = ["limit", "1234", "delay", "270ms", "5ms", "25%", "distribution", "normal", "loss", "1%", "10%"]
OPTIONS += ["duplicate", "2%", "5%", "corrupt", "3%", "1%", "reorder", "4%", "50%", "rate", "2400bit"]


def _processes(guest: Guest) -> list[str]:
    """The processes of a guest on the host, by a word on its command line that only they have."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes()
        except OSError:
            continue  # it ended
        if f"wirelab_console={guest.console}".encode() in words:
            found.append(folder.name)
    return found


def test_it_has_netem(guest: Guest) -> None:
    """It runs another kernel than the host does, and the agent's own probe finds netem there."""
    assert guest.facts["kernel"] != Path("/proc/sys/kernel/osrelease").read_text().strip()
    assert "netem" in guest.facts["able"]


def test_doctor_finds_netem(guest: Guest) -> None:
    """On a machine whose kernel has netem, `doctor` says that links are shaped by it."""
    said = guest.call("diagnosis", 60.0)
    found = {each["subject"]: each for each in said["findings"]}
    assert (found["netem"]["level"], found["netem"]["text"]) == ("ok", "links are shaped by the kernel")
    assert found["kernel"]["text"].startswith(guest.facts["kernel"])
    assert said["engines"] == ["netns"]


def test_it_cannot_write_the_hosts_files(guest: Guest) -> None:
    """Root in the guest may not write to the host's file system, not even when it is asked to be mounted writable."""
    answer = guest.call("trespass", SECONDS, path=str(ROOT / "tests/kernel/trespass"))
    assert answer == {"plain": "Read-only file system", "remounted": "Read-only file system"}
    assert not (ROOT / "tests/kernel/trespass").exists()


def test_one_that_hangs_is_gone(boot: Callable[[], Guest]) -> None:
    """Past its time limit a guest is killed, the failure shows its console, and no process of it is left."""
    guest = boot()
    assert _processes(guest)
    with pytest.raises(GuestError, match=r"took more than 1 s in hang(.|\n)*the guest hangs"):
        guest.call("hang", 1)
    assert not guest.alive
    assert _processes(guest) == []


def test_an_error_inside_is_told(guest: Guest) -> None:
    """What fails inside fails outside with its traceback, and the guest goes on."""
    with pytest.raises(GuestError, match="no medium is called 'string'"):
        guest.call("measure", SECONDS, specs=[{"media": "string"}])
    assert guest.call("facts", SECONDS)["kernel"] == guest.facts["kernel"]


def test_it_is_read_back(guest: Guest) -> None:
    """What the host's tc prints of a netem with every option is what the unit tests hold, and is read right."""
    (qdisc,) = guest.call("sample", SECONDS, options=OPTIONS)
    assert qdisc["options"] == json.loads(SAMPLE.read_text())["options"]
    live = readback.figures(qdisc)
    assert (live.shaper, live.rate, live.queue, live.delay, live.jitter) == ("netem", 2400, 1234, 0.27, 0.005)
    assert (live.loss, live.duplicate, live.corrupt, live.reorder) == (0.01, 0.02, 0.03, 0.04)


def test_verify_says_so(guest: Guest) -> None:
    """`verify`, whole, finds a star of coax true under netem: rate, round trip, loss and what TCP makes of them."""
    measured = guest.call("verify", 120.0, words={"name": "verified", "nodes": 2})
    if not all(
        row["good"] for row in measured["rows"]
    ):  # a busy machine looks like a bad link, but a bad one stays bad
        measured = guest.call("verify", 120.0, words={"name": "verified", "nodes": 2})
    assert {row["what"] for row in measured["rows"]} == {"round trip", "rate", "loss", "tcp goodput"}
    assert [row for row in measured["rows"] if not row["good"]] == []
    assert measured["differences"] == []
