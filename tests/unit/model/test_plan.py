"""The plan: complete, frozen, the same for the same words, and quick for the largest lab."""

from __future__ import annotations

import dataclasses
import json
import time
from ipaddress import IPv4Network

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.errors import PoolError, SpecError, TopologyError, WordsError
from lab.model import plan as model
from lab.model.media import MEDIA
from lab.model.plan import LabSpec, as_document, decide
from lab.model.routing import POLICIES
from lab.model.tables import SYSCTLS, first_flight
from lab.model.topology import SHAPES

NAMES = st.from_regex(r"[a-z0-9][a-z0-9-]{0,30}", fullmatch=True)
IFNAMSIZ = 15


@pytest.mark.parametrize("kind", SHAPES)
def test_the_same_words_give_the_same_plan(kind: str) -> None:
    """Down to the last letter of the document."""
    spec = LabSpec(topology=kind, nodes=5, media="satellite,loss=1%")
    assert json.dumps(as_document(decide(spec))) == json.dumps(as_document(decide(spec)))
    assert decide(spec) == decide(spec)


def test_a_plan_is_frozen() -> None:
    """Nothing of it can be set once it is decided."""
    plan = decide(LabSpec())
    for part, field in ((plan, "spec"), (plan.nodes[0], "name"), (plan.links[0], "subnet"), (plan.spec, "name")):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(part, field, "other")


@given(
    st.builds(
        LabSpec,
        name=NAMES,
        topology=st.text(),
        nodes=st.integers(),
        media=st.text(),
        links=st.lists(st.tuples(st.text(), st.text())).map(tuple),
        routing=st.text(),
        pool=st.text(),
        shaper=st.text(),
        seed=st.integers(),
    )
)
def test_words_survive_their_label(spec: LabSpec) -> None:
    """What a label on every object remembers is all of the words, in one line."""
    text = spec.to_json()
    assert "\n" not in text
    assert LabSpec.from_json(text) == spec


def test_the_document_is_the_whole_plan() -> None:
    """Words, block, nodes with addresses and routes, links with figures and tc commands; all of it plain JSON."""
    document = json.loads(json.dumps(as_document(decide(LabSpec(topology="ring", nodes=5)))))
    assert document["lab"] == "lab"
    assert document["words"]["nodes"] == 5
    assert document["block"] == "198.18.0.0/26"
    assert [node["name"] for node in document["nodes"]] == ["n1", "n2", "n3", "n4", "n5"]
    assert all(
        node["routes"] and node["interfaces"] and node["hosts"] and node["sysctls"] for node in document["nodes"]
    )
    first = document["links"][0]
    assert (first["name"], first["ends"], first["subnet"]) == ("n1-n2", ["n1", "n2"], "198.18.0.0/29")
    assert [(way["from"], way["to"], way["rate"]) for way in first["directions"]] == [
        ("n1", "n2", 10_000_000),
        ("n2", "n1", 10_000_000),
    ]
    assert set(first["tc"]) == {"netem", "tbf"}
    assert all(command[0] == "tc" for commands in first["tc"].values() for command in commands)


def test_the_document_offers_no_bucket_for_what_a_bucket_cannot_do() -> None:
    """A link with delay, or so slow that a frame's time on it is to be seen, needs netem or the wire."""
    for media in ("satellite", "twisted-pair-2400"):
        link = as_document(decide(LabSpec(media=media)))["links"][0]
        assert set(link["tc"]) == {"netem", "wire"}


def test_a_shared_link_is_declared_once() -> None:
    """All to all, with one set of figures."""
    (way,) = as_document(decide(LabSpec(topology="bus")))["links"][0]["directions"]
    assert (way["from"], way["to"], way["rate"]) == ("all", "all", 10_000_000)


