"""From figures to tc commands: pairs of a SPEC and the argv that it must become."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.model import shaping
from lab.model.media import MEDIA, Settings
from lab.model.spec import parse
from lab.model.topology import build

WORD = re.compile(r"[A-Za-z0-9@:.%-]+")  # no white space, nothing that means anything to a shell

TBF = {
    "twisted-pair-2400": "rate 2400bit burst 310b limit 3100b",
    "twisted-pair-9600": "rate 9600bit burst 311b limit 3100b",
    "twisted-pair-14400": "rate 14400bit burst 592b limit 5900b",
    "twisted-pair-28800": "rate 28800bit burst 594b limit 5900b",
    "twisted-pair-33600": "rate 33600bit burst 594b limit 5900b",
    "coax": "rate 10000000bit burst 2764b limit 62500b",
    "fibre": "rate 1000000000bit burst 126514b limit 1250000b",
    "wireless": "rate 11000000bit burst 2889b limit 68750b",
    "satellite": "rate 10000000bit burst 2764b limit 675000b",
    "satellite-leo": "rate 100000000bit burst 14014b limit 625000b",
}
NETEM = {
    "twisted-pair-2400": "limit 10 rate 2400bit",
    "twisted-pair-9600": "limit 10 rate 9600bit",
    "twisted-pair-14400": "limit 10 rate 14400bit",
    "twisted-pair-28800": "limit 10 rate 28800bit",
    "twisted-pair-33600": "limit 10 rate 33600bit",
    "coax": "limit 42 rate 10000000bit",
    "fibre": "limit 826 rate 1000000000bit",
    "wireless": "limit 51 delay 2000us 500us distribution normal loss 1% rate 11000000bit",
    "satellite": "limit 781 delay 270000us rate 10000000bit",
    "satellite-leo": "limit 735 delay 20000us 2000us distribution normal loss 0.2% rate 100000000bit",
}


@pytest.mark.parametrize("name", MEDIA)
def test_a_token_bucket_for_every_medium(name: str) -> None:
    """The rate; a bucket of one frame, or a millisecond of a fast link; the queue in bytes."""
    command = shaping.tbf(MEDIA[name].settings, "veth1")
    assert " ".join(command) == f"qdisc replace dev veth1 root handle 1: tbf {TBF[name]}"


@pytest.mark.parametrize("name", MEDIA)
def test_a_netem_for_every_medium(name: str) -> None:
    """All figures of the direction in one qdisc, and only those that there are."""
    command = shaping.netem(MEDIA[name].settings, "veth1")
    assert " ".join(command) == f"qdisc replace dev veth1 root handle 1: netem {NETEM[name]}"


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("coax,loss=1%", "limit 42 loss 1% rate 10000000bit"),
        ("coax,duplicate=0.5%,corrupt=0.1%", "limit 42 duplicate 0.5% corrupt 0.1% rate 10000000bit"),
        ("coax,delay=5ms,reorder=25%", "limit 49 delay 5000us reorder 25% rate 10000000bit"),
        ("coax,loss=0%,delay=0s", "limit 42 rate 10000000bit"),
        ("wireless,jitter=0s,loss=0%", "limit 49 delay 2000us rate 11000000bit"),
        ("coax,delay=1.5us", "limit 43 delay 1500ns rate 10000000bit"),
        ("coax,length=10m", "limit 43 delay 50ns rate 10000000bit"),
        ("coax,loss=1%,loss-correlation=25%", "limit 42 loss gemodel 0.75% 74.25% rate 10000000bit"),
        ("coax,loss=33.3333%", "limit 42 loss 33.3333% rate 10000000bit"),
        ("fibre,length=200km", "limit 950 delay 1000us rate 1000000000bit"),
    ],
)
def test_netem_takes_every_figure(text: str, options: str) -> None:
    """In tc's order and units; nanoseconds where microseconds would not be whole."""
    command = shaping.netem(parse(text).forward.settings, "veth1")
    assert " ".join(command) == f"qdisc replace dev veth1 root handle 1: netem {options}"


