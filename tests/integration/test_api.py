"""The API, as somebody's own program would use it, on both engines."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab import Lab, LateError, star
from lab.engine.owner import Owner
from lab.errors import TopologyError
from lab.testing import partition
from tests.engine_contract import needed

ECHO = """
import socket
with socket.create_server(("", 7007)) as server:
    peer, _ = server.accept()
    peer.sendall(peer.recv(100).upper())
"""
ASK = "import socket; s = socket.create_connection(('h1', 7007)); s.sendall(b'hello'); print(s.recv(100).decode())"


@pytest.fixture(scope="module", params=["docker", "netns"])
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """A star of two, over a satellite on one side, brought up once; each test leaves it as it was."""
    needed(request.param)
    with Lab.up(star(2, links={"h2": "satellite"}), request.param) as made:
        yield made


def test_a_lab_has_a_name_of_its_own(lab: Lab) -> None:
    """Two programs that use the API do not meet in a lab called `lab`, and it is known whose it is."""
    assert lab.name.startswith("py-")
    assert Lab.find(lab.name).plan.spec == lab.plan.spec
    assert lab.engine.labs()[lab.name].owner == Owner.here()


def test_a_program_of_ones_own(lab: Lab, tmp_path: Path) -> None:
    """A server is put on one node and waited for; a client on another asks it, over the links."""
    (tmp_path / "echo.py").write_text(ECHO)
    lab["h1"].put(tmp_path / "echo.py")
    assert lab["h1"].get("/root/echo.py").decode() == ECHO
    with lab["h1"].start(["python3", "/root/echo.py"]) as server:
        server.wait_for_port(7007)
        assert lab["h2"].run(["python3", "-c", ASK]).check().stdout == "HELLO"
        assert server.wait().exit_code == 0


def test_the_link_is_what_it_says(lab: Lab) -> None:
    """One echo takes two hops of 270 ms, there and back: it is not localhost that is tested on."""
    found = lab["h2"].run(["ping", "-c", "1", lab["h1"].address]).check().stdout
    assert float(found.partition("time=")[2].split()[0]) >= 540


def test_what_takes_too_long_is_ended(lab: Lab) -> None:
    """A time limit is kept, and nothing runs on."""
    with pytest.raises(LateError, match=r"h1: `sleep 4567` did not end within 0\.5 s"):
        lab["h1"].run(["sleep", "4567"], timeout=0.5)
    assert "4567" not in lab["h1"].run(["ps", "ax"]).check().stdout


def test_signals(lab: Lab) -> None:
    """A program gets the signal that it is sent."""
    with lab["h1"].start(["ping", "h2"]) as ping:
        ping.wait_for_line("time=")
        ping.send_signal(signal.SIGINT)
        assert "rtt min/avg/max" in ping.wait().stdout


def test_reset_is_as_declared(lab: Lab) -> None:
    """Settings, cuts and programs of before are gone; where nothing was changed, nothing is asked of anybody."""
    program = lab["h1"].start(["sleep", "4568"])
    lab.link("h1").set(loss="50%", delay="20ms")
    lab.link("h2").cut()
    assert lab["h1"].run(["ping", "-c", "1", "-W", "1", "h2"]).exit_code == 1
    lab.reset()
    assert program.exit_code == 128 + signal.SIGTERM
    status = lab.status()
    assert (status.differences, status.now.topology) == ((), lab.plan.topology)
    assert [way.loss for way in lab.link("h1").stats()] == [0.0, 0.0]
    began = time.monotonic()
    lab.reset()
    assert time.monotonic() - began < 0.05


def test_a_partition(lab: Lab) -> None:
    """Nodes are cut off as long as the block lasts, and not a moment longer."""
    with partition(lab, "h1") as cut:
        assert cut == ("h1-hub",)
        assert lab["h1"].run(["ping", "-c", "1", "-W", "1", "hub"]).exit_code == 1
    assert lab["h1"].run(["ping", "-c", "1", "-W", "1", "hub"]).exit_code == 0
    with pytest.raises(TopologyError, match="both sides"), partition(lab, "h1", "h2", "hub"):
        pass


def test_a_capture(lab: Lab) -> None:
    """What passes a node in the block is handed back, frame by frame."""
    with lab.capture("h1", filter="icmp") as taken:
        lab["h1"].run(["ping", "-c", "1", "hub"]).check()
    assert [frame.node for frame in taken.frames] == ["h1", "h1"]


def test_a_node_that_is_not_there(lab: Lab) -> None:
    """The error says which nodes there are."""
    with pytest.raises(TopologyError, match="no node is called 'h9'"):
        _ = lab["h9"]


def test_down_ends_what_runs() -> None:
    """A program whose node is taken away has ended, and says so."""
    needed("netns")
    with Lab.up(star(2), "netns") as lab:
        program = lab["h1"].start(["sh", "-c", "echo begun; sleep 60"])
        program.wait_for_line("begun")
    assert program.wait(10).exit_code > 128
