"""The SPEC language: what every word means, and what a user reads when one is wrong."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.errors import SpecError
from lab.model import spec, topology
from lab.model.media import MEDIA
from lab.model.spec import LARGEST_QUEUE, LinkSpec, parse

COAX = MEDIA["coax"].settings
NUMBER_RATE = "write a number and one of bit, kbit, mbit or gbit"
NUMBER_TIME = "write a number and one of s, ms or us"
PERCENT = "write a number and %, such as 1%"
ALL_MEDIA = f"there are {', '.join([*MEDIA, 'twisted-pair'])}"


@pytest.mark.parametrize(
    ("text", "figure", "value"),
    [
        ("rate=2mbit", "rate", 2_000_000),
        ("delay=270ms", "delay", 0.27),
        ("delay=5ms,jitter=1ms", "jitter", 0.001),
        ("delay=5ms,jitter=1ms,delay-correlation=25%", "delay_correlation", 0.25),
        ("loss=1%", "loss", 0.01),
        ("loss=1%,loss-correlation=25%", "loss_correlation", 0.25),
        ("duplicate=0.5%", "duplicate", 0.005),
        ("corrupt=0.1%", "corrupt", 0.001),
        ("delay=5ms,reorder=25%", "reorder", 0.25),
        ("mtu=576", "mtu", 576),
        ("queue=64kb", "queue", 65_536),
        ("queue=100ms", "queue", 125_000),
        ("length=80km", "delay", 0.0004),
    ],
)
def test_every_key_sets_its_figure(text: str, figure: str, value: float) -> None:
    """Both directions get the figure; the medium stays coax."""
    read = parse(text)
    assert getattr(read.forward.settings, figure) == pytest.approx(value)
    assert read.back == read.forward
    assert read.medium == "coax"


def test_every_key_is_tested_above() -> None:
    """A new key needs a new row, and a place in the blueprint's list."""
    assert set(spec.KEYS) == {
        *("rate", "delay", "jitter", "loss", "duplicate", "corrupt", "reorder", "mtu", "queue", "length"),
        *("loss-correlation", "delay-correlation"),
    }


@pytest.mark.parametrize(
    ("text", "what", "remedy"),
    [
        ("loss-correlation=25%", "loss-correlation: there is no loss on this link", "give loss too"),
        ("delay=5ms,delay-correlation=25%", "delay-correlation: there is no jitter on this link", "give jitter too"),
        ("loss=1%,loss-correlation=100%", "loss-correlation: 100 % is out of range", "up to 99%"),
    ],
)
def test_a_correlation_is_one_of_something(text: str, what: str, remedy: str) -> None:
    """Alone it would do nothing, and with 100 % nothing would ever change."""
    with pytest.raises(SpecError) as caught:
        parse(text)
    assert (caught.value.what, caught.value.remedy) == (what, remedy)


def test_a_link_without_loss_may_inherit_its_correlation() -> None:
    """All links lose in bursts, and this one loses nothing: that is no mistake."""
    assert parse("loss=0%", default="coax,loss=1%,loss-correlation=25%").forward.settings.loss == 0


@pytest.mark.parametrize("name", MEDIA)
def test_a_medium_alone_is_all_of_it(name: str) -> None:
    """Its settings hold for both directions, and it says itself whether it is shared."""
    read = parse(name)
    assert read.forward.settings == read.back.settings == MEDIA[name].settings
    assert read.shared is MEDIA[name].shared
    assert read.medium == name


def test_settings_lie_over_the_medium() -> None:
    """The blueprint's example: what is given replaces the medium's figure, the rest stays."""
    way = parse("satellite,rate=2mbit,loss=1%").forward
    assert way.medium == "satellite"
    assert (way.settings.rate, way.settings.loss, way.settings.delay) == (2_000_000, 0.01, 0.27)


def test_spaces_around_words_do_not_matter() -> None:
    """People put a space after a comma, and around an equals sign."""
    assert parse(" satellite , rate = 2mbit,queue = 10ms ") == parse("satellite,rate=2mbit,queue=10ms")


def test_the_alias_is_read_as_what_it_stands_for() -> None:
    """`twisted-pair` is recorded under its full name."""
    assert parse("twisted-pair").medium == "twisted-pair-33600"


