"""Declared against live: silence where all is as planned, and one line for each thing that is not."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lab.model.drift import Difference, differences
from lab.model.plan import LabPlan, LabSpec, decide
from lab.model.spec import Direction

Read = Callable[..., dict[str, Any]]
Live = dict[str, Any]
Change = Callable[[Live], object]

STAR = LabSpec(nodes=3, links=(("h2", "twisted-pair-2400"),))


def _running(plan: LabPlan) -> dict[str, str]:
    return {node.name: "running" for node in plan.nodes}


def test_a_real_lab_is_as_planned() -> None:
    """The agent's own answer for a star of three on Docker, iproute2 6.1 and token buckets, has no difference."""
    live = json.loads((Path(__file__).parent / "star_of_three.json").read_text())
    plan = decide(LabSpec(nodes=3, pool="198.19.184.128/27"))
    assert differences(plan, _running(plan), live) == ()


def test_the_real_answer_has_the_form_that_these_tests_use(as_read: Read) -> None:
    """Node for node, link for link, what the fixture makes has the keys and figures of the real one."""
    live = json.loads((Path(__file__).parent / "star_of_three.json").read_text())
    made = as_read(decide(LabSpec(nodes=3, pool="198.19.184.128/27")))
    real = live["links"]["h1-hub"]["directions"]
    assert made["links"]["h1-hub"]["directions"] == [{k: v for k, v in way.items() if k != "dev"} for way in real]
    assert made["nodes"].keys() == live["nodes"].keys()
    for name, node in live["nodes"].items():
        assert made["nodes"][name].keys() == node.keys()
        assert made["nodes"][name]["neighbours"] == node["neighbours"]
        assert made["nodes"][name]["sysctls"].items() >= node["sysctls"].items()
        ours = {row["dst"]: (row.get("gateway"), row["metrics"]) for row in made["nodes"][name]["routes"]}
        assert ours == {row["dst"]: (row.get("gateway"), row["metrics"]) for row in node["routes"]}


@pytest.mark.parametrize(
    ("spec", "shaper"),
    [
        (STAR, "tbf"),
        (STAR, "netem"),
        (LabSpec(topology="ring", nodes=5, links=(("n1-n2", "twisted-pair-9600"),)), "tbf"),
        (LabSpec(topology="ring", nodes=4, media="satellite,loss=1%", routing="shortest"), "netem"),
        (LabSpec(topology="ring", nodes=2, media="coax/fibre"), "tbf"),
        (LabSpec(topology="bus", nodes=6), "tbf"),
        (LabSpec(topology="bus", nodes=3, media="wireless,delay=5ms,reorder=10%,duplicate=1%,corrupt=1%"), "netem"),
        (LabSpec(nodes=2, media="wireless"), "netem"),
        (LabSpec(nodes=2, media="fibre,length=10m"), "netem"),
    ],
)
def test_a_lab_as_planned_has_no_difference(spec: LabSpec, shaper: str, as_read: Read) -> None:
    """Whatever its shape, media and shaper."""
    plan = decide(spec)
    assert differences(plan, _running(plan), as_read(plan, shaper)) == ()


def _face(key: str, value: Any) -> Change:
    return lambda live: live["nodes"]["h1"]["interfaces"]["h1-hub"].update({key: value})


def _port(key: str, value: Any) -> Change:
    return lambda live: live["links"]["h1-hub"]["ports"]["hub"].update({key: value})


def _row(number: int, key: str, value: Any) -> Change:
    return lambda live: live["nodes"]["h1"]["routes"][number].update({key: value})


