"""One message through all four layers: what a trace says, held against the wire."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.lab import Lab
from lab.model.plan import LabSpec
from lab.observe.capture import capturing
from lab.observe.trace import run
from tests.engine_contract import needed
from tests.integration.judge import judge
from tests.support import Bench

ROOT = Path(__file__).resolve().parents[2]
SHAPES = ("star", "ring", "bus")


@pytest.fixture(scope="session")
def namespaces() -> Iterator[dict[str, Lab]]:
    """A star, a ring and a bus of the embedded engine."""
    needed("netns")
    labs: dict[str, Lab] = {}
    try:
        for shape in SHAPES:
            labs[shape] = Lab.up(LabSpec(name=f"t{os.getpid()}-trace-{shape}", topology=shape), "netns")
        yield labs
    finally:
        for lab in labs.values():
            lab.down()


@pytest.fixture
def lab(request: pytest.FixtureRequest) -> Lab:
    """The lab that a test is parametrised with: `docker star`, `netns ring`."""
    engine, shape = request.param.split()
    docker = engine == "docker"
    found = request.getfixturevalue(shape).lab if docker else request.getfixturevalue("namespaces")[shape]
    assert isinstance(found, Lab)
    return found


def on(shape: str) -> pytest.MarkDecorator:
    """Both engines."""
    return pytest.mark.parametrize("lab", [f"{engine} {shape}" for engine in ("docker", "netns")], indirect=True)


def wanted(**words: Any) -> run.Wanted:
    """What is to be traced; from h2 to h1 by TCP, if nothing else is said."""
    return run.Wanted(**({"protocol": "tcp", "sender": "h2", "to": "h1"} | words))


@on("ring")
def test_a_message_circles_the_ring(lab: Lab) -> None:
    """Three links; one less to live at each node; other hardware addresses on each link, the same IP addresses."""
    trace = run.trace(lab, wanted(sender="n2", to="n1"))
    assert trace["ended"]["verdict"] == "delivered"
    assert trace["message"]["received_text"] == "hello there!"
    data = next(packet for packet in trace["packets"] if packet["bytes"])
    assert [hop["link"] for hop in data["hops"]] == ["n2-n3", "n3-n4", "n4-n1"]
    assert [hop["ttl"] for hop in data["hops"]] == [64, 63, 62]
    pairs = [(hop["mac_from"], hop["mac_to"]) for hop in data["hops"]]
    assert len(set(pairs)) == 3
    ends = {hop["hex"][2 * 26 : 2 * 34] for hop in data["hops"]}
    assert len(ends) == 1
    assert [hop["next_hop"]["node"] for hop in data["hops"]] == ["n3", "n4", "n1"]
    assert (data["source"], data["target"]) == (address(lab, "n2", "n1"), address(lab, "n1", "n2"))


def address(lab: Lab, node: str, peer: str) -> str:
    """The address by which a peer knows a node."""
    return next(address for address, name in lab.plan.node(peer).hosts if name == node)


@on("ring")
def test_the_handshake_comes_before_the_data_and_every_byte_is_acknowledged(lab: Lab) -> None:
    """SYN, SYN ACK, ACK, then data; all that carries something is acknowledged, and both sides close."""
    trace = run.trace(lab, wanted(sender="n2", to="n1"))
    assert [packet["words"] for packet in trace["packets"][:4]] == ["SYN", "SYN ACK", "ACK 1", "data 1-12"]
    has = {number for packet in trace["packets"] for number in packet["acknowledges"]}
    carrying = {
        packet["number"]
        for packet in trace["packets"]
        if packet["bytes"] or {"SYN", "FIN"} & set(packet["transport"]["flags"])
    }
    assert carrying == has
    assert {packet["from"] for packet in trace["packets"] if "FIN" in packet["transport"]["flags"]} == {"n1", "n2"}


@on("bus")
def test_on_a_bus_all_hear_and_one_keeps(lab: Lab) -> None:
    """The datagram is heard by every other node; the one that it is for keeps it. Nothing of TCP is there."""
    trace = run.trace(lab, wanted(protocol="udp"))
    [packet] = trace["packets"]
    [hop] = packet["hops"]
    assert (hop["to"], set(hop["heard_by"])) == ("h1", {"h3", "h4"})
    assert trace["ended"]["verdict"] == "delivered"
    assert len(trace["missing"]) == 5


@on("star")
def test_on_a_star_only_the_hub_hears(lab: Lab) -> None:
    """The captures listen at all hosts; h3 and h4 heard nothing, and the hub kept the frame."""
    trace = run.trace(lab, wanted())
    assert {"h3", "h4"} <= {node for node, _ in trace["capture"]["places"]}
    assert {name for packet in trace["packets"] for hop in packet["hops"] for name in hop["heard_by"]} == set()
    data = next(packet for packet in trace["packets"] if packet["bytes"])
    assert [hop["to"] for hop in data["hops"]] == ["hub", "h1"]


@on("star")
def test_the_totals_agree_with_another_capture(lab: Lab) -> None:
    """A tcpdump that knows nothing of the trace counts the same frames, and the same bytes, at the hub's end of h2."""
    bench = Bench(lab)
    device = bench.out("hub", "sh", "-c", f"ip -o -4 addr show | awk '/{address(lab, 'hub', 'h2')}/ {{print $2}}'")
    words = ("tcpdump", "-i", device, "-n", "-e", "-t", "-l", "tcp port 11267")
    with bench.running("hub", *words, until="listening on") as (dump, lines):
        trace = run.trace(lab, wanted(message="x" * 5000))
        dump.stop()
        frames = [int(found[1]) for _, text in lines if (found := re.search(r"IPv4 \(0x0800\), length (\d+):", text))]
    ours = trace["totals"]["links"]["h2-hub"]
    assert len(frames) == sum(row["frames"] for row in ours.values())
    assert sum(frames) == sum(row["bytes"] for row in ours.values())
    assert trace["message"]["received_bytes"] == 5000
    assert judge(lab.plan, trace) == []