def test_a_length_adds_to_the_delay() -> None:
    """5 µs/km on top of what is given; a few metres count to the nanosecond."""
    assert parse("fibre,delay=1ms,length=200km").forward.settings.delay == pytest.approx(0.002)
    assert parse("fibre,length=10m").forward.settings.delay == pytest.approx(50e-9)


def test_a_delay_below_the_clock_is_none() -> None:
    """What rounds to no nanosecond does not make a link need netem."""
    assert not parse("coax,length=1m,delay=0.1ns").forward.settings.delay - 5e-9
    assert not parse("delay=0.1ns").forward.settings.impaired


def test_a_slash_parts_the_directions() -> None:
    """First end to second, then back; each is a SPEC of its own."""
    read = parse("coax,rate=1mbit/satellite")
    assert (read.forward.settings.rate, read.back.settings.rate) == (1_000_000, 10_000_000)
    assert read.medium == "coax/satellite"
    assert not read.shared


def test_two_directions_of_one_medium_have_one_name() -> None:
    """An ADSL line is one medium, whatever its rates."""
    assert parse("coax,rate=1mbit/coax,rate=8mbit").medium == "coax"


def test_the_smaller_mtu_holds_both_ways() -> None:
    """A link has one MTU, or one direction would send what the other cannot carry back."""
    read = parse("coax/twisted-pair-2400")
    assert (read.forward.settings.mtu, read.back.settings.mtu) == (296, 296)


def test_the_default_holds_where_no_medium_is_named() -> None:
    """`--media satellite --link h1=loss=1%` is a lossy satellite link."""
    read = parse("loss=1%", default="satellite,rate=2mbit")
    assert read.medium == "satellite"
    assert (read.forward.settings.rate, read.forward.settings.loss) == (2_000_000, 0.01)


def test_a_medium_replaces_the_default_whole() -> None:
    """Nothing of the default's settings stays once a medium is named."""
    assert parse("coax", default="satellite,loss=5%") == parse("coax")


def test_no_words_are_the_default() -> None:
    """An empty SPEC is what `--media` says, in both directions."""
    assert parse("", default="coax/fibre") == parse("coax/fibre")
    assert parse("") == parse("coax")


def test_one_direction_lies_over_both_of_the_default() -> None:
    """Settings without a medium and without a slash change both ways of a two-way default."""
    read = parse("loss=1%", default="coax/fibre")
    assert (read.forward.medium, read.back.medium) == ("coax", "fibre")
    assert (read.forward.settings.loss, read.back.settings.loss) == (0.01, 0.01)


def test_each_direction_lies_over_its_own_of_the_default() -> None:
    """With a slash, the first changes the first and the second the second; an empty one changes nothing."""
    read = parse("loss=1%/", default="coax/fibre,delay=1ms")
    assert (read.forward.medium, read.back.medium) == ("coax", "fibre")
    assert (read.forward.settings.loss, read.back.settings.loss) == (0.01, 0.0)
    assert read.back.settings.delay == pytest.approx(0.001)


def test_a_medium_over_a_two_way_default_holds_both_ways() -> None:
    """One medium without a slash is the whole link."""
    assert parse("satellite", default="coax/fibre") == parse("satellite")


def test_a_bus_is_shared_whatever_it_is_made_of() -> None:
    """By its place in the topology."""
    assert parse("coax", shared=True).shared


@pytest.mark.parametrize(
    ("text", "queue"),
    [
        ("coax", 62_500),
        ("coax,rate=20mbit", 125_000),
        ("coax,rate=100kbit", 15_140),
        ("coax,mtu=9000", 90_140),
        ("coax,mtu=576", 62_500),
        ("coax,rate=20mbit,queue=3000b", 3_000),
        ("coax,rate=1mbit,queue=50ms", 6_250),
        ("coax,queue=50ms,rate=1mbit", 6_250),
        ("coax,delay=9ms", 62_500),
        ("satellite,rate=100gbit", LARGEST_QUEUE),
    ],
)
def test_the_queue_keeps_its_time_when_the_rate_changes(text: str, queue: int) -> None:
    """It scales with the rate, holds ten frames at least, and what is given is given, in whatever order."""
    assert parse(text).forward.settings.queue == queue