WHOLE = "via 198.18.0.3 dev eth0 congctl cubic initcwnd 1 mtu 296"
EXTRA = {"dst": "default", "gateway": "198.18.0.1", "dev": "eth0", "metrics": []}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (_face("addresses", []), Difference("h1 on h1-hub", "address", "198.18.0.2/29", "none")),
        (_face("addresses", ["10.0.0.1/8"]), Difference("h1 on h1-hub", "address", "198.18.0.2/29", "10.0.0.1/8")),
        (
            _face("mac", "02:00:00:00:00:01"),
            Difference("h1 on h1-hub", "mac", "02:42:c6:12:00:02", "02:00:00:00:00:01"),
        ),
        (_face("mtu", 1400), Difference("h1 on h1-hub", "mtu", "1500", "1400")),
        (_face("up", value=False), Difference("h1 on h1-hub", "interface", "up", "down")),
        (_face("offloads", ["tso", "gro"]), Difference("h1 on h1-hub", "offloads", "off", "tso, gro on")),
        (
            lambda live: live["nodes"]["h1"]["routes"].pop(0),
            Difference("h1", "route to 198.18.0.0/27", WHOLE, "missing"),
        ),
        (
            _row(0, "metrics", [{"initcwnd": 10, "mtu": 296, "congestion": "bbr"}]),
            Difference(
                "h1", "route to 198.18.0.0/27", WHOLE, "via 198.18.0.3 dev eth0 congctl bbr initcwnd 10 mtu 296"
            ),
        ),
        (
            _row(0, "gateway", "198.18.0.4"),
            Difference("h1", "route to 198.18.0.0/27", WHOLE, WHOLE.replace("0.3", "0.4")),
        ),
        (
            lambda live: live["nodes"]["h1"]["routes"].append(EXTRA),
            Difference("h1", "route to default", "none", "via 198.18.0.1 dev eth0"),
        ),
        (
            lambda live: live["nodes"]["h1"]["neighbours"].clear(),
            Difference("h1", "neighbour 198.18.0.3", "02:42:c6:12:00:03", "none"),
        ),
        (
            lambda live: live["nodes"]["h1"]["sysctls"].update({"net.ipv4.ip_forward": "1"}),
            Difference("h1", "net.ipv4.ip_forward", "0", "1"),
        ),
        (lambda live: live["links"].pop("h1-hub"), Difference("h1-hub", "link", "there", "missing")),
        (
            lambda live: live["links"]["h1-hub"]["ports"].pop("hub"),
            Difference("h1-hub", "port of hub", "there", "missing"),
        ),
        (_port("up", value=False), Difference("h1-hub", "port of hub", "up", "down")),
        (_port("mtu", 1400), Difference("h1-hub", "mtu at the port of hub", "1500", "1400")),
        (_port("offloads", ["gso"]), Difference("h1-hub", "offloads at the port of hub", "off", "gso on")),
        (
            lambda live: live["links"]["h1-hub"]["directions"].__setitem__(0, {"kind": "noqueue"}),
            Difference("h1-hub (h1 to hub)", "shaper", "tbf, netem or wire", "noqueue"),
        ),
        (
            lambda live: live["links"]["h1-hub"]["directions"][1]["options"].update(rate=1_250, burst=62_000, lat=0),
            Difference("h1-hub (hub to h1)", "rate", "1e+07", "10000"),
        ),
    ],
    ids=lambda value: str(value) if isinstance(value, Difference) else "",
)
def test_each_change_is_named(change: Change, expected: Difference, as_read: Read) -> None:
    """One change of a lab, one difference: where, what, declared and live."""
    plan = decide(STAR)
    there = copy.deepcopy(as_read(plan))
    change(there)
    assert differences(plan, _running(plan), there) == (expected,)


def test_an_interface_that_is_gone_takes_its_routes_along(as_read: Read) -> None:
    """It is named first, then each row that is missing with it."""
    plan = decide(STAR)
    live = as_read(plan)
    live["nodes"]["h1"] |= {"interfaces": {}, "routes": []}
    first, *others = differences(plan, _running(plan), live)
    assert first == Difference("h1 on h1-hub", "interface", "198.18.0.2/29", "missing")
    assert [(one.where, one.what, one.live) for one in others] == [
        ("h1", f"route to {route.to}", "missing") for route in plan.node("h1").routes
    ]


