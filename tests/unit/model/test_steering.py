"""Steering: what a change, a cut and a heal make of a link, how it is remembered, and what is in force then."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.errors import LabError, SpecError, TopologyError, WordsError
from lab.model import change as changes
from lab.model import steering, wiring
from lab.model.change import LONGEST_LINE, UNCHANGED, Change
from lab.model.media import MEDIA
from lab.model.plan import LabPlan, LabSpec, decide
from lab.model.topology import Link

STAR = decide(LabSpec(nodes=3))
RING = decide(LabSpec(topology="ring"))
BUS = decide(LabSpec(topology="bus", nodes=4))


def _link(plan: LabPlan, name: str) -> Link:
    return plan.link(name).link


def _altered(text: str, before: Change = UNCHANGED, sender: str | None = None) -> Change:
    return steering.altered(_link(STAR, "h1-hub"), before, text, sender)


def test_what_is_not_named_stays_as_it_is_now() -> None:
    """A second change is laid over the first, not over what `up` declared; the queue follows the rate."""
    once = _altered("rate=5mbit")
    twice = _altered("loss=1%", once)
    assert twice.forward is not None
    assert (twice.forward.settings.rate, twice.forward.settings.loss) == (5_000_000, 0.01)
    assert twice.forward.settings.queue == 31_250


def test_each_direction_for_itself() -> None:
    """By the node from which it leads, or by the halves of a SPEC."""
    back = _altered("rate=5mbit", sender="hub")
    assert back.forward is None
    assert back.back is not None
    both = _altered("rate=5mbit/loss=1%")
    assert both.forward is not None
    assert both.back is not None
    assert (both.forward.settings.loss, both.back.settings.rate) == (0, 10_000_000)


def test_a_direction_that_is_as_declared_again_is_no_change() -> None:
    """There and back again leaves nothing to remember."""
    assert _altered("rate=10mbit", _altered("rate=5mbit")) == UNCHANGED


def test_a_medium_is_taken_whole_but_for_the_size_of_frames() -> None:
    """The nodes know the link's MTU, so it stays; the queue holds ten frames of that size at least."""
    way = _altered("twisted-pair-2400").forward
    assert way is not None
    assert (way.medium, way.settings.rate, way.settings.mtu) == ("twisted-pair-2400", 2_400, 1500)
    assert way.settings.queue == 10 * 1514


@pytest.mark.parametrize(
    ("spec", "moved"),
    [("rate=5mbit", False), ("rate=100mbit", False), ("rate=1mbit", True), ("loss=1%", True), ("delay=1ms", True)],
)
def test_a_bucket_is_left_only_for_what_it_cannot_do(spec: str, moved: bool) -> None:
    """A rate alone is changed in place, while a frame lasts 5 ms at most; the rest needs the software wire."""
    assert _altered(spec).moved is moved


def test_a_link_on_the_wire_stays_there_until_it_is_reset() -> None:
    """Set back to what a bucket can do, it stays; only as `up` declared it, the agent is told to have it go back."""
    moved = _altered("loss=1%")
    plain = steering.altered(_link(STAR, "h1-hub"), moved, "loss=0%")
    before, after = (steering.in_force(STAR, {"h1-hub": change}) for change in (moved, plain))
    assert after.link("h1").by_wire
    assert [link["back"] for link in wiring.steering(before, after, ["h1-hub"])["links"]] == [False]
    assert [link["back"] for link in wiring.steering(after, STAR, ["h1-hub"])["links"]] == [True]
    satellite = decide(LabSpec(nodes=2, media="satellite"))
    fast = steering.altered(_link(satellite, "h1-hub"), UNCHANGED, "coax")
    assert steering.in_force(satellite, {"h1-hub": fast}).link("h1").by_wire
    assert steering.unset(_link(satellite, "h1-hub"), fast) == UNCHANGED


def test_between_tests_a_link_stays_where_it_is() -> None:
    """Reset with all others, a link keeps only the way by which it is carried: that costs neither time nor frames."""
    assert steering.unset(_link(STAR, "h1-hub"), _altered("loss=1%")) == Change(moved=True)
    assert steering.unset(_link(STAR, "h1-hub"), _altered("rate=5mbit")) == UNCHANGED