@pytest.mark.parametrize(
    ("medium", "segments"),
    [
        ("twisted-pair-2400", 1),
        ("twisted-pair-9600", 1),
        ("twisted-pair-14400", 1),
        ("twisted-pair-28800", 3),
        ("twisted-pair-33600", 3),
        ("coax", None),
        ("fibre", None),
        ("wireless", None),
        ("satellite", None),
        ("satellite-leo", None),
    ],
)
def test_the_first_flight_fits_the_medium(medium: str, segments: int | None) -> None:
    """Half a second of it at most, one segment at least, and Linux's own ten where they fit."""
    figures = MEDIA[medium].settings
    assert first_flight(figures.rate, figures.mtu) == segments


def test_every_medium_has_its_first_flight_above() -> None:
    """So that a new medium is thought of, and the routes of its labs hold it."""
    for name, medium in MEDIA.items():
        expected = first_flight(medium.settings.rate, medium.settings.mtu)
        plan = decide(LabSpec(topology="star", nodes=2, media=name))
        assert {route.initcwnd for node in plan.nodes for route in node.routes} == {expected}


def test_a_route_carries_the_mtu_of_a_narrower_link_further_on() -> None:
    """From a coax host over the hub to a modem host: 296; what is narrow at once needs no such note."""
    plan = decide(LabSpec(nodes=4, links=(("h2", "twisted-pair-2400"),)))
    narrow = plan.link("h2").subnet
    rows = {(node.name, route.to): route for node in plan.nodes for route in node.routes}
    assert rows["h1", narrow].mtu == 296
    assert rows["h3", narrow].mtu == 296
    assert rows["hub", narrow].mtu is None
    assert all(route.mtu is None for route in plan.node("h2").routes)
    assert [face.mtu for face in plan.node("hub").interfaces] == [1500, 296, 1500, 1500]


@pytest.mark.parametrize(("kind", "forwarders"), [("star", {"hub"}), ("ring", {"n1", "n2", "n3"}), ("bus", set())])
def test_only_who_must_forward_does(kind: str, forwarders: set[str]) -> None:
    """The hub and ring members; never a host."""
    plan = decide(LabSpec(topology=kind, nodes=3))
    assert {node.name for node in plan.nodes if node.sysctls["net.ipv4.ip_forward"] == "1"} == forwarders
    assert {node.name for node in plan.nodes if node.forwards} == forwarders


@pytest.mark.parametrize("kind", SHAPES)
def test_every_node_has_the_labs_kernel_settings(kind: str) -> None:
    """No reverse-path filter, no redirects, no IPv6, the lecture's ports; and TCP's congestion control in each row."""
    for node in decide(LabSpec(topology=kind)).nodes:
        assert node.sysctls.items() >= SYSCTLS.items()
        assert {route.congctl for route in node.routes} == {"cubic"}


@given(NAMES, st.integers(0, 249))
def test_device_names_fit_the_kernel(name: str, number: int) -> None:
    """At most 15 characters, with the lab's prefix before the hyphen, the same each time."""
    device = model.medium_device(name, number)
    assert len(device) <= IFNAMSIZ
    assert device == f"{model.device_prefix(name)}-{number}"
    assert device == model.medium_device(name, number)


def test_device_names_of_a_lab_are_apart() -> None:
    """One for each link, and those of another lab begin otherwise."""
    plan = decide(LabSpec(nodes=250, media="wireless"))
    assert len({link.device for link in plan.links}) == 250
    assert model.device_prefix("lab") != model.device_prefix("lab2")


@pytest.mark.parametrize("name", ["lab", "a", "0", "my-lab-2", "x" * 31, "lab-"])
def test_names_that_can_be(name: str) -> None:
    """Lower-case letters, digits and hyphens."""
    assert model.check_name(name) == name


@pytest.mark.parametrize(
    "name", ["", "-lab", "Lab", "lab;halt", "lab h", "lab\n", "lab_1", "lab.1", "x" * 32, "läb", "../lab", "$(id)"]
)
def test_names_that_cannot_be(name: str) -> None:
    """Whatever a container's name, a label or a shell could trip over."""
    with pytest.raises(WordsError) as caught:
        decide(LabSpec(name=name))
    assert caught.value.what == f"{name!r} cannot be a lab's name"
    assert caught.value.remedy == "lower-case letters, digits and hyphens, at most 31 of them"


