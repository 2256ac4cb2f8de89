"""Captures of real links, on both engines: h1 over a shaped link, h2 over one that the software wire carries."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lab.engine.netns import marks
from lab.engine.netns.folder import Folder
from lab.errors import WordsError
from lab.lab import Lab
from lab.model.plan import LabSpec
from lab.observe.capture import Place, capturing
from lab.observe.frames import Frame, is_own
from tests.engine_contract import needed
from tests.support import Bench

ROOT = Path(__file__).parents[2]
PATIENCE = 30.0
CAPTURE = (sys.executable, "-m", "invoke", "capture")
METER = ("python3", "-m", "lab.apps.meter")
WAY = [("h1", "h1-hub"), ("hub", "h1-hub"), ("hub", "h2-hub"), ("h2", "h2-hub")]


@pytest.fixture(scope="module", params=["docker", "netns"])
def star(request: pytest.FixtureRequest) -> Iterator[Bench]:
    """A star of two; 5 ms of delay on h2's link, so that without netem the software wire has its ports."""
    needed(request.param)
    spec = LabSpec(
        name=f"t{os.getpid()}-tap-{request.param}", nodes=2, shaper="wire", links=(("h2", "coax,delay=5ms"),)
    )
    with Lab.up(spec, request.param) as lab:
        yield Bench(lab)


def echoes(frames: list[Frame], kind: int) -> list[Frame]:
    """The frames that carry ICMP echo requests (8) or replies (0)."""
    return [
        frame for frame in frames if frame.data[12:14] == b"\x08\x00" and frame.data[23] == 1 and frame.data[34] == kind
    ]


@pytest.mark.parametrize("side", ["node", "port"])
def test_every_place_on_the_way_sees_each_packet_once_and_in_order(star: Bench, side: str) -> None:
    """Three pings across the hub, seen at four places, on the nodes' side and at the ports, bridge or wire."""
    with capturing(star.lab, WAY, side=side) as taken:
        star.out("h1", "ping", "-c", "3", "-i", "0.2", "-s", "100", "h2")
    requests, replies = echoes(taken.frames, 8), echoes(taken.frames, 0)
    assert [(frame.node, frame.link) for frame in requests] == WAY * 3
    assert [(frame.node, frame.link) for frame in replies] == WAY[::-1] * 3
    assert [is_own(frame, star.lab.plan) for frame in requests[:4]] == [True, False, True, False]
    assert [is_own(frame, star.lab.plan) for frame in replies[:4]] == [True, False, True, False]
    assert {(frame.side, frame.length, len(frame.data)) for frame in requests} == {(side, 142, 142)}
    assert set(taken.dropped.values()) == {0}


def test_stamps_tell_how_long_a_link_takes(star: Bench) -> None:
    """Between the two ends of h2's link lie its 5 ms, and the time that the frame itself takes at 10 Mbit/s."""
    with capturing(star.lab, WAY[2:], filter="icmp[icmptype] == icmp-echo") as taken:
        star.out("h1", "ping", "-c", "5", "-i", "0.1", "-s", "1000", "h2")
    stamps = [frame.time_ns for frame in taken.frames]
    passed = [(after - before) / 1e9 for before, after in zip(stamps[::2], stamps[1::2], strict=True)]
    assert len(passed) == 5
    assert min(passed) == pytest.approx(0.005 + 1042 * 8 / 10e6, abs=0.0005)


def test_a_filter_may_name_nodes_and_takes_nothing_else(star: Bench) -> None:
    """The filter is read where names are the node's own."""
    with capturing(star.lab, WAY[:1], filter="host h2 and icmp[icmptype] == icmp-echoreply") as taken:
        star.out("h1", "ping", "-c", "1", "h2")
        star.out("h1", "ping", "-c", "1", "hub")
    assert taken.frames == echoes(taken.frames, 0)
    assert len(taken.frames) == 1