def test_netem_is_not_asked_to_correlate_delays() -> None:
    """It would take it, and do nothing of it; where there is no jitter there is nothing to correlate."""
    text = "coax,delay=5ms,jitter=1ms,delay-correlation=25%"
    star = build("star", 2, "coax", {"h1": text, "h2": f"coax/{text}"})
    assert [shaping.netem_suffices(link) for link in star.links] == [False, False]
    calm = build("star", 2, text, {"h1": "jitter=0s", "h2": "coax,loss=1%,loss-correlation=25%"})
    assert [shaping.netem_suffices(link) for link in calm.links] == [True, True]


def test_a_seed_is_given_only_where_asked_for() -> None:
    """It needs Linux 6.6; 0 is a seed like any other."""
    settings = MEDIA["satellite"].settings
    assert shaping.netem(settings, "d", seed=0)[-2:] == ("seed", "0")
    assert "seed" not in shaping.netem(settings, "d")


@pytest.mark.parametrize(
    ("settings", "limit"),
    [
        (Settings(rate=10_000_000, queue=1514), 1),
        (Settings(rate=10_000_000, queue=1515), 2),
        (Settings(rate=12_112_000, queue=1514, delay=1.0), 1_501),
        (Settings(rate=12_112_000, queue=15_140, delay=1.0, jitter=0.1), 1_960),
    ],
)
def test_the_limit_is_the_queue_and_one_and_a_half_times_what_is_in_flight(settings: Settings, limit: int) -> None:
    """1,000 frames a second: 1.5 for each of delay and three of jitter, and the queue, both rounded up."""
    assert shaping.netem_limit(settings) == limit


def test_a_link_is_shaped_where_it_ends() -> None:
    """The direction toward an end is at that end's port: first end to second is at the second's."""
    (link,) = (link for link in build("star", 2, links={"h1": "rate=1mbit/rate=2mbit"}).links if link.name == "h1-hub")
    forward, back = shaping.link_commands(link, "tbf")
    assert " ".join(forward) == (
        "qdisc replace dev hub@h1-hub root handle 1: tbf rate 1000000bit burst 1639b limit 15140b"
    )
    assert " ".join(back) == ("qdisc replace dev h1@h1-hub root handle 1: tbf rate 2000000bit burst 1764b limit 15140b")


def test_an_asymmetric_link_of_two_media_has_two_netems() -> None:
    """Down by satellite, back by telephone, with the MTU of the telephone both ways."""
    link = build("ring", 3, links={"n1-n2": "satellite/twisted-pair"}).links[0]
    assert [" ".join(command) for command in shaping.link_commands(link, "netem", seed=7)] == [
        "qdisc replace dev n2@n1-n2 root handle 1: netem limit 2004 delay 270000us rate 10000000bit seed 7",
        "qdisc replace dev n1@n1-n2 root handle 1: netem limit 10 rate 33600bit seed 7",
    ]


def test_a_bus_is_one_queue_into_which_every_port_is_redirected() -> None:
    """One qdisc on the medium device, then an ingress and a filter for each port."""
    link = build("bus", 2).links[0]
    filters = "protocol all prio 2 handle 800::1 u32 match u32 0 0 action mirred egress redirect dev medium@bus"
    assert [" ".join(command) for command in shaping.link_commands(link, "tbf")] == [
        "qdisc replace dev medium@bus root handle 1: tbf rate 10000000bit burst 2764b limit 62500b",
        "qdisc replace dev h1@bus ingress",
        f"filter replace dev h1@bus ingress {filters}",
        "qdisc replace dev h2@bus ingress",
        f"filter replace dev h2@bus ingress {filters}",
    ]