@pytest.mark.parametrize(
    ("spec", "kind", "message"),
    [
        (LabSpec(routing="x"), WordsError, "no routing is called 'x' (there are clockwise, shortest)"),
        (LabSpec(shaper="x"), WordsError, "no shaper is called 'x' (there are auto, exact, netem, wire)"),
        (LabSpec(topology="moon"), TopologyError, "no topology is called 'moon' (there are star, ring, bus)"),
        (LabSpec(nodes=1), TopologyError, "a star of 1 cannot be made (--nodes takes 2 to 250)"),
        (
            LabSpec(links=(("h1", "rate=10"),)),
            SpecError,
            "h1-hub: rate: '10' has no unit (write a number and one of bit, kbit, mbit or gbit)",
        ),
        (
            LabSpec(links=(("h1", "coax"), ("h1", "fibre"))),
            TopologyError,
            "h1 is given twice (give one --link for it)",
        ),
    ],
)
def test_words_that_describe_no_lab_are_refused(spec: LabSpec, kind: type[WordsError], message: str) -> None:
    """Each by the error of its kind, all with exit code 2."""
    with pytest.raises(kind) as caught:
        decide(spec)
    assert str(caught.value) == message
    assert caught.value.exit_code == 2


def test_taken_networks_are_avoided_unless_a_pool_is_given() -> None:
    """A pool is an order; whether it is free is for the engine to say."""
    taken = [IPv4Network("198.18.0.0/16")]
    assert not decide(LabSpec(), taken).addresses.block.overlaps(taken[0])
    assert str(decide(LabSpec(pool="198.18.0.0/24"), taken).addresses.block) == "198.18.0.0/27"
    with pytest.raises(PoolError) as caught:
        decide(LabSpec(), [IPv4Network("198.18.0.0/15")])
    assert caught.value.exit_code == 3


def test_a_plan_finds_its_nodes_and_links_by_name() -> None:
    """Links by the words that `--link` takes; what is not there is refused with what is."""
    plan = decide(LabSpec(nodes=3))
    assert plan.node("h2").name == "h2"
    assert plan.link("h2") is plan.link("hub-h2") is plan.links[1]
    with pytest.raises(TopologyError) as caught:
        plan.node("h9")
    assert str(caught.value) == "no node is called 'h9' (lab has h1, h2, h3, hub)"
    with pytest.raises(TopologyError):
        plan.link("h9")


@settings(max_examples=20)
@given(st.sampled_from(sorted(SHAPES)), st.sampled_from(POLICIES), st.integers(2, 20))
def test_every_node_knows_every_other_by_name_and_its_neighbours_by_mac(kind: str, policy: str, count: int) -> None:
    """One line in /etc/hosts for each other node, one static neighbour for each other end of its links."""
    plan = decide(LabSpec(topology=kind, nodes=count, routing=policy))
    names = {node.name for node in plan.nodes}
    for node in plan.nodes:
        assert sorted(name for _, name in node.hosts) == sorted(names - {node.name})
        others = [
            (link.name, str(port.address), port.mac)
            for link in plan.links
            for port in plan.addresses.ports[link.name]
            if node.name in link.link.ends and port.node != node.name
        ]
        assert [(near.link, near.address, near.mac) for near in node.neighbours] == others
        assert node.address in {face.ip for face in node.interfaces}


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("kind", SHAPES)
def test_the_largest_lab_is_decided_in_seconds(kind: str, policy: str) -> None:
    """250 nodes of each shape; CPU time, for a busy machine must not fail this."""
    start = time.process_time()
    plan = decide(LabSpec(topology=kind, nodes=250, routing=policy))
    assert time.process_time() - start < 5
    assert len(plan.nodes) >= 250