@pytest.mark.parametrize(
    ("place", "words", "what"),
    [
        (("h1", "h1-hub"), {"filter": "tcp prot"}, r"--filter: 'tcp prot': .*syntax error"),
        (("h1", "h1-hub"), {"filter": "host h7"}, r"unknown host"),
        (("h1", "h1-hub"), {"filter": "-w /tmp/x"}, r"syntax error"),
        (("h1", "h1-hub"), {"side": "inside"}, r"no side is called 'inside'"),
        (("h1", "h2-hub"), {}, r"h1 is not on h2-hub .*h1 has h1-hub"),
        (("h7", "h1-hub"), {}, r"no node is called 'h7'"),
    ],
)
def test_words_that_are_wrong_are_refused(star: Bench, place: Place, words: dict[str, str], what: str) -> None:
    """A filter that cannot be read, a link that is not the node's, no such node, and a side that is none."""
    with pytest.raises(WordsError, match=what), capturing(star.lab, [place], **words):
        pass


@pytest.mark.parametrize(("size", "count"), [(1472, 8258), (8, 100_000)])
def test_no_frame_is_lost_at_the_speed_of_coax(star: Bench, size: int, count: int) -> None:
    """10 Mbit/s for 10 s in the largest frames, and for 4 s in small ones: as many captured as the sender counts."""
    words = ("--size", str(size), "--count", str(count), "--rate", "10000000")
    with star.running("hub", *METER, "receive", until="ready"), capturing(star.lab, WAY[:2], filter="udp") as taken:
        sent = star.out("h1", *METER, "send", "hub", *words)
    assert f'"sent": {count}' in sent
    assert set(taken.dropped.values()) == {0}
    numbers = [int.from_bytes(frame.data[42:50]) for frame in taken.frames if frame.node == "h1"]
    assert numbers == list(range(count))  # the meter's own: all of them, once, and in order


