"""What each hop should take, held against figures worked out by hand."""

from __future__ import annotations

import pytest

from lab.model.media import Settings
from lab.observe.trace.match import match
from lab.observe.trace.timing import Times, Way, times
from tests.made import tape

SLOW = Settings(rate=8000, queue=10_000, delay=0.5)  # a byte lasts a millisecond


def predicted(shaper: str, settings: Settings, gap: int, *, lose_first: bool = False) -> list[Times]:
    """The times of two frames of 60 bytes on the link of h2, sent `gap` nanoseconds apart."""
    made = tape("star")
    for number in range(2):
        options = {"lose": 0} if lose_first and not number else {}
        made.tcp("h2 h1", 101, 901, "A", b"xx", after=gap, **options)
    scene = made.scene
    ways = {place: Way(f"{place[1]} {place[0]}", settings, shaper) for place in scene.ways}
    found = times(match(made.frames, scene.macs, scene.names).crossings, ways)
    return [each for sighting, each in found.items() if sighting.link == "h2-hub"]


def test_a_frame_waits_for_the_one_before_it() -> None:
    """60 bytes last 60 ms, then travel 0.5 s; the second, sent 10 ms later, waits 50 ms."""
    first, second = predicted("wire", SLOW, 10_000_000)
    assert (first.queue, first.serialisation, first.propagation) == pytest.approx((0, 0.06, 0.5))
    assert first.total == pytest.approx(0.56)
    assert second.queue == pytest.approx(0.05)
    assert second.total == pytest.approx(0.61)


def test_a_lost_frame_takes_no_time_of_the_link() -> None:
    """The second does not wait for a first that was lost."""
    assert predicted("netem", SLOW, 10_000_000, lose_first=True)[1].queue == pytest.approx(0)


def test_a_bucket_passes_what_comes_to_an_idle_link() -> None:
    """A token bucket holds a frame of the largest size and a millisecond: two small ones pass at once."""
    coax = Settings(rate=10_000_000, queue=62_500)
    first, second = predicted("tbf", coax, 1000)
    assert first.serialisation == pytest.approx(60 * 8 / 10e6)
    assert (first.total, second.total) == (0, 0)
