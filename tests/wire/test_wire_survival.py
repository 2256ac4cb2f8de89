"""What must not stop a wire: full queues, bad frames, ports that go, and being told to end."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.wire.conftest import Bench, RunningWire, Tools

HEADER = bytes.fromhex("020000000002 020000000001 88b5")


def cpu_seconds(wire: RunningWire) -> float:
    """How long the process has been on a core."""
    fields = Path(f"/proc/{wire.process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_a_full_queue_is_counted(bench: Bench, tools: Tools) -> None:
    """Of a burst into a slow serialiser, as many frames arrive as are sent, and all others are counted."""
    slow = {"rate": 5e6, "queue": 20_000}
    with bench.wire(bench.link("ab", slow, {})) as wire, bench.node("b").udp(7000) as ear:
        tools.send(bench.node("a"), bench.node("b"), range(100), size=1400)
        tools.until(lambda: sum(wire.counters()[key] for key in ("in_flight", "queued")) == 0, "an empty queue")
        counters = wire.counters()
        assert counters["dropped"]["queue"] > 50
        assert counters["sent"] + counters["dropped"]["queue"] == counters["received"] == 100
        assert len(tools.drain(ear)) == counters["sent"]


def test_what_a_tbf_refuses_is_counted(bench: Bench, tools: Tools) -> None:
    """Where a TBF on the far port keeps the rate, its drops are the wire's queue drops."""
    device = bench.node("b").device
    tbf = ("rate", "5mbit", "burst", "1600", "limit", "20000")
    tools.run("tc", "-n", bench.fabric, "qdisc", "add", "dev", device, "root", "tbf", *tbf)
    try:
        with bench.wire(bench.link("ab", {}, {})) as wire, bench.node("b").udp(7000) as ear:
            tools.send(bench.node("a"), bench.node("b"), range(100), size=1400)
            tools.until(lambda: wire.carried(100), "the whole burst")
            counters = wire.counters()
            assert counters["dropped"]["queue"] > 50
            assert counters["sent"] + counters["dropped"]["queue"] == 100
            assert len([tools.receive(ear) for _ in range(counters["sent"])]) == counters["sent"]
    finally:
        tools.run("tc", "-n", bench.fabric, "qdisc", "delete", "dev", device, "root")


def test_runts_and_super_packets_are_dropped(bench: Bench, tools: Tools) -> None:
    """Frames with nothing in them or longer than the MTU are counted, and those between them arrive."""
    tools.run("ip", "-n", bench.node("a").namespace, "link", "set", "eth0", "mtu", "1504")
    try:
        with bench.wire(bench.link("ab", {}, {})) as wire:
            with bench.node("a").raw() as mouth, bench.node("b").raw() as ear:
                # veth lets a frame pass that is longer than the far MTU by a VLAN tag.
                for payload in (b"", b"!", bytes(1500), bytes(1503), b"?"):
                    mouth.send(HEADER + payload)
                assert [len(tools.receive(ear).frame) for _ in range(3)] == [15, 1514, 15]
            dropped = wire.counters()["dropped"]
        assert {reason: count for reason, count in dropped.items() if count} == {"runt": 1, "oversize": 1}
    finally:
        tools.run("ip", "-n", bench.node("a").namespace, "link", "set", "eth0", "mtu", "1500")


def test_a_port_that_vanishes_harms_no_other(bench: Bench, tools: Tools) -> None:
    """A port deleted under traffic is marked lost and counted; the other link goes on; nothing spins."""
    links = (
        bench.link("ad", {"delay": 0.01}, {"delay": 0.01}, name="dying"),
        bench.link("bc", {}, {}, name="fit"),
    )
    with bench.wire(*links) as wire:
        tools.send(bench.node("a"), bench.node("d"), range(50))
        bench.lose("d")
        tools.until(lambda: wire.ports()["d"]["state"] == "lost", "the port to be seen lost")
        tools.send(bench.node("a"), bench.lost["d"], range(50))
        tools.until(lambda: wire.counters()["dropped"]["gone"] >= 50, "the frames for it to be counted")
        assert wire.ports(link=1)["b"]["state"] == "up"
        before = cpu_seconds(wire), time.monotonic()
        assert len(tools.ping(bench.node("b"), bench.node("c"), 20)) == 20
        assert cpu_seconds(wire) - before[0] < 0.5 * (time.monotonic() - before[1])


def test_a_port_set_down_comes_back(bench: Bench, tools: Tools) -> None:
    """A port that is down is gone for as long as that lasts; set up again, it carries frames again."""
    with bench.wire(bench.link("ab", {}, {})) as wire:
        tools.run("ip", "-n", bench.fabric, "link", "set", bench.node("b").device, "down")
        tools.until(lambda: wire.ports()["b"]["state"] == "gone", "the port to be seen down")
        tools.run("ip", "-n", bench.fabric, "link", "set", bench.node("b").device, "up")
        assert len(tools.ping(bench.node("b"), bench.node("a"), 3)) == 3
        assert wire.ports()["b"]["state"] == "up"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_at_once(bench: Bench, tools: Tools, number: signal.Signals) -> None:
    """With frames in flight for ten more seconds it ends within half a second, silently, socket removed."""
    with bench.wire(bench.link("ab", {"delay": 10.0}, {})) as wire:
        tools.send(bench.node("a"), bench.node("b"), range(10))
        tools.until(lambda: wire.counters()["in_flight"] == 10, "ten frames in flight")
        began = time.monotonic()
        wire.process.send_signal(number)
        assert wire.process.wait(timeout=5) == 0
        assert time.monotonic() - began < 0.5
        assert not Path(wire.path).exists()


@pytest.mark.parametrize(
    ("document", "code", "error"),
    [
        ("{", 2, "Expecting property name"),
        ("[]", 2, "malformed"),
        ('{"links": [{"name": "x"}]}', 2, "malformed"),
        ('{"links": [{"name": "x", "ports": [], "directions": []}]}', 2, "link x: two ports"),
        (
            '{"links": [{"name": "x", "ports": [{}, {}], "directions": [{"loss": 2}, {}]}]}',
            2,
            "link x: loss must be a share",
        ),
        (
            '{"links": [{"name": "x", "ports": [{"node": "n1", "device": "p"}, {}], "directions": [{},{}]}]}',
            3,
            "link x: cannot open n1's port p: no interface with this name",
        ),
    ],
)
def test_a_wire_that_cannot_start_says_why(bench: Bench, document: str, code: int, error: str) -> None:
    """A wrong document or a missing port ends it with one line of JSON that names the link; no traceback."""
    path = str(bench.directory / "never.sock")
    with bench.start(path, document) as process:
        out, err = process.communicate(timeout=5)
    assert out.startswith('{"ready": false, "error": ')
    assert error in out
    assert err == ""
    assert process.returncode == code
    assert not Path(path).exists()