@pytest.mark.parametrize(
    ("spec", "sender", "says"),
    [
        ("rate=5", None, "rate"),
        ("mtu=576", None, "frames keep their size"),
        ("wireless", None, "one channel for both directions"),
        ("loss=1%/loss=2%/loss=3%", None, "3 directions"),
        ("loss=1%/loss=2%", "h1", "--from names one"),
        ("loss=1%", "h2", "'h2' is not on it"),
    ],
)
def test_words_that_do_not_fit_are_refused(spec: str, sender: str | None, says: str) -> None:
    """Each with the link and what to write instead."""
    with pytest.raises(WordsError, match=says) as caught:
        _altered(spec, sender=sender)
    assert caught.value.where == "h1-hub"
    assert caught.value.remedy


def test_a_bus_has_one_rate_for_all() -> None:
    """No direction of its own, and any medium; a point-to-point link that is shared stays shared."""
    with pytest.raises(TopologyError, match="one rate is for all"):
        steering.altered(_link(BUS, "bus"), UNCHANGED, "rate=5mbit", "h1")
    assert steering.altered(_link(BUS, "bus"), UNCHANGED, "wireless").forward is not None
    radio = decide(LabSpec(nodes=2, media="wireless"))
    with pytest.raises(SpecError, match="two channels"):
        steering.altered(_link(radio, "h1-hub"), UNCHANGED, "coax")


def test_a_cut_and_its_heal() -> None:
    """A cable is cut for both ends, a tap for its node, and one way for one sender; settings stay."""
    link, bus = _link(STAR, "h1-hub"), _link(BUS, "bus")
    slow = _altered("rate=5mbit")
    assert steering.cut(link, slow, "h1").cut == {"h1", "hub"}
    assert steering.cut(bus, UNCHANGED, "h2").cut == {"h2"}
    mute = steering.cut(link, slow, sender="hub")
    assert not mute.cut
    assert mute.mute == {"hub"}
    assert steering.healed(link, steering.cut(link, mute)) == slow
    two = steering.cut(bus, steering.cut(bus, UNCHANGED, "h2"), "h3")
    assert steering.healed(bus, two, "h3").cut == {"h2"}


@pytest.mark.parametrize(
    ("plan", "word", "links"),
    [
        (STAR, "h1-hub", {"h1-hub": None}),
        (STAR, "hub", {"h1-hub": None, "h2-hub": None, "h3-hub": None}),
        (STAR, "h1, h2,hub | h3", {"h3-hub": None}),
        (RING, "n1", {"n1-n2": None, "n4-n1": None}),
        (RING, "n1,n2 | n3,n4", {"n2-n3": None, "n4-n1": None}),
        (BUS, "h2", {"bus": "h2"}),
        (BUS, "h2-bus", {"bus": "h2"}),
        (BUS, "bus-h2", {"bus": "h2"}),
        (BUS, "bus", {"bus": None}),
    ],
)
def test_what_a_word_means(plan: LabPlan, word: str, links: dict[str, str | None]) -> None:
    """A link, a node, a tap, or two sides."""
    assert steering.links_of(plan, word) == links


@pytest.mark.parametrize(
    ("plan", "word", "says"),
    [
        (STAR, "h1,h2 | h3", "hub: on which side"),
        (STAR, "h1,hub | h1,h2,h3", "h1 is on both sides"),
        (STAR, "h1,h2,h3,hub |", "no link leads"),
        (STAR, "h9", "no link is called"),
        (BUS, "h9-bus", "'h9' is not on it"),
        (BUS, "h1,h2 | h3,h4", "one medium"),
    ],
)
def test_words_that_mean_no_link(plan: LabPlan, word: str, says: str) -> None:
    """Each says what to name instead."""
    with pytest.raises(TopologyError, match=says) as caught:
        steering.links_of(plan, word)
    assert caught.value.remedy