WRONG = [
    ("wet-string", "no medium is called 'wet-string'", ALL_MEDIA),
    ("coxa", "no medium is called 'coxa'", "did you mean coax?"),
    ("Coax", "no medium is called 'Coax'", "did you mean coax?"),
    ("rate=10", "rate: '10' has no unit", NUMBER_RATE),
    ("rate=-3", "rate: '-3' cannot be read: it is below zero", NUMBER_RATE),
    ("rate=0bit", "rate: '0bit' is not a rate: it must be above zero", "write a rate such as 10mbit"),
    ("rate=fast", "rate: 'fast' cannot be read: it is not a number with a unit", NUMBER_RATE),
    ("rate=", "rate: '' cannot be read: it is not a number with a unit", NUMBER_RATE),
    ("rate=1e6bit", "rate: '1e6bit' cannot be read: it is not a number with a unit", NUMBER_RATE),
    ("rate=1;halt", "rate: '1;halt' cannot be read: it is not a number with a unit", NUMBER_RATE),
    ("rate=10parsec", "rate: '10parsec' has an unknown unit 'parsec'", NUMBER_RATE),
    ("rate=79bit", "rate: 79 bit/s is out of range", "80bit to 100gbit"),
    ("rate=1tbit", "rate: 1000 Gbit/s is out of range", "80bit to 100gbit"),
    ("coax,rate", "'rate' is not a setting", "a medium comes first, then KEY=VALUE"),
    ("rate=1mbit,coax", "'coax' is not a setting", "a medium comes first, then KEY=VALUE"),
    ("speed=1mbit", "no setting is called 'speed'", f"there are {', '.join(spec.KEYS)}"),
    ("rat=1mbit", "no setting is called 'rat'", "did you mean rate?"),
    ("rate=1mbit,rate=2mbit", "rate is given twice in 'rate=1mbit,rate=2mbit'", "give it once"),
    ("delay=5", "delay: '5' has no unit", NUMBER_TIME),
    ("delay=-1ms", "delay: '-1ms' cannot be read: it is below zero", NUMBER_TIME),
    ("delay=61s", "delay: 61 s is out of range", "up to 60s"),
    ("jitter=1ms", "jitter: 1 ms is more than the delay of 0", "give a delay at least as long"),
    ("delay=1ms,jitter=2ms", "jitter: 2 ms is more than the delay of 1 ms", "give a delay at least as long"),
    ("loss=1", "loss: '1' has no unit", PERCENT),
    ("loss=101%", "loss: '101%' is more than all", "write 0% to 100%"),
    ("duplicate=2", "duplicate: '2' has no unit", PERCENT),
    ("corrupt=x", "corrupt: 'x' cannot be read: it is not a number with a unit", PERCENT),
    ("reorder=1%", "reorder: nothing can be overtaken on a link without delay", "give a delay too"),
    ("mtu=1500b", "mtu: '1500b' is not a number of bytes", "write a plain number, such as mtu=1500"),
    ("mtu=67", "mtu: 67 is out of range", "68 to 65535 bytes"),
    ("mtu=70000", "mtu: 70000 is out of range", "68 to 65535 bytes"),
    ("queue=10", "queue: '10' has no unit", "write a number and one of b, kb or mb"),
    ("queue=10ms/queue=10", "queue: '10' has no unit", "write a number and one of b, kb or mb"),
    ("queue=1b", "queue: 1 bytes do not hold one frame of 1514", "at least 1514b"),
    ("queue=10us", "queue: 13 bytes do not hold one frame of 1514", "at least 1514b"),
    ("queue=5gb", "queue: that is out of range", "up to 4294967295b"),
    ("queue=60s,rate=100gbit", "queue: that is out of range", "up to 4294967295b"),
    ("length=5", "length: '5' has no unit", "write a number and one of m or km"),
    ("wireless,length=1km", "length means nothing on this medium", "give delay=TIME instead"),
    ("coax/fibre/coax", "'coax/fibre/coax' has 3 directions", "a link has two: SPEC or SPEC/SPEC"),
    ("wireless/coax", "'wireless/coax' has two directions, but the medium is shared", "give one SPEC"),
]


