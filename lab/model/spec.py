"""The SPEC language: what a link is made of, in one word.

    SPEC      = DIRECTION [ "/" DIRECTION ]        first end to second, then back
    DIRECTION = [ MEDIUM ] { "," KEY "=" VALUE }   settings over the medium's; empty: as all links are

Keys: rate, delay, jitter, delay-correlation, loss, loss-correlation, duplicate, corrupt, reorder, mtu, queue, length.
Units are required and written as tc writes them; `mtu` alone is a plain number of bytes, as in ip(8); `queue` is a size
or a time.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from lab.errors import SpecError
from lab.model import units
from lab.model.media import ETHERNET_HEADER, Medium, Settings, medium

_T = TypeVar("_T")

LOWEST_RATE, HIGHEST_RATE = 80, 100_000_000_000  # bit/s: ten bytes a second; what a veth can carry at all
LONGEST_DELAY = 60.0  # seconds
SMALLEST_MTU, LARGEST_MTU = 68, 65_535  # bytes: RFC 791; what a veth takes
HIGHEST_CORRELATION = 0.99  # with 1, nothing would ever change
LARGEST_QUEUE = 2**32 - 1  # bytes: the kernel counts a queue in 32 bits (linux/pkt_sched.h, tc_tbf_qopt)


@dataclass(frozen=True, slots=True)
class Direction:
    """One way along a link: what it is made of, and so how it behaves."""

    medium: str
    settings: Settings


@dataclass(frozen=True, slots=True)
class LinkSpec:
    """A SPEC that was read: both directions (the same one on a shared link), and whether they share a rate."""

    forward: Direction
    back: Direction
    shared: bool

    @property
    def medium(self) -> str:
        """The medium's name; of both directions, where they differ."""
        names = dict.fromkeys((self.forward.medium, self.back.medium))
        return "/".join(names)


def parse(text: str, *, default: str = "coax", shared: bool = False) -> LinkSpec:
    """Read a SPEC.

    Args:
        text: the SPEC; may be empty.
        default: the SPEC whose medium and settings hold where `text` names no medium.
        shared: whether the link is shared by its place in the topology (a bus).

    Raises:
        SpecError: what is wrong, with the word that is wrong and what to write instead.
    """
    base = [_direction(part, None) for part in _halves(default)] if text != default else []
    parts = _halves(text)
    ways = [_direction(part, base[min(i, len(base) - 1)] if base else None) for i, part in enumerate(parts)]
    if len(ways) == 1 and len(base) == 2 and not _names_medium(parts[0]):  # noqa: PLR2004
        ways = [_direction(parts[0], half) for half in base]
    shared = shared or any(source.shared for source, _ in ways)
    if shared and len(ways) > 1:
        both = text if len(parts) > 1 else default
        raise SpecError(f"{both!r} has two directions, but the medium is shared", remedy="give one SPEC")
    directions = [Direction(source.name, settings) for source, settings in ways]
    mtus = {way.settings.mtu for way in directions}
    if len(mtus) > 1:
        directions = [replace(way, settings=replace(way.settings, mtu=min(mtus))) for way in directions]
    return LinkSpec(directions[0], directions[-1], shared)


def over(base: Direction, text: str) -> Direction:
    """Lay half of a SPEC over a direction that is there.

    Frames keep their size: a link's MTU is known to its nodes, whatever it is made of by now.

    Args:
        base: what holds where nothing is given.
        text: a medium, settings, or both.

    Raises:
        SpecError: what is wrong with it.
    """
    words = [word.partition("=")[0].strip() for word in text.split(",")]
    if "mtu" in words:
        raise SpecError("mtu: frames keep their size while a lab is up", remedy="give it to ./inv up --link NAME=SPEC")
    source, settings = _direction(text, (medium(base.medium), base.settings))
    if settings.mtu != base.settings.mtu:
        settings = replace(settings, mtu=base.settings.mtu)
        if "queue" not in words:
            settings = replace(settings, queue=max(settings.queue, 10 * settings.frame))
    return Direction(source.name, _check_queue(settings))


def _halves(text: str) -> list[str]:
    halves = text.split("/")
    if len(halves) > 2:  # noqa: PLR2004 - there and back
        raise SpecError(f"{text!r} has {len(halves)} directions", remedy="a link has two: SPEC or SPEC/SPEC")
    return halves


def _names_medium(text: str) -> bool:
    first = text.split(",", 1)[0]
    return bool(first) and "=" not in first


def _direction(text: str, base: tuple[Medium, Settings] | None) -> tuple[Medium, Settings]:
    words = [word.strip() for word in text.split(",")]
    if words[0] and "=" not in words[0]:
        source = medium(words.pop(0))
        settings = source.settings
    else:
        source, settings = base or (medium("coax"), medium("coax").settings)
    given: dict[str, str] = {}
    for word in filter(None, words):
        key, equals, value = (part.strip() for part in word.partition("="))
        if not equals:
            raise SpecError(f"{word!r} is not a setting", remedy="a medium comes first, then KEY=VALUE")
        if key in given:
            raise SpecError(f"{key} is given twice in {text!r}", remedy="give it once")
        given[_known(key)] = value
    return source, apply(settings, given, source.seconds_per_km)