@contextmanager
def begun(*words: str) -> Iterator[subprocess.Popen[bytes]]:
    """The command, once it captures; killed in the end, if it must be."""
    with subprocess.Popen([*CAPTURE, *words], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stderr
        try:
            said = process.stderr.readline()
            assert said.startswith(b"capturing at "), said + process.stderr.read()
            yield process
        finally:
            process.kill()


def finished(process: subprocess.Popen[bytes], code: int = 0) -> str:
    """Wait for the end of the command; what it said on stderr."""
    assert process.stderr
    said = process.stderr.read().decode()
    assert process.wait(PATIENCE) == code, said
    return said


def read(path: Path) -> list[str]:
    """The packets of a file, by tcpdump(8)."""
    done = subprocess.run(["tcpdump", "-n", "-r", str(path)], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def helpers(lab: Lab) -> list[int]:
    """The processes of a lab's taps."""
    if lab.engine.name == "netns":
        return [found.process for found in marks.processes(lab.name) if found.role == marks.HELPER]
    mine = [f"label=wirelab.lab={lab.name}", "label=wirelab.helper=tap"]
    words = ["docker", "ps", "--all", "--quiet", "--filter", mine[0], "--filter", mine[1]]
    found = subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()
    if not found:
        return []
    inspect = ["docker", "inspect", "--format", "{{.State.Pid}}", *found]
    return [int(word) for word in subprocess.run(inspect, capture_output=True, text=True, check=False).stdout.split()]


def await_none(lab: Lab) -> None:
    """Wait until no tap is left."""
    deadline = time.monotonic() + PATIENCE
    while left := helpers(lab):
        assert time.monotonic() < deadline, f"still there: {left}"


def test_a_file_that_others_can_read(star: Bench, tmp_path: Path) -> None:
    """As many packets as were asked for, from three interfaces, in the order of time; and the caller's own file."""
    file = tmp_path / "taken.pcapng"
    words = ("h1", "hub", "--name", star.lab.name, "--filter", "icmp", "--count", "9", "--write", str(file))
    with begun(*words) as process:
        star.out("h1", "ping", "-c", "3", "-i", "0.2", "h2")
        assert "9 packets, none dropped" in finished(process)
    lines = read(file)
    assert len(lines) == 9
    assert [line[:15] for line in lines] == sorted(line[:15] for line in lines)
    assert (file.stat().st_uid, file.stat().st_mode & 0o777) == (os.geteuid(), 0o666 & ~_umask())
    for place in (b"h1:h1-hub", b"hub:h1-hub", b"hub:h2-hub"):
        assert place in file.read_bytes()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_in_order(star: Bench, tmp_path: Path, number: signal.Signals) -> None:
    """Ctrl-C and SIGTERM: what was seen until then is in the file, and nothing of the tap is left."""
    file = tmp_path / "taken.pcap"
    with begun("h1", "--name", star.lab.name, "--filter", "icmp", "--write", str(file)) as process:
        star.out("h1", "ping", "-c", "2", "-i", "0.2", "hub")
        process.send_signal(number)
        assert "4 packets, none dropped" in finished(process)
    assert len(read(file)) == 4
    await_none(star.lab)


def test_a_pipe_gets_each_packet_at_once_and_may_go_away(star: Bench) -> None:
    """The header comes before any packet, a packet before the end; without a reader it ends, though nothing passes."""
    with begun("h1", "--name", star.lab.name, "--filter", "icmp") as process:
        assert process.stdout
        assert process.stdout.read(24)[:4] == bytes.fromhex("4d3cb2a1")
        star.out("h1", "ping", "-c", "1", "-s", "56", "hub")
        assert len(process.stdout.read(2 * (16 + 98))) == 2 * (16 + 98)
        process.stdout.close()
        assert "2 packets" in finished(process)
    await_none(star.lab)


def test_it_ends_when_its_time_is_up(star: Bench) -> None:
    """After so many seconds, with nothing seen."""
    with begun("--link", "h1", "--side", "port", "--seconds", "0.5", "--name", star.lab.name) as process:
        assert "0 packets, none dropped" in finished(process)


def test_it_is_shown_as_lines_where_that_is_asked_for(star: Bench) -> None:
    """A line for each packet, with the nodes' names."""
    with begun("h2", "--text", "--filter", "icmp", "--count", "2", "--name", star.lab.name) as process:
        star.out("h1", "ping", "-c", "1", "h2")
        finished(process)
        assert process.stdout
        lines = process.stdout.read().decode().splitlines()
    assert [line.split(" ", 1)[1] for line in lines] == [
        "h2:h2-hub  in    98 bytes  h1 > h2  ICMP echo request, TTL 63",
        "h2:h2-hub  out   98 bytes  h2 > h1  ICMP echo reply, TTL 64",
    ]


def test_nothing_is_left_of_a_capture_that_was_killed(star: Bench) -> None:
    """SIGKILL: nobody can tidy up then, and yet the tap ends; while it runs, it holds no capability."""
    with begun("hub", "--name", star.lab.name) as process:
        (tap,) = helpers(star.lab)
        status = dict(line.split(":\t", 1) for line in Path(f"/proc/{tap}/status").read_text().splitlines())
        assert {int(status[f"Cap{which}"], 16) for which in ("Eff", "Prm", "Inh")} == {0}
        assert status["NoNewPrivs"] == "1"
        process.kill()
    await_none(star.lab)


@pytest.mark.parametrize("engine", ["docker", "netns"])
def test_it_ends_with_a_node_and_with_the_lab(engine: str, tmp_path: Path) -> None:
    """A node that ends is told of, and the rest goes on; `down` ends it, and the file is whole."""
    needed(engine)
    file = tmp_path / "taken.pcapng"
    with Lab.up(LabSpec(name=f"t{os.getpid()}-down-{engine}", nodes=2), engine) as lab:
        with begun("h1", "--name", lab.name) as process:
            end_node(lab, "h1")
            said = finished(process)
            assert "h1:h1-hub is gone" in said
        with begun("h2", "hub", "--link", "h2-hub", "--name", lab.name, "--write", str(file)) as process:
            Bench(lab).out("h2", "ping", "-c", "1", "hub")
            lab.down()
            assert f"{lab.name}: the capture was ended from outside" in finished(process)
    assert len([line for line in read(file) if "ICMP" in line]) in (0, 4)


def end_node(lab: Lab, node: str) -> None:
    """End a node, as a crash would."""
    if lab.engine.name == "docker":
        subprocess.run(["docker", "kill", f"{lab.name}-{node}"], capture_output=True, check=True)
        return
    keeper = Folder(lab.name).node(node)
    assert keeper is not None
    marks.end([keeper])