@pytest.mark.parametrize(("text", "what", "remedy"), WRONG, ids=[row[0] for row in WRONG])
def test_a_wrong_spec_of_a_link_names_the_link_and_the_cure(text: str, what: str, remedy: str) -> None:
    """As a user of `--link h1=SPEC` sees it: where, what, and what to write instead."""
    with pytest.raises(SpecError) as caught:
        topology.build("star", 4, links={"h1": text})
    error = caught.value
    assert (error.where, error.what, error.remedy) == ("h1-hub", what, remedy)
    assert str(error) == f"h1-hub: {what} ({remedy})"


@pytest.mark.parametrize(("text", "what", "remedy"), WRONG, ids=[row[0] for row in WRONG])
def test_a_wrong_spec_of_all_links_names_the_flag(text: str, what: str, remedy: str) -> None:
    """As a user of `--media SPEC` sees it, even where the first link has a good SPEC of its own."""
    with pytest.raises(SpecError) as caught:
        topology.build("star", 4, text, links={"h1": "coax"})
    error = caught.value
    assert (error.where, error.what, error.remedy) == ("--media", what, remedy)


def test_a_bus_has_one_direction() -> None:
    """Two directions on a bus are refused, and the message holds the words that have them."""
    with pytest.raises(SpecError, match="'coax/fibre' has two directions, but the medium is shared") as caught:
        topology.build("bus", 3, links={"bus": "coax/fibre"})
    assert caught.value.where == "bus"
    with pytest.raises(SpecError, match="'coax/fibre' has two directions") as caught:
        topology.build("bus", 3, "coax/fibre", links={"bus": "loss=1%"})


def _read(text: str, default: str) -> LinkSpec | SpecError:
    try:
        return parse(text, default=default)
    except SpecError as error:
        return error


# Words that are nearly right reach further than random letters do.
_NUMBERS = st.one_of(
    st.sampled_from(["", "0", "1", "-1", "80", "99.9", "1e9", "9" * 40, "9" * 308, "1" + "0" * 300, ".5", "٣"]),
    st.integers(0, 10**12).map(str),
)
_UNITS = st.sampled_from(["", "bit", "kbit", "gbit", "tbit", "s", "ms", "us", "ns", "b", "kb", "tb", "%", "km", "m"])
_VALUES = st.builds("{}{}".format, _NUMBERS, _UNITS)
_SETTINGS = st.builds("{}={}".format, st.sampled_from([*spec.KEYS, "speed", ""]), _VALUES)
_WORDS = st.one_of(st.sampled_from([*MEDIA, "twisted-pair", "wet-string", ""]), _SETTINGS)
_HALVES = st.lists(_WORDS, min_size=1, max_size=5).map(",".join)
_SPECS = st.one_of(st.text(max_size=40), st.lists(_HALVES, min_size=1, max_size=3).map("/".join))


@settings(max_examples=2_000)
@given(_SPECS, st.sampled_from(["coax", "satellite,loss=1%", "twisted-pair-2400/fibre", "wireless"]))
def test_any_text_is_a_link_or_one_spec_error(text: str, default: str) -> None:
    """Nothing that can be typed raises anything else, and what is read is a link that can be made."""
    read = _read(text, default)
    if isinstance(read, SpecError):
        assert read.what
        assert read.remedy
        assert "\n" not in str(read)
        return
    for way in (read.forward, read.back):
        assert spec.LOWEST_RATE <= way.settings.rate <= spec.HIGHEST_RATE
        assert way.settings.frame <= way.settings.queue <= LARGEST_QUEUE
        assert 0 <= way.settings.jitter <= way.settings.delay <= spec.LONGEST_DELAY


@settings(max_examples=500)
@given(st.integers(80, 10**11), st.integers(0, 60 * 10**9), st.integers(0, 10_000), st.integers(68, 65_535))
def test_figures_within_range_are_read_as_they_are(rate: int, delay: int, loss: int, mtu: int) -> None:
    """Every figure in range is a valid link, to the bit, the nanosecond and the hundredth of a percent."""
    read = parse(f"rate={rate}bit,delay={delay}ns,loss={loss / 100}%,mtu={mtu},queue={mtu + 14}b").forward.settings
    assert (read.rate, read.mtu, read.queue) == (rate, mtu, mtu + 14)
    assert read.delay == pytest.approx(delay / 1e9, abs=5e-10)
    assert read.loss == pytest.approx(loss / 10_000)
