"""Quantities as tc writes them: what is read, what is refused and how, and how figures are said."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.errors import SpecError
from lab.model import units


@pytest.mark.parametrize(
    ("text", "bits_per_second"),
    [
        ("2400bit", 2400),
        ("33.6kbit", 33_600),
        ("10mbit", 10_000_000),
        ("10Mbit", 10_000_000),
        ("1gbit", 1_000_000_000),
        ("0.1tbit", 100_000_000_000),
        ("1kibit", 1024),
        ("1mibit", 2**20),
        ("300bps", 2400),
        ("1kbps", 8000),
        ("1mibps", 8 * 2**20),
        (" 5kbit ", 5000),
        ("0.6bit", 1),
    ],
)
def test_rates_are_read_as_tc_reads_them(text: str, bits_per_second: int) -> None:
    """Decimal and binary prefixes, bits and bytes, either case; the result is whole bit/s."""
    assert units.rate(text) == bits_per_second


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1s", 1.0),
        ("2sec", 2.0),
        ("3secs", 3.0),
        ("270ms", 0.27),
        ("0.5msec", 0.0005),
        ("1msecs", 0.001),
        ("12us", 12e-6),
        ("1usec", 1e-6),
        ("4usecs", 4e-6),
        ("50ns", 50e-9),
        ("5nsec", 5e-9),
        ("6nsecs", 6e-9),
        ("0s", 0.0),
        ("0.4ns", 0.0),
    ],
)
def test_times_are_read_in_seconds(text: str, seconds: float) -> None:
    """Every unit of time that tc knows, down to whole nanoseconds."""
    assert units.time(text) == pytest.approx(seconds, abs=1e-12)


@pytest.mark.parametrize(
    ("text", "count"),
    [("1514b", 1514), ("64kb", 65_536), ("64k", 65_536), ("2mb", 2**21), ("1g", 2**30), ("8kbit", 1024), ("0.5k", 512)],
)
def test_sizes_are_read_in_bytes(text: str, count: int) -> None:
    """`k` is 1024, as in tc, and bits are eighths."""
    assert units.size(text) == count


@pytest.mark.parametrize(("text", "kilometres"), [("80km", 80.0), ("500m", 0.5), ("0.2km", 0.2)])
def test_lengths_are_read_in_kilometres(text: str, kilometres: float) -> None:
    """Metres and kilometres."""
    assert units.length(text) == pytest.approx(kilometres)


@pytest.mark.parametrize(("text", "share"), [("0%", 0.0), ("1%", 0.01), ("0.25%", 0.0025), ("100%", 1.0)])
def test_shares_are_read_from_percentages(text: str, share: float) -> None:
    """A percentage becomes a share from 0 to 1, both included."""
    assert units.share(text) == pytest.approx(share)


@pytest.mark.parametrize(
    ("reader", "text", "what", "remedy"),
    [
        (units.rate, "10", "'10' has no unit", "write a number and one of bit, kbit, mbit or gbit"),
        (units.time, "10", "'10' has no unit", "write a number and one of s, ms or us"),
        (units.size, "10", "'10' has no unit", "write a number and one of b, kb or mb"),
        (units.length, "10", "'10' has no unit", "write a number and one of m or km"),
        (units.share, "10", "'10' has no unit", "write a number and %, such as 1%"),
        (
            units.rate,
            "-3kbit",
            "'-3kbit' cannot be read: it is below zero",
            "write a number and one of bit, kbit, mbit or gbit",
        ),
        (
            units.time,
            "soon",
            "'soon' cannot be read: it is not a number with a unit",
            "write a number and one of s, ms or us",
        ),
        (
            units.time,
            "",
            "'' cannot be read: it is not a number with a unit",
            "write a number and one of s, ms or us",
        ),
        (
            units.time,
            "1.s",
            "'1.s' cannot be read: it is not a number with a unit",
            "write a number and one of s, ms or us",
        ),
        (units.time, "1kbit", "'1kbit' has an unknown unit 'kbit'", "write a number and one of s, ms or us"),
        (units.rate, "0bit", "'0bit' is not a rate: it must be above zero", "write a rate such as 10mbit"),
        (units.rate, "0.4bit", "'0.4bit' is not a rate: it must be above zero", "write a rate such as 10mbit"),
        (units.share, "100.5%", "'100.5%' is more than all", "write 0% to 100%"),
    ],
)
def test_what_cannot_be_read_is_refused_precisely(
    reader: Callable[[str], float], text: str, what: str, remedy: str
) -> None:
    """The message holds the word that is wrong and why, the remedy what to write."""
    with pytest.raises(SpecError) as caught:
        reader(text)
    assert (caught.value.what, caught.value.remedy) == (what, remedy)


def test_a_number_beyond_floating_point_is_refused() -> None:
    """No figure can become infinite."""
    with pytest.raises(SpecError, match="is too large"):
        units.size("9" * 400 + "b")


@given(st.text(), st.sampled_from([units.rate, units.time, units.size, units.length, units.share]))
def test_any_text_is_a_finite_figure_or_a_spec_error(text: str, reader: Callable[[str], float]) -> None:
    """No text makes a reader raise anything else, or return what no link can have."""
    try:
        value = reader(text)
    except SpecError:
        return
    assert math.isfinite(value)
    assert value >= 0


@pytest.mark.parametrize(
    ("text", "answer"), [("5ms", True), ("5MS", True), ("1s", True), ("5kb", False), ("ms", False), ("5", False)]
)
def test_a_time_is_told_from_a_size(text: str, *, answer: bool) -> None:
    """`queue` takes both; the unit decides."""
    assert units.is_time(text) is answer


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (2400, "2,400 bit/s"),
        (33_600, "33,600 bit/s"),
        (128_000, "128 kbit/s"),
        (999_999, "1000 kbit/s"),
        (10e6, "10 Mbit/s"),
        (1e9, "1 Gbit/s"),
        (100e9, "100 Gbit/s"),
    ],
)
def test_rates_are_said_as_people_say_them(value: float, text: str) -> None:
    """Modem rates in full, others with a prefix."""
    assert units.say_rate(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (12e-6, "12 µs"),
        (999.9e-6, "999.9 µs"),
        (999.99e-6, "1000 µs"),
        (0.27, "270 ms"),
        (0.0005, "500 µs"),
        (1.0301, "1.03 s"),
        (60, "60 s"),
    ],
)
def test_times_are_said_without_exponents(value: float, text: str) -> None:
    """Four digits and the unit that fits; never `1e+03`."""
    assert units.say_time(value) == text


@pytest.mark.parametrize(("value", "text"), [(0.01, "1 %"), (1, "100 %"), (0.0025, "0.25 %")])
def test_shares_are_said_in_percent(value: float, text: str) -> None:
    """A share for people is a percentage."""
    assert units.say_share(value) == text


@pytest.mark.parametrize(("count", "text"), [(590, "590 B"), (3100, "3,100 B"), (62_500, "62.5 kB")])
def test_sizes_are_said_in_bytes_or_kilobytes(count: int, text: str) -> None:
    """Small sizes in full, others in thousands."""
    assert units.say_size(count) == text


@given(st.integers(80, 100_000_000_000))
def test_a_rate_that_is_said_can_be_read_back(value: int) -> None:
    """Within the four digits that are said, the words mean the figure."""
    words = units.say_rate(value).removesuffix("/s").replace(" ", "").replace(",", "")
    assert units.rate(words) == pytest.approx(value, rel=1e-3)


@given(st.integers(1_000, 60_000_000_000))
def test_a_time_that_is_said_can_be_read_back(nanoseconds: int) -> None:
    """Within the four digits that are said, the words mean the figure."""
    words = units.say_time(nanoseconds / 1e9).replace(" ", "").replace("µ", "u")
    assert units.time(words) == pytest.approx(nanoseconds / 1e9, rel=1e-3)


@given(st.floats(1e-4, 1))
def test_a_share_that_is_said_can_be_read_back(value: float) -> None:
    """Within the four digits that are said, the words mean the figure."""
    assert units.share(units.say_share(value).replace(" ", "")) == pytest.approx(value, rel=1e-3)
