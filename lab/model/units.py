"""Quantities as tc writes them: `10mbit`, `270ms`, `64kb`, `1%`.

Source of the notation: tc(8), section PARAMETERS. A unit is required, for `10` alone means bits to one
tool and bytes to another.
"""

from __future__ import annotations

import math
import re

from lab.errors import SpecError

_DECIMAL = {"": 1, "k": 1e3, "m": 1e6, "g": 1e9, "t": 1e12}
_BINARY = {"": 1, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}

RATE_UNITS = (
    {f"{p}bit": f for p, f in _DECIMAL.items()}
    | {f"{p}ibit": f for p, f in _BINARY.items() if p}
    | {f"{p}bps": 8 * f for p, f in _DECIMAL.items()}
    | {f"{p}ibps": 8 * f for p, f in _BINARY.items() if p}
)
TIME_UNITS = {
    **dict.fromkeys(("s", "sec", "secs"), 1.0),
    **dict.fromkeys(("ms", "msec", "msecs"), 1e-3),
    **dict.fromkeys(("us", "usec", "usecs"), 1e-6),
    **dict.fromkeys(("ns", "nsec", "nsecs"), 1e-9),
}
SIZE_UNITS = (
    {f"{p}b": f for p, f in _BINARY.items()}
    | {p: f for p, f in _BINARY.items() if p}
    | {f"{p}bit": f / 8 for p, f in _BINARY.items() if p}
)
LENGTH_UNITS = {"km": 1.0, "m": 1e-3}

_QUANTITY = re.compile(r"([0-9]+(?:\.[0-9]+)?)([a-z%]*)")


def rate(text: str) -> int:
    """Read a rate, such as `33.6kbit`.

    Returns:
        The rate in bit/s, a whole number.

    Raises:
        SpecError: there is no unit, no number, or it is not above zero.
    """
    value = round(_quantity(text, RATE_UNITS, "one of bit, kbit, mbit or gbit"))
    if value <= 0:
        raise SpecError(f"{text!r} is not a rate: it must be above zero", remedy="write a rate such as 10mbit")
    return value


def time(text: str) -> float:
    """Read a time, such as `270ms`, in seconds; netem's clock, and so the last digit, is a nanosecond."""
    return round(_quantity(text, TIME_UNITS, "one of s, ms or us"), 9)


def size(text: str) -> int:
    """Read a size, such as `64kb`, in bytes; `k` is 1024, as in tc."""
    return round(_quantity(text, SIZE_UNITS, "one of b, kb or mb"))


def length(text: str) -> float:
    """Read a length, such as `80km`, in kilometres."""
    return _quantity(text, LENGTH_UNITS, "one of m or km")


def share(text: str) -> float:
    """Read a percentage, such as `1%`, as a share from 0 to 1."""
    value = _quantity(text, {"%": 0.01}, "%, such as 1%")
    if value > 1:
        raise SpecError(f"{text!r} is more than all", remedy="write 0% to 100%")
    return value


def is_time(text: str) -> bool:
    """Whether a quantity carries a unit of time."""
    match = _QUANTITY.fullmatch(text.lower())
    return bool(match and match[2] in TIME_UNITS)


def _quantity(text: str, units: dict[str, float], examples: str) -> float:
    match = _QUANTITY.fullmatch(text.strip().lower())
    if not match:
        sign = "it is below zero" if text.strip().startswith("-") else "it is not a number with a unit"
        raise SpecError(f"{text!r} cannot be read: {sign}", remedy=f"write a number and {examples}")
    number, unit = match.groups()
    if not unit:
        raise SpecError(f"{text!r} has no unit", remedy=f"write a number and {examples}")
    if unit not in units:
        raise SpecError(f"{text!r} has an unknown unit {unit!r}", remedy=f"write a number and {examples}")
    value = float(number) * units[unit]
    if not math.isfinite(value):
        raise SpecError(f"{text!r} is too large", remedy=f"write a number and {examples}")
    return value


def say_rate(bits_per_second: float) -> str:
    """A rate for people: `2,400 bit/s`, `10 Mbit/s`."""
    for factor, name in ((1e9, "Gbit/s"), (1e6, "Mbit/s"), (1e5, "kbit/s")):
        if bits_per_second >= factor:
            scale = 1e3 if name == "kbit/s" else factor
            return f"{bits_per_second / scale:.4g} {name}"
    return f"{bits_per_second:,.0f} bit/s"


def say_time(seconds: float) -> str:
    """A time for people: `270 ms`, `1.03 s`, `12 µs`."""
    if seconds == 0:
        return "0"
    if seconds < 1e-3:  # noqa: PLR2004 - a millisecond
        return f"{seconds * 1e6:.4g} µs"
    if seconds < 1:
        return f"{seconds * 1e3:.4g} ms"
    return f"{seconds:.4g} s"


def say_share(value: float) -> str:
    """A share for people: `1 %`."""
    return f"{value * 100:.4g} %"


def say_size(count: int) -> str:
    """A number of bytes for people: `62.5 kB`."""
    return f"{count / 1e3:.4g} kB" if count >= 1e4 else f"{count:,} B"  # noqa: PLR2004


def counted(number: int, thing: str) -> str:
    """So many of something: `1 link`, `4 nodes`."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