@st.composite
def some_changes(draw: st.DrawFn) -> tuple[Link, Change]:
    """A link and any change of it."""
    link = draw(st.sampled_from([*STAR.links, *RING.links, *BUS.links])).link
    words = {
        "rate": st.integers(80, 10**9).map(lambda rate: f"{rate}bit"),
        "delay": st.floats(0.01, 60).map(lambda time: f"{time:.9f}s"),
        "loss": st.floats(0, 100).map(lambda share: f"{share:.4f}%"),
        "duplicate": st.floats(0, 100).map(lambda share: f"{share:.4f}%"),
    }
    given_words = draw(st.fixed_dictionaries({}, optional=words))
    medium = draw(st.sampled_from(["", *(name for name, each in MEDIA.items() if not each.shared)]))
    text = ",".join(filter(None, [medium, *(f"{key}={value}" for key, value in given_words.items())]))
    sender = None if link.shared else draw(st.sampled_from([None, *link.ends]))
    change = steering.altered(link, UNCHANGED, text, sender)
    ends = st.frozensets(st.sampled_from(link.ends))
    return link, replace(change, cut=draw(ends), mute=draw(ends), reroute=draw(st.booleans()))


@given(some_changes())
def test_what_is_remembered_is_what_was_changed(pair: tuple[Link, Change]) -> None:
    """Written and read again, a change is the same; and the line has no white space, which `ip -batch` would cut at."""
    link, change = pair
    line = changes.write(change, link)
    assert changes.read(line, link) == change
    assert not set(line) & set(" \t\n")


def test_the_longest_change_fits_its_place() -> None:
    """An alias holds 255 bytes: both directions of any link, or all the taps of a bus of 250."""
    link = decide(LabSpec(name="n" * 31, topology="ring", nodes=250)).link("n250-n1").link
    text = (
        "twisted-pair-33600,rate=123456789bit,delay=12345.6789ms,jitter=1234.56789ms,loss=12.3457%,"
        "duplicate=12.3457%,corrupt=12.3457%,reorder=12.3457%,queue=4294967295b"
    )
    change = steering.altered(link, UNCHANGED, text)
    with pytest.raises(LabError, match="cannot be remembered"):
        changes.alias("wl1a2b3c4d", link.name, changes.write(change, link))
    usual = steering.altered(link, UNCHANGED, "satellite,rate=2mbit,jitter=20ms,loss=1%/loss=2%,delay=20ms")
    assert len(changes.alias("wl1a2b3c4d", link.name, changes.write(usual, link))) <= LONGEST_LINE
    bus = decide(LabSpec(topology="bus", nodes=250)).link("bus").link
    all_cut = Change(cut=frozenset(bus.ends), mute=frozenset(bus.ends))
    assert len(changes.alias("wl1a2b3c4d", "bus", changes.write(all_cut, bus))) <= LONGEST_LINE


@pytest.mark.parametrize("line", ["nonsense", "0=coax,speed=1", "cut=xyz", "0=coax,rate=x"])
def test_a_line_that_cannot_be_read_is_told(line: str) -> None:
    """With the link that carries it."""
    with pytest.raises(WordsError, match="cannot be read"):
        changes.read(line, _link(STAR, "h1-hub"))


def test_nothing_changed_is_the_plan_itself() -> None:
    """And a change leaves the nodes as they are: they know nothing of what a cable is made of."""
    assert steering.in_force(STAR, {}) is STAR
    now = steering.in_force(STAR, {"h1-hub": _altered("rate=5mbit")})
    assert now.nodes == STAR.nodes
    assert now.link("h1").link.spec.forward.settings.rate == 5_000_000
    assert now.link("h2") == STAR.link("h2")


def test_a_cut_ring_goes_the_other_way_round() -> None:
    """n2 reaches n1 directly, by the address that it knows it by, and says who it is by the one that n1 knows."""
    cut = replace(steering.cut(_link(RING, "n4-n1"), UNCHANGED), reroute=True)
    now = steering.in_force(RING, {"n4-n1": cut})
    known = next(address for address, name in RING.node("n2").hosts if name == "n1")
    (row,) = [row for row in now.node("n2").routes if row.to == known]
    assert (row.link, row.via) == ("n1-n2", str(RING.addresses.port("n1", "n1-n2").address))
    assert row.source is None
    (last,) = [row for row in now.node("n4").routes if row.to == known]
    assert last.link == "n3-n4"
    assert now.node("n1").routes[: len(RING.node("n1").routes)] == RING.node("n1").routes