def test_a_port_past_the_medium_of_a_bus_is_named(as_read: Read) -> None:
    """A frame that enters there would not share the rate with the others."""
    plan = decide(LabSpec(topology="bus", nodes=3))
    live = as_read(plan)
    live["links"]["bus"]["redirected"].remove("h2")
    live["links"]["bus"]["directions"] = [{"kind": "gone"}]
    assert [str(difference) for difference in differences(plan, _running(plan), live)] == [
        "bus: port of h2 is past it, declared redirected into the medium",
        "bus: shaper is gone, declared tbf, netem or wire",
    ]


@pytest.mark.parametrize(("bridge", "live"), [("br-1", "on the link's bridge"), ("", "carried by nobody")])
def test_a_port_that_the_wire_has_not_is_named(bridge: str, live: str, as_read: Read) -> None:
    """A restarted node has another port than the one that the software wire was told of: nobody carries its frames."""
    plan = decide(STAR)
    there = as_read(plan)
    ports = there["links"]["h2-hub"]["ports"]
    ports["h2"]["bridge"], ports["hub"]["bridge"] = bridge, ""
    held = [{"node": "h2", "device": "vethgone", "state": "lost"}, {"node": "hub", "device": "vethhub", "state": "up"}]
    there["wire"]["h2-hub"] = {"ports": held, "directions": [_carried(plan.link("h2-hub").link.spec.forward)] * 2}
    assert differences(plan, _running(plan), there) == (
        Difference("h2-hub", "port of h2", "carried by the software wire", live),
    )
    held[0] |= {"device": "vethh2", "state": "up"}
    ports["h2"]["bridge"] = ""
    assert differences(plan, _running(plan), there) == ()


def _carried(way: Direction) -> dict[str, Any]:
    """What the software wire says of a direction that it carries as it shall."""
    names = ("rate", "delay", "jitter", "loss", "duplicate", "corrupt", "reorder", "queue")
    counters = {"sent": 0, "sent_bytes": 0, "lost": 0, "dropped": {}, "queued_bytes": 0}
    return counters | {"settings": {name: getattr(way.settings, name) for name in names}}


def test_nodes_that_do_not_run_are_named_by_their_state(as_read: Read) -> None:
    """By the engine's word, or as missing; nothing more is said of them."""
    plan = decide(LabSpec(nodes=2))
    live = as_read(plan)
    live["nodes"].clear()
    states = {"h1": "exited", "hub": "running"}
    assert differences(plan, states, live) == (
        Difference("h1", "state", "running", "exited"),
        Difference("h2", "state", "running", "missing"),
    )


def test_nothing_there_is_all_missing() -> None:
    """Each node and each link once."""
    plan = decide(LabSpec(nodes=2))
    found = differences(plan, {}, {"nodes": {}, "links": {}})
    assert [(one.where, one.live) for one in found] == [
        (name, "missing") for name in ("h1", "h2", "hub", "h1-hub", "h2-hub")
    ]


def test_routes_that_nobody_declared_are_told_in_order(as_read: Read) -> None:
    """Two looks at one lab say the same."""
    plan = decide(LabSpec(nodes=2))
    live = as_read(plan)
    for number in (3, 1, 2):
        live["nodes"]["h1"]["routes"].append({"dst": f"10.0.{number}.0/24", "dev": "eth0"})
    found = [one.what for one in differences(plan, _running(plan), live)]
    assert found == [f"route to 10.0.{number}.0/24" for number in (1, 2, 3)]


def test_a_kernel_that_lacks_a_setting_does_not_differ(as_read: Read) -> None:
    """The agent says nothing where there is nothing to read."""
    plan = decide(LabSpec(nodes=2))
    live = as_read(plan)
    live["nodes"]["h1"]["sysctls"]["net.ipv6.conf.all.disable_ipv6"] = ""
    assert differences(plan, _running(plan), live) == ()
