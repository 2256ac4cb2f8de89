"""Talking to a wire: requests and answers, good and bad, while frames go on."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.wire.conftest import Bench, Tools


@pytest.mark.parametrize("module", ["fabric.wire", "lab.fabric.wire"])
def test_it_runs_in_both_packages(bench: Bench, tools: Tools, module: str) -> None:
    """As a module of the project and of its copy in the helper container it runs and says what it opened."""
    with bench.wire(bench.link("ab", {}, {}), module=module) as wire:
        assert wire.ready == {"ready": True, "lab": "bench", "links": 1, "ports": 2, "pid": wire.process.pid}
        assert len(tools.ping(bench.node("a"), bench.node("b"), 1)) == 1


def test_the_counters_tell_what_passed(bench: Bench, tools: Tools) -> None:
    """Frames and bytes are counted per direction and per port, and nothing is left on its way."""
    with bench.wire(bench.link("ab", {"delay": 0.01}, {})) as wire:
        tools.train(bench.node("a"), bench.node("b"), 3, size=86)
        there, back, ports = wire.counters(0), wire.counters(1), wire.ports()
    assert there.pop("settings")["delay"] == 0.01
    assert set(there.pop("dropped").values()) == {0}
    assert {key: value for key, value in there.items() if value} == {
        "received": 3,
        "received_bytes": 3 * 128,
        "sent": 3,
        "sent_bytes": 3 * 128,
    }
    assert back["received"] == back["sent"] == 0
    assert ports["a"] | {"device": ""} == {
        "node": "a",
        "device": "",
        "state": "up",
        "mute": False,
        "received": 3,
        "received_bytes": 3 * 128,
        "sent": 0,
        "sent_bytes": 0,
    }
    assert ports["b"]["sent_bytes"] == 3 * 128


@pytest.mark.parametrize("node", ["b", None])
def test_cut_and_heal(bench: Bench, tools: Tools, node: str | None) -> None:
    """Cut, a link drops what comes and what is in flight, counted; healed, it carries again."""
    with bench.wire(bench.link("ab", {"delay": 0.05}, {})) as wire, bench.node("b").udp(7000) as ear:
        tools.send(bench.node("a"), bench.node("b"), range(10))
        tools.until(lambda: wire.counters()["in_flight"] == 10, "ten frames in flight")
        assert wire.ask({"op": "cut", "link": "link", "port": node}) == {"ok": True}
        tools.send(bench.node("a"), bench.node("b"), range(10, 20))
        tools.until(lambda: wire.counters()["dropped"]["cut"] == 20, "all to be dropped")
        assert wire.ports()["b"]["state"] == "cut"
        assert wire.ask({"op": "heal", "link": "link", "port": node}) == {"ok": True}
        tools.send(bench.node("a"), bench.node("b"), range(20, 25))
        assert [tools.receive(ear).number for _ in range(5)] == list(range(20, 25))


def test_cutting_one_node_off_a_hub_leaves_the_others(bench: Bench, tools: Tools) -> None:
    """On a shared medium, only the node that was cut off hears nothing."""
    with bench.wire(bench.link("abc", {}, shared=True)) as wire:
        wire.ask({"op": "cut", "link": "link", "port": "c"})
        assert len(tools.ping(bench.node("a"), bench.node("b"), 3)) == 3
        assert {node: port["sent"] for node, port in wire.ports().items()} == {"a": 3, "b": 3, "c": 0}


def test_a_dropped_link_is_carried_no_longer(bench: Bench, tools: Tools) -> None:
    """The others go on, what was on its way on it is gone, and it can be carried again."""
    link, other = bench.link("ab", {"delay": 0.05}, {}), bench.link("cd", {}, {}, name="other")
    with bench.wire(link, other) as wire, bench.node("b").udp(7000) as ear:
        tools.send(bench.node("a"), bench.node("b"), range(5))
        assert "no link" in wire.ask({"op": "drop", "links": ["link", "nowhere"]})["error"]
        assert wire.ask({"op": "drop", "links": ["link"]}) == {"ok": True}
        assert len(tools.ping(bench.node("c"), bench.node("d"), 2)) == 2
        assert wire.ask({"op": "carry", "links": [link]}) == {"ok": True}
        tools.send(bench.node("a"), bench.node("b"), range(9, 10))
        assert tools.receive(ear).number == 9


@pytest.mark.parametrize(
    ("request_line", "error"),
    [
        ("{", "Expecting property name"),
        ("", "Expecting value"),
        ("\x00\xff", "Expecting value"),
        ("[" * 50_000, "recursion"),
        ("[1]", "a request is a JSON object"),
        ('{"op": "explode"}', "unknown request 'explode'"),
        ('{"op": "set", "link": "link"}', "unknown request 'set', or not with what it needs"),
        ('{"op": "set", "link": "none", "settings": {}}', "no link 'none'"),
        ('{"op": "set", "link": "link", "direction": 2, "settings": {}}', "link link has no direction 2"),
        ('{"op": "set", "link": "link", "direction": {}, "settings": {}}', "link link has no direction {}"),
        ('{"op": "set", "link": "link", "settings": {"loss": 7}}', "loss must be a share"),
        ('{"op": "set", "link": "link", "settings": {"colour": 1}}', "unknown setting: colour"),
        ('{"op": "cut", "link": "link", "port": "z"}', "link link has no port of 'z'"),
        ('{"op": "cut", "link": "link", "port": []}', "link link has no port of []"),
    ],
)
def test_a_bad_request_gets_an_error(bench: Bench, tools: Tools, request_line: str, error: str) -> None:
    """Whatever is asked, the answer is an error in JSON, nothing changes, and the wire goes on."""
    with bench.wire(bench.link("ab", {}, {})) as wire:
        settings = wire.counters()["settings"]
        assert error in wire.ask(request_line)["error"]
        assert wire.counters()["settings"] == settings
        assert len(tools.ping(bench.node("a"), bench.node("b"), 1)) == 1


def test_clients_that_are_silent_or_slow_hold_nobody_up(bench: Bench, tools: Tools) -> None:
    """With forty connections that say nothing, half a request, or never read, pings and requests go on."""
    with bench.wire(bench.link("ab", {}, {})) as wire, ExitStack() as stack:
        for number in range(40):
            client = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
            client.connect(wire.path)
            client.sendall((b"", b'{"op": "st', b'{"op": "stats"}\n')[number % 3])
        assert median(tools.ping(bench.node("a"), bench.node("b"), 10)) < 0.001
        assert wire.counters()["received"] == 10


def test_the_socket_is_private_and_takes_a_dead_ones_place(bench: Bench) -> None:
    """What a killed wire left at the path is replaced; only root may connect."""
    path = bench.directory / "wire.sock"
    path.write_text("left behind", encoding="ascii")
    with bench.wire(bench.link("ab", {}, {})) as wire:
        assert path.is_socket()
        assert path.stat().st_mode & 0o777 == 0o600
        assert wire.ask({"op": "stats"})["lab"] == "bench"


def test_asking_from_a_shell(bench: Bench) -> None:
    """`--ask` prints the answer; its exit code tells an answer, an error and no wire apart."""

    def ask(path: str, request: str) -> tuple[int, dict[str, object]]:
        argv = (sys.executable, "-m", "lab.fabric.wire", "--ask", path)
        root = Path(__file__).parents[2]
        done = subprocess.run(argv, input=request, capture_output=True, text=True, cwd=root, timeout=10, check=False)
        assert done.stderr == ""
        return done.returncode, json.loads(done.stdout)

    with bench.wire(bench.link("ab", {}, {})) as wire:
        assert ask(wire.path, '{"op":\n "heal", "link": "link"}\n') == (0, {"ok": True})
        code, answer = ask(wire.path, '{"op": "fly"}')
        assert (code, list(answer)) == (1, ["error"])
    code, answer = ask(wire.path, '{"op": "stats"}')
    assert (code, list(answer)) == (3, ["error"])