def test_without_a_way_round_there_are_no_rows() -> None:
    """A host of a star has one link; its cut leaves the tables as they were."""
    cut = replace(steering.cut(_link(STAR, "h1-hub"), UNCHANGED), reroute=True)
    assert steering.in_force(STAR, {"h1-hub": cut}).nodes == STAR.nodes


def _parted(plan: LabPlan, **cut: Change) -> str:
    return steering.parted_text(steering.in_force(plan, {name.replace("_", "-"): one for name, one in cut.items()}))


def _cut(plan: LabPlan, name: str, tap: str | None = None, sender: str | None = None) -> Change:
    return steering.cut(_link(plan, name), UNCHANGED, tap, sender)


def test_who_has_no_way_left_is_told() -> None:
    """A ring stands one cut, and falls in two by a second; a star loses a host by one, there and back or one way."""
    assert _parted(RING) == _parted(RING, n4_n1=_cut(RING, "n4-n1")) == ""
    two = _parted(RING, n4_n1=_cut(RING, "n4-n1"), n1_n2=_cut(RING, "n1-n2"))
    assert two == "no way is left between n1 and n2, n1 and n3, n1 and n4"
    halves = _parted(RING, n4_n1=_cut(RING, "n4-n1"), n2_n3=_cut(RING, "n2-n3"))
    assert halves == "no way is left between n1 and n3, n1 and n4, n2 and n3, and 1 more"
    lost = "no way is left between h1 and h2, h1 and h3, h1 and hub"
    assert _parted(STAR, h1_hub=_cut(STAR, "h1-hub")) == _parted(STAR, h1_hub=_cut(STAR, "h1-hub", sender="h1")) == lost


def test_a_bus_that_lost_a_tap_still_joins_the_others() -> None:
    """Only pairs with the node of that tap have no way left."""
    assert _parted(BUS, bus=_cut(BUS, "bus", "h2")) == ("no way is left between h1 and h2, h2 and h3, h2 and h4")


def _between(plan: LabPlan, one: str, other: str, **cut: Change) -> list[str]:
    now = steering.in_force(plan, {name.replace("_", "-"): each for name, each in cut.items()})
    return [link.name for link in steering.cut_between(now, one, other)]


def test_what_is_cut_between_two_nodes() -> None:
    """There or back; on a bus by a tap of one of the two; nothing where a ring goes the other way round."""
    assert _between(STAR, "h1", "h2", h1_hub=_cut(STAR, "h1-hub"), h3_hub=_cut(STAR, "h3-hub")) == ["h1-hub"]
    assert _between(STAR, "h2", "h1", h1_hub=_cut(STAR, "h1-hub", sender="h1")) == ["h1-hub"]
    assert _between(BUS, "h1", "h3", bus=_cut(BUS, "bus", "h2")) == []
    assert _between(BUS, "h2", "h3", bus=_cut(BUS, "bus", "h2")) == ["bus"]
    both = {"n1_n2": _cut(RING, "n1-n2"), "n4_n1": _cut(RING, "n4-n1")}
    assert _between(RING, "n1", "n3", **both) == ["n1-n2", "n4-n1"]
    assert _between(RING, "n1", "n3", n4_n1=replace(both["n4_n1"], reroute=True)) == []


def test_the_agent_is_told_what_differs_and_no_more() -> None:
    """One link, its ends, the one direction; and no routes where they stay."""
    now = steering.in_force(STAR, {"h1-hub": _altered("rate=5mbit", sender="h1")})
    told = wiring.steering(STAR, now, ["h1-hub"])
    assert told["op"] == "steer"
    assert told["was"] == {}
    assert [(node["name"], node["routes"]) for node in told["nodes"]] == [("h1", None), ("hub", None)]
    assert [(link["name"], link["changed"]) for link in told["links"]] == [("h1-hub", [0])]
    assert told["links"][0]["alias"].endswith("/h1-hub;0=coax,rate=5000000,queue=31250")