def apply(settings: Settings, given: dict[str, str], seconds_per_km: float | None = None) -> Settings:
    """Lay given values over settings.

    Args:
        settings: what holds where nothing is given.
        given: values as people write them, by key.
        seconds_per_km: what `length` means, if anything.

    Raises:
        SpecError: a value cannot be read, or the values do not go together.
    """
    values: dict[str, Any] = {}
    for key, text in given.items():
        if key in ("queue", "length"):
            continue
        values[key.replace("-", "_")] = _read(key, text, _READERS[key])
    result = replace(settings, **values)
    if "length" in given:
        if seconds_per_km is None:
            raise SpecError("length means nothing on this medium", remedy="give delay=TIME instead")
        way = _read("length", given["length"], units.length) * seconds_per_km
        result = replace(result, delay=round(result.delay + way, 9))
    _check_figures(result)  # before they are reckoned with
    _check_correlations(result, given)
    if "queue" in given:
        result = replace(result, queue=_queue(given["queue"], result.rate))
    elif values.keys() & {"rate", "mtu"}:
        result = replace(result, queue=_scaled_queue(settings, result))
    return _check_queue(result)


def _queue(text: str, rate: int) -> int:
    """A queue in bytes, from a size or from the time that it takes to drain."""
    if units.is_time(text):
        return round(min(_read("queue", text, units.time) * rate / 8, LARGEST_QUEUE + 1))
    return _read("queue", text, units.size)


def _scaled_queue(old: Settings, new: Settings) -> int:
    """The queue that lasts as long as before, and holds ten frames at least."""
    return min(max(round(old.queue * new.rate / old.rate), 10 * new.frame), LARGEST_QUEUE)


def _check_figures(settings: Settings) -> None:
    if not LOWEST_RATE <= settings.rate <= HIGHEST_RATE:
        raise SpecError(f"rate: {units.say_rate(settings.rate)} is out of range", remedy="80bit to 100gbit")
    if settings.delay > LONGEST_DELAY:
        raise SpecError(f"delay: {settings.delay:g} s is out of range", remedy="up to 60s")
    if settings.jitter > settings.delay:
        raise SpecError(
            f"jitter: {units.say_time(settings.jitter)} is more than the delay of {units.say_time(settings.delay)}",
            remedy="give a delay at least as long",
        )
    if settings.reorder and not settings.delay:
        raise SpecError("reorder: nothing can be overtaken on a link without delay", remedy="give a delay too")
    if not SMALLEST_MTU <= settings.mtu <= LARGEST_MTU:
        raise SpecError(f"mtu: {settings.mtu} is out of range", remedy=f"{SMALLEST_MTU} to {LARGEST_MTU} bytes")


def _check_correlations(settings: Settings, given: dict[str, str]) -> None:
    for key, of in CORRELATIONS.items():
        correlation = getattr(settings, key.replace("-", "_"))
        if correlation > HIGHEST_CORRELATION:
            raise SpecError(f"{key}: {units.say_share(correlation)} is out of range", remedy="up to 99%")
        if key in given and correlation and not getattr(settings, of):
            raise SpecError(f"{key}: there is no {of} on this link", remedy=f"give {of} too")


def _check_queue(settings: Settings) -> Settings:
    if settings.queue > LARGEST_QUEUE:
        raise SpecError("queue: that is out of range", remedy=f"up to {LARGEST_QUEUE}b")
    if settings.queue < settings.frame:
        raise SpecError(
            f"queue: {settings.queue} bytes do not hold one frame of {settings.frame}",
            remedy=f"at least {settings.mtu + ETHERNET_HEADER}b",
        )
    return settings


def _mtu(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,6}", text):
        raise SpecError(f"{text!r} is not a number of bytes", remedy="write a plain number, such as mtu=1500")
    return int(text)


_READERS: dict[str, Callable[[str], float]] = {
    "rate": units.rate,
    "delay": units.time,
    "jitter": units.time,
    "delay-correlation": units.share,
    "loss": units.share,
    "loss-correlation": units.share,
    "duplicate": units.share,
    "corrupt": units.share,
    "reorder": units.share,
    "mtu": _mtu,
}
KEYS = (*_READERS, "queue", "length")
CORRELATIONS = {"loss-correlation": "loss", "delay-correlation": "jitter"}
"""What each is a correlation of."""


def _known(key: str) -> str:
    if key in KEYS:
        return key
    close = difflib.get_close_matches(key, KEYS, n=1)
    raise SpecError(
        f"no setting is called {key!r}",
        remedy=f"did you mean {close[0]}?" if close else f"there are {', '.join(KEYS)}",
    )


def _read(key: str, text: str, reader: Callable[[str], _T]) -> _T:
    try:
        return reader(text)
    except SpecError as error:
        raise SpecError(f"{key}: {error.what}", remedy=error.remedy) from None
