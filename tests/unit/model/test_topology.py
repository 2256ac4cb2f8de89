"""The shapes, their names, and which word means which link."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.errors import TopologyError
from lab.model import topology
from lab.model.topology import build, few, find_link

SIZES = st.integers(topology.FEWEST, topology.MOST)


@settings(max_examples=30)
@given(SIZES)
def test_a_star_joins_every_host_to_the_hub(count: int) -> None:
    """h1 … hN with a link each, and a hub on top, which alone forwards."""
    star = build("star", count)
    hosts = [f"h{number}" for number in range(1, count + 1)]
    assert [node.name for node in star.nodes] == [*hosts, "hub"]
    assert [node.name for node in star.nodes if node.forwards] == ["hub"]
    assert [(link.name, link.ends) for link in star.links] == [(f"{host}-hub", (host, "hub")) for host in hosts]
    assert star.links_of("hub") == star.links
    assert star.links_of("h1") == star.links[:1]


@settings(max_examples=30)
@given(SIZES)
def test_a_ring_closes(count: int) -> None:
    """n1 … nN, all forward; links point clockwise, and the last leads to the first."""
    ring = build("ring", count)
    names = [f"n{number}" for number in range(1, count + 1)]
    assert [node.name for node in ring.nodes] == names
    assert all(node.forwards and node.role == "member" for node in ring.nodes)
    assert [link.ends for link in ring.links] == list(zip(names, [*names[1:], "n1"], strict=True))
    assert [link.name for link in ring.links] == ["-".join(link.ends) for link in ring.links]
    assert all(len(ring.links_of(name)) == 2 for name in names)


@settings(max_examples=30)
@given(SIZES)
def test_a_bus_is_one_link_for_all(count: int) -> None:
    """h1 … hN on one shared link; nobody forwards."""
    bus = build("bus", count)
    (link,) = bus.links
    assert (link.name, link.ends) == ("bus", tuple(f"h{number}" for number in range(1, count + 1)))
    assert link.shared
    assert link.is_bus
    assert not any(node.forwards for node in bus.nodes)


def test_a_shared_medium_does_not_make_a_bus() -> None:
    """A wireless star shares each link's rate, but not everybody hears everything."""
    assert all(link.shared and not link.is_bus for link in build("star", 3, "wireless").links)


@pytest.mark.parametrize("kind", topology.SHAPES)
@pytest.mark.parametrize("count", [-1, 0, 1, 251, 100_000])
def test_sizes_out_of_bounds_are_refused(kind: str, count: int) -> None:
    """2 to 250, whatever the shape."""
    with pytest.raises(TopologyError) as caught:
        build(kind, count)
    assert str(caught.value) == f"a {kind} of {count} cannot be made (--nodes takes 2 to 250)"


def test_an_unknown_shape_is_met_with_all_shapes() -> None:
    """The issue's `--topology moon`."""
    with pytest.raises(TopologyError) as caught:
        build("moon", 4)
    assert str(caught.value) == "no topology is called 'moon' (there are star, ring, bus)"


@pytest.mark.parametrize(
    ("kind", "word", "name"),
    [
        ("star", "h2-hub", "h2-hub"),
        ("star", "hub-h2", "h2-hub"),
        ("star", "h2", "h2-hub"),
        ("ring", "n1-n2", "n1-n2"),
        ("ring", "n2-n1", "n1-n2"),
        ("ring", "n1-n4", "n4-n1"),
        ("bus", "bus", "bus"),
    ],
)
def test_a_link_goes_by_its_name_its_other_name_or_its_host(kind: str, word: str, name: str) -> None:
    """What may stand before `=SPEC`."""
    ends = {link.name: link.ends for link in build(kind, 4).links}
    assert find_link(word, ends) == name


@pytest.mark.parametrize(
    ("kind", "word", "what", "remedy"),
    [
        ("star", "nosuch", "no link is called 'nosuch'", "there are h1-hub, h2-hub, h3-hub, h4-hub"),
        ("star", "h1-hup", "no link is called 'h1-hup'", "did you mean h1-hub?"),
        ("star", "hub", "hub is a node, not a link", "name one: h1-hub, h2-hub, h3-hub, h4-hub"),
        ("star", "", "no link is called ''", "there are h1-hub, h2-hub, h3-hub, h4-hub"),
        ("ring", "n1", "n1 is a node, not a link", "name one: n1-n2, n4-n1"),
        ("ring", "n1-n3", "no link is called 'n1-n3'", "did you mean n2-n3?"),
        ("bus", "h1", "h1 is a node, not a link", "a bus is one medium for all: name it, bus"),
    ],
)
def test_a_word_that_means_no_link_is_refused(kind: str, word: str, what: str, remedy: str) -> None:
    """The remedy names the links that could be meant."""
    with pytest.raises(TopologyError) as caught:
        build(kind, 4, links={word: "coax"})
    assert (caught.value.what, caught.value.remedy) == (what, remedy)


def test_in_a_ring_of_two_both_links_have_their_own_name() -> None:
    """`n2-n1` is the way back there, not the other name of `n1-n2`."""
    ring = build("ring", 2, links={"n1-n2": "fibre", "n2-n1": "satellite"})
    assert [link.spec.medium for link in ring.links] == ["fibre", "satellite"]


def test_one_link_by_two_names_is_refused() -> None:
    """Which of the two should hold, nobody can know."""
    with pytest.raises(TopologyError) as caught:
        build("star", 3, links={"h1": "coax", "hub-h1": "fibre"})
    assert str(caught.value) == "h1-hub is given twice (give one --link for it)"


def test_a_links_spec_lies_over_that_of_all() -> None:
    """Only the named link is another one."""
    star = build("star", 3, "satellite", {"h2": "rate=1mbit"})
    rates = [(link.spec.medium, link.spec.forward.settings.rate) for link in star.links]
    assert rates == [("satellite", 10_000_000), ("satellite", 1_000_000), ("satellite", 10_000_000)]


def test_names_in_one_line_are_few() -> None:
    """Five are all told; of more, the first three and the last."""
    assert few([f"h{number}" for number in range(1, 6)]) == "h1, h2, h3, h4, h5"
    assert few([f"h{number}" for number in range(1, 7)]) == "h1, h2, h3, …, h6"