@on("star")
def test_a_datagram_in_fragments(lab: Lab) -> None:
    """What is larger than the MTU goes in fragments, which are put together at the far end."""
    trace = run.trace(lab, wanted(protocol="udp", message="x" * 4000))
    assert [packet["words"] for packet in trace["packets"]] == [
        "fragment 1 of 3, data 1-1472",
        "fragment 2 of 3, data 1473-2952",
        "fragment 3 of 3, data 2953-4000",
    ]
    assert trace["message"]["received_bytes"] == 4000
    assert any("x" * 4000 in said["line"] for said in trace["said"])


@on("star")
@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_nobody_listens(lab: Lab, protocol: str) -> None:
    """Without a server the far kernel refuses: by RST, or by ICMP port unreachable."""
    trace = run.trace(lab, wanted(protocol=protocol, served=False))
    assert trace["ended"]["verdict"] == "refused"
    assert trace["packets"][1]["words"] == {"tcp": "RST", "udp": "ICMP port unreachable"}[protocol]
    assert trace["packets"][1]["from"] == "h1"


def test_an_address_that_is_nobodys(namespaces: dict[str, Lab]) -> None:
    """The hub asks who has it, gets no answer, and says so; an address outside the lab gets no packet at all."""
    lab = namespaces["star"]
    nobody = str(lab.plan.addresses.subnets["h1-hub"].network_address + 5)
    trace = run.trace(lab, wanted(to=nobody))
    assert trace["ended"]["verdict"] == "unreachable"
    assert {"ARP question", "ICMP host unreachable"} <= {packet["words"] for packet in trace["packets"]}
    outside = run.trace(lab, wanted(to="198.51.100.7"))
    assert (outside["ended"]["verdict"], outside["packets"]) == ("unreachable", [])


def test_the_task_says_the_same_as_its_json(namespaces: dict[str, Lab]) -> None:
    """`./inv trace` shows the ring's three links, times to live and phases; `--json` is one document with the same."""
    words = ["trace", "--name", namespaces["ring"].name, "--engine", "netns", "--from", "n2", "--to", "n1"]
    shown = typed(*words)
    document = json.loads(typed(*words, "--json"))
    assert shown.index("— handshake —") < shown.index("— data —") < shown.index("— closing —")
    for link in ("n2-n3", "n3-n4", "n4-n1"):
        assert f"on {link}" in shown
    assert all(f"TTL {ttl}" in shown for ttl in (64, 63, 62))
    assert "68 65 6c 6c 6f 20 74 68 65 72 65 21" in shown
    for packet in document["packets"]:
        assert packet["words"] in shown
    assert (document["kind"], document["version"]) == ("trace", 1)


