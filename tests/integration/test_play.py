"""Faults on a timeline, on the wire: they happen when they should, and chance is the seed's."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import pytest

from lab import Lab, bus, star
from tests.engine_contract import needed

DATAGRAMS = 200
SENDER = f"""
import socket, time
s = socket.socket(type=socket.SOCK_DGRAM)
for number in range({DATAGRAMS}):
    s.sendto(str(number).encode(), ("h1", 7000))
    time.sleep(0.001)
"""
RECEIVER = """
import socket
s = socket.socket(type=socket.SOCK_DGRAM)
s.bind(("", 7000))
s.settimeout(20)
try:
    while True:
        print(s.recv(99).decode())
        s.settimeout(1)
except TimeoutError: pass
"""
TIMES = int(os.environ.get("WIRELAB_PLAYS", "3"))  # how often the same is played


@pytest.fixture(scope="module", params=["docker", "netns"])
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """A star of three over coax."""
    needed(request.param)
    with Lab.up(star(3), request.param) as made:
        yield made


def _arrived(lab: Lab) -> list[int]:
    """The numbers of the datagrams that arrive, of a train from h2 to h1."""
    with lab["h1"].start(["python3", "-c", RECEIVER]) as receiver:
        receiver.wait_for_port(7000, "udp")
        lab["h2"].run(["python3", "-c", SENDER]).check()
        return [int(word) for word in receiver.wait().stdout.split()]


def test_the_same_seed_loses_the_same_frames(lab: Lab) -> None:
    """Again and again, in the same lab; another seed loses others."""
    runs = []
    for seed in [*[5] * TIMES, 6]:
        with lab.play("0s lose h1-hub 20%", seed=seed) as played:
            played.wait()
            runs.append(_arrived(lab))
        lab.reset()
    assert len({tuple(run) for run in runs[:-1]}) == 1
    assert runs[-1] != runs[0]
    assert 0.65 * DATAGRAMS < len(runs[0]) < 0.95 * DATAGRAMS


def test_things_happen_when_they_should(lab: Lab) -> None:
    """A cut keeps packets away just as long as it says; the log tells when it was."""
    play = lab.play("0.5s cut h1 for 1s\n0s set h2 delay=30ms for 2s")
    log = play.wait(30)
    assert [(entry.event.verb, entry.event.at) for entry in log] == [
        *[("set", 0.0), ("cut", 0.5), ("heal", 1.5), ("restore", 2.0)],
    ]
    assert all(entry.event.at <= entry.began for entry in log)
    status = lab.status()
    assert (status.differences, status.now.topology) == ((), lab.plan.topology)


def test_a_stopped_node_stands_still(lab: Lab) -> None:
    """Its programs say nothing while it is stopped, and go on afterwards; they can still be ended."""
    script = "i=0; while :; do i=$((i+1)); echo $i; sleep 0.05; done"
    with lab["h3"].start(["sh", "-c", script]) as program:
        program.wait_for_line("3")
        with lab.play("0s stop h3 for 1s") as played:
            while not played.log:
                time.sleep(0.01)
            count = len(program.stdout.splitlines())
            time.sleep(0.4)
            assert len(program.stdout.splitlines()) == count
            played.wait()
        program.wait_for_line(str(count + 3))


def test_a_bus_is_played_with_too() -> None:
    """A tap is pulled, and the medium loses frames."""
    needed("netns")
    with Lab.up(bus(3), "netns") as lab:
        log = lab.play("0s lose bus 10% for 300ms\n100ms cut h2-bus for 100ms\n50ms flap h3 every 20ms for 100ms").wait(
            30
        )
        assert {entry.event.line for entry in log} == {1, 2, 3}
        assert lab.status().now.topology == lab.plan.topology