def test_a_wireless_link_of_a_star_is_shared_too() -> None:
    """Both ends go through one medium device: half duplex."""
    commands = shaping.link_commands(build("star", 2, "wireless").links[0], "netem")
    assert [command[3] for command in commands] == ["medium@h1-hub", *["h1@h1-hub"] * 2, *["hub@h1-hub"] * 2]
    assert commands[0][8:] == tuple(NETEM["wireless"].split())


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        *((name, name not in ("coax", "fibre")) for name in MEDIA),
        ("coax,rate=1mbit", True),
        ("coax,rate=6.1mbit", False),
        ("coax,loss=1%", True),
        ("fibre/coax,loss=1%", True),
    ],
)
def test_a_bucket_does_for_fast_links_without_other_figures(text: str, *, answer: bool) -> None:
    """Where a frame lasts over 2 ms, or either direction has more than a rate, the wire carries the link."""
    assert shaping.by_wire(build("star", 2, text).links[0]) is answer


def test_the_wire_paces_what_it_can_and_leaves_the_rest_to_a_bucket() -> None:
    """Up to 100 Mbit/s by itself; a gigabit is kept by a bucket at the far port, and the wire is told no rate."""
    link = build("star", 2, "satellite/fibre,delay=1ms").links[0]
    forward, back = shaping.wire_directions(link)
    assert (forward["rate"], forward["delay"], forward["queue"]) == (10_000_000, 0.27, 675_000)
    assert (back["rate"], back["delay"]) == (None, 0.001)
    (bucket,) = shaping.wire_commands(link)
    assert bucket[3] == "h1@h1-hub"
    assert bucket[8:] == tuple(TBF["fibre"].split())


def test_a_shared_link_on_the_wire_is_paced_by_the_wire() -> None:
    """A software hub has no far port: one direction with its rate, and no tc commands at all."""
    link = build("bus", 3, "fibre,delay=1ms").links[0]
    assert [way["rate"] for way in shaping.wire_directions(link)] == [1_000_000_000]
    assert shaping.wire_commands(link) == ()


def test_tokens_become_devices_only_where_devices_stand() -> None:
    """After the word `dev`, and nowhere else; what is unknown stays."""
    devices = {"h1@bus": "veth7", "medium@bus": "wl1-0"}
    first, second = shaping.redirect("h1@bus", "medium@bus")
    assert shaping.fill(first, devices) == ("qdisc", "replace", "dev", "veth7", "ingress")
    assert shaping.fill(second, devices)[-2:] == ("dev", "wl1-0")
    assert shaping.fill(("h1@bus", "dev", "h2@bus"), devices) == ("h1@bus", "dev", "h2@bus")
    assert shaping.fill((), devices) == ()


_SETTINGS = st.builds(
    "rate={}bit,delay={}ns,jitter={}ns,loss={}%,duplicate={}%,corrupt={}%,reorder={}%,mtu={}".format,
    st.integers(80, 10**11),
    st.integers(10**9, 6 * 10**10) | st.integers(10**3, 10**4),
    st.integers(0, 10**3),
    *[st.integers(0, 100)] * 4,
    st.integers(68, 65_535),
)


@given(st.sampled_from(["star", "ring", "bus"]), st.one_of(_SETTINGS, st.sampled_from(sorted(MEDIA))))
def test_commands_are_words_without_surprises(kind: str, text: str) -> None:
    """No white space or shell character in a word, no option of value zero, and each device stands after `dev`."""
    for link in build(kind, 3, text).links:
        commands = [*shaping.link_commands(link, "netem", seed=1), *shaping.link_commands(link, "tbf")]
        for command in commands:
            assert all(WORD.fullmatch(word) for word in command)
            assert all(before == "dev" for before, word in pairwise(command) if "@" in word)
            options = command[8:] if "root" in command else ()
            assert not any(re.fullmatch(r"0+(\.0*)?[a-z%]*", word) for word in options), command
            sizes = [int(word) for before, word in pairwise(command) if before == "limit" and word.isdecimal()]
            assert all(1 <= size < 2**32 for size in sizes)