def typed(*words: str) -> str:
    """What a task prints; it must end well."""
    done = subprocess.run(
        [sys.executable, "-m", "invoke", *words], cwd=ROOT, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_hops_take_as_long_as_predicted() -> None:
    """On slow links, where a machine's own time is next to nothing: each hop within 5 % and 10 ms of its prediction."""
    needed("netns")
    spec = LabSpec(name=f"t{os.getpid()}-trace-slow", media="twisted-pair-9600", nodes=2)
    with Lab.up(spec, "netns") as lab:
        trace = run.trace(lab, wanted(message="x" * 600))
    assert trace["ended"]["verdict"] == "delivered"
    hops = [hop for packet in trace["packets"] for hop in packet["hops"]]
    wrong = [
        (hop["link"], hop["predicted"]["total"], hop["measured"])
        for hop in hops
        if abs(hop["measured"] - hop["predicted"]["total"]) > 0.05 * hop["predicted"]["total"] + 0.01
    ]
    assert wrong == []
    assert max(hop["predicted"]["queue"] for hop in hops) > 0.1


def _follow() -> Any:
    spec = importlib.util.spec_from_file_location("docs_follow", ROOT / "docs" / "follow.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # or its dataclasses do not find themselves
    spec.loader.exec_module(module)
    return module


FOLLOW = _follow()
BLOCKS = FOLLOW.blocks()


@pytest.mark.parametrize("block", BLOCKS, ids=[f"{block.shape} {' '.join(block.words)}" for block in BLOCKS])
def test_the_lesson_shows_what_is_shown(namespaces: dict[str, Lab], block: Any) -> None:
    """Each command of docs/follow-a-message.md, typed again, shows what the page says, but for times and the like."""
    seen = FOLLOW.output(namespaces[block.shape], block)
    assert FOLLOW.differences(block.body, seen) == [], "next: .venv/bin/python docs/follow.py"


def test_the_lesson_has_commands_to_compare() -> None:
    """The reader of that test's own reader: three topologies, and a line that differs is found."""
    assert {block.shape for block in BLOCKS} == {"star", "ring", "bus"}
    body = BLOCKS[0].body
    assert FOLLOW.differences(body, body) == []
    assert FOLLOW.differences(body, body.replace("TTL 63", "TTL 62")) != []
    assert FOLLOW.differences(body, body.replace("SYN ACK", "SYN")) != []


RUNS = int(os.environ.get("WIRELAB_TRACE_RUNS", "3"))


def test_no_trace_is_wrong_about_what_was_lost_or_sent_again() -> None:
    """At 20 % loss on both links: each trace is held against a second capture, by code that shares nothing with it.

    WIRELAB_TRACE_RUNS=50 makes it fifty runs. TCP brings every message over, UDP brings it or tells where it was lost.
    """
    needed("netns")
    spec = LabSpec(name=f"t{os.getpid()}-trace-lossy", nodes=2, media="coax,loss=20%", seed=7)
    sums = {"lost": 0, "sent_again": 0}
    with Lab.up(spec, "netns") as lab:
        places = run.places(lab.plan, wanted())
        for number in range(RUNS):
            protocol = "udp" if number % 5 == 4 else "tcp"
            asked = wanted(protocol=protocol, message=f"{number} " * (1 + 300 * (number % 3)), patience=60.0)
            with capturing(lab, places) as apart:
                trace = run.trace(lab, asked)
            assert judge(lab.plan, trace, apart.frames) == [], f"run {number}"
            if protocol == "tcp":
                assert trace["message"]["delivered"], trace["ended"]
            else:
                told = any("server received" in said["line"] for said in trace["said"])
                assert trace["message"]["delivered"] == told
            for key in sums:
                sums[key] += trace["totals"][key]
    print(f"{RUNS} runs: {sums}")
    assert sums["lost"] > 0


def test_a_link_that_loses_for_the_time_of_the_trace(namespaces: dict[str, Lab], tmp_path: Path) -> None:
    """`--loss 20% --on LINK` makes that link lose, says so, and leaves it as it was; the page is one file."""
    lab = namespaces["star"]
    page = tmp_path / "page.html"
    words = ["trace", "--name", lab.name, "--engine", "netns", "--loss", "20%", "--on", "h1", "--html", str(page)]
    document = json.loads(typed(*words, "--json", "--message", "<script>alert(1)</script>"))
    assert document["loss"] == {"link": "h1-hub", "share": 0.2}
    assert {packet["where"] for packet in document["packets"] if packet["fate"] == "lost"} <= {"h1-hub"}
    assert document["message"]["delivered"]
    status = lab.status()
    assert status.differences == ()
    assert all(way.loss == 0 for way in lab.link("h1-hub").stats())
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page.read_text()
