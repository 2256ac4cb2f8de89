from __future__ import annotations

from math import sqrt
from statistics import correlation, fmean, stdev

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.fabric import wire_schedule
from lab.fabric.wire_schedule import ETHERNET_HEADER, NS, Channel, Dice, flip_bit
from lab.fabric.wire_settings import Settings

MS = NS // 1000  # one millisecond
FOREVER = 10**18


def make(settings: Settings, *, seed: int = 1, link: str = "link", direction: int = 0) -> Channel:
    """A channel with the settings."""
    return Channel(settings, Dice(seed, link, direction))


def frame(number: int, length: int = 125) -> bytes:
    """A frame that says its number; 125 bytes last a millisecond at 1 Mbit/s."""
    return number.to_bytes(4, "big") * (length // 4) + bytes(length % 4)


def number_of(received: bytes) -> int:
    """The number that a frame says."""
    return int.from_bytes(received[:4], "big")


def arrivals(channel: Channel, end: int = FOREVER) -> list[tuple[int, int]]:
    """When each frame comes out and which it is, as a loop that is never late would see it."""
    seen = []
    while (now := channel.wake_at()) is not None and now <= end:
        seen += [(now, number_of(received)) for received, _ in channel.collect(now, 64)]
    return seen


def lost_frames(channel: Channel, count: int) -> set[int]:
    """Which of `count` frames, sent one after the other, do not come out."""
    for number in range(count):
        channel.offer(frame(number), 0, number)
    return set(range(count)) - {number for _, number in arrivals(channel)}


def test_an_idle_channel_serialises_and_then_delays() -> None:
    """A frame is due after its length over the rate, plus the delay, exactly."""
    channel = make(Settings(rate=1e6, delay=0.020))
    channel.offer(frame(7), 0, 5 * MS)
    assert arrivals(channel) == [(26 * MS, 7)]


def test_without_a_rate_there_is_only_the_delay() -> None:
    """With rate None, frames offered together are due together."""
    channel = make(Settings(delay=0.020))
    for number in range(3):
        channel.offer(frame(number), 0, 0)
    assert arrivals(channel) == [(20 * MS, 0), (20 * MS, 1), (20 * MS, 2)]


def test_a_train_leaves_at_the_rate() -> None:
    """Frames offered at once come out a frame time apart: while one is delayed, the next is sent."""
    channel = make(Settings(rate=1e6, delay=0.5))
    for number in range(4):
        channel.offer(frame(number), 0, 0)
    assert arrivals(channel) == [((501 + number) * MS, number) for number in range(4)]


@given(st.lists(st.integers(1, 50 * MS), min_size=1, max_size=20))
def test_a_late_process_does_not_slow_the_rate(pauses: list[int]) -> None:
    """However rarely the channel is looked at, exactly the frames that were due by then have come out."""
    channel = make(Settings(rate=1e6, delay=0.003))
    for number in range(10):
        channel.offer(frame(number), 0, 0)
    now = out = 0
    for pause in pauses:
        now += pause
        out += len(channel.collect(now, 64))
        assert out == max(0, min(10, now // MS - 3))


def test_a_burst_collected_late_still_comes_whole_and_in_order() -> None:
    """Long after, everything comes; `limit` bounds each look, and `wake_at` asks for the next at once."""
    channel = make(Settings(rate=1e6, delay=0.003))
    for number in range(10):
        channel.offer(frame(number), 0, 0)
    looks = [[number_of(received) for received, _ in channel.collect(NS, 4)] for _ in range(4)]
    assert looks == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9], []]
    assert channel.wake_at() is None


def test_the_queue_is_bounded_in_bytes() -> None:
    """Two frames of 125 bytes fit into 250; the one being sent does not count; the fourth is dropped."""
    channel = make(Settings(rate=1e6, queue=250))
    for number in range(4):
        channel.offer(frame(number), 0, 0)
    assert channel.counters.dropped["queue"] == 1
    assert channel.stats()["queued_bytes"] == 250
    assert [number for _, number in arrivals(channel)] == [0, 1, 2]


def test_frames_in_flight_do_not_count_against_the_queue() -> None:
    """On a long link, many more bytes are on their way than the queue holds."""
    channel = make(Settings(rate=1e6, delay=1.0, queue=0))
    for number in range(100):
        channel.offer(frame(number), 0, number * MS)
    assert channel.counters.dropped["queue"] == 0
    assert channel.stats()["in_flight"] == 100


def test_a_small_frame_may_use_the_room_that_a_large_one_cannot() -> None:
    """The bound is bytes, not frames: after a refused large frame, a small one still fits."""
    channel = make(Settings(rate=1e6, queue=100))
    channel.offer(frame(0), 0, 0)
    channel.offer(frame(1), 0, 0)
    channel.offer(frame(2, 100), 0, 0)
    assert [number for _, number in arrivals(channel)] == [0, 2]


def test_memory_is_bounded_where_the_rate_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    """More bytes than FLIGHT_LIMIT are never held; they are dropped for a reason of its own."""
    monkeypatch.setattr(wire_schedule, "FLIGHT_LIMIT", 1000)
    channel = make(Settings(delay=10.0))
    for number in range(10):
        channel.offer(frame(number), 0, 0)
    assert channel.counters.dropped["flight"] == 2
    assert channel.stats()["in_flight_bytes"] == 1000


@given(
    seed=st.integers(0, 2**32),
    rate=st.sampled_from([None, 2400.0, 1e6, 1e9]),
    correlated=st.sampled_from([0.0, 0.5, 1.0]),
    gaps=st.lists(st.integers(0, 5 * MS), max_size=60),
)
def test_jitter_keeps_the_order(seed: int, rate: float | None, correlated: float, gaps: list[int]) -> None:
    """With jitter far above the gaps, frames still come out in order, and all of them."""
    channel = make(Settings(rate=rate, delay=0.010, jitter=0.050, delay_correlation=correlated), seed=seed)
    now = 0
    for number, gap in enumerate(gaps):
        now += gap
        channel.offer(frame(number), 0, now)
    seen = arrivals(channel)
    assert [number for _, number in seen] == list(range(len(gaps)))
    assert seen == sorted(seen)


def test_jitter_has_the_declared_mean_and_deviation() -> None:
    """Frames far enough apart not to wait for one another are delayed as the normal distribution says."""
    channel = make(Settings(delay=0.100, jitter=0.010))
    delays = []
    for number in range(4000):
        channel.offer(frame(0), 0, number * NS)
        delays += [(due - number * NS) / NS for due, _ in arrivals(channel)]
    assert fmean(delays) == pytest.approx(0.100, abs=2.576 * 0.010 / sqrt(4000))
    assert stdev(delays) == pytest.approx(0.010, rel=0.03)


def test_correlated_jitter_keeps_its_deviation() -> None:
    """delay_correlation ties each delay to the last one and leaves the standard deviation as declared."""
    channel = make(Settings(delay=0.100, jitter=0.010, delay_correlation=0.5))
    delays = []
    for number in range(4000):
        channel.offer(frame(0), 0, number * NS)
        delays += [(due - number * NS) / NS for due, _ in arrivals(channel)]
    assert stdev(delays) == pytest.approx(0.010, rel=0.05)
    assert correlation(delays, delays[1:] + delays[:1]) == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("share", [0.001, 0.01, 0.05, 0.20])
def test_the_share_lost_is_the_one_declared(share: float) -> None:
    """Of 20,000 frames as many are lost as declared, within the 99 % interval, for this fixed seed."""
    channel = make(Settings(loss=share))
    lost = lost_frames(channel, 20_000)
    assert channel.counters.lost == len(lost)
    assert len(lost) / 20_000 == pytest.approx(share, abs=2.576 * sqrt(share * (1 - share) / 20_000))


def test_the_same_seed_loses_the_same_frames() -> None:
    """Same seed, link and direction: the same frames are lost; any of the three different: others."""
    lossy = Settings(loss=0.1)
    lost = lost_frames(make(lossy), 500)
    assert lost_frames(make(lossy), 500) == lost
    others = [make(lossy, seed=2), make(lossy, link="other"), make(lossy, direction=1)]
    assert all(lost_frames(other, 500) != lost for other in others)


@pytest.mark.parametrize(
    "more",
    [
        {"jitter": 0.005, "delay": 0.01},
        {"duplicate": 0.5, "corrupt": 0.5, "reorder": 0.5},
        {"rate": 1e9, "delay_correlation": 0.5},
    ],
)
def test_which_frames_are_lost_depends_on_no_other_setting(more: dict[str, float]) -> None:
    """Jitter, duplication, corruption, reordering and the rate leave the lost frames the same ones."""
    alone = make(Settings(loss=0.1))
    both = make(Settings(loss=0.1).changed(more))
    for number in range(500):
        alone.offer(frame(number), 0, number * MS)
        both.offer(frame(number), 0, number * MS)
        assert alone.counters.lost == both.counters.lost


def test_a_smaller_loss_loses_some_of_the_same_frames() -> None:
    """Raising the loss while it runs adds lost frames and brings none back: one draw decides for each."""
    assert lost_frames(make(Settings(loss=0.05)), 1000) < lost_frames(make(Settings(loss=0.2)), 1000)


def test_correlated_losses_come_in_bursts() -> None:
    """As many frames are lost as without a correlation; after a lost one, with the chance loss + c x (1 - loss)."""
    count = 100_000
    lost = lost_frames(make(Settings(loss=0.05, loss_correlation=0.5)), count)
    assert len(lost) / count == pytest.approx(0.05, abs=4 * sqrt(0.05 * 0.95 * 3 / count))
    after = sum(number + 1 in lost for number in lost) / len(lost)
    assert after == pytest.approx(0.05 + 0.5 * 0.95, abs=4 * sqrt(0.525 * 0.475 / (0.05 * count)))


def test_without_a_correlation_the_losses_are_as_ever() -> None:
    """A correlation of nothing changes no frame's fate."""
    plain, none = Settings(loss=0.2), Settings(loss=0.2, loss_correlation=0.0)
    assert lost_frames(make(plain), 1000) == lost_frames(make(none), 1000)


def test_duplicates_come_right_after_their_original() -> None:
    """With duplicate 1 each frame comes out twice, both copies serialised."""
    channel = make(Settings(rate=1e6, duplicate=1.0))
    channel.offer(frame(1), 0, 0)
    channel.offer(frame(2), 0, 0)
    assert arrivals(channel) == [(MS, 1), (2 * MS, 1), (3 * MS, 2), (4 * MS, 2)]
    assert channel.counters.duplicated == 2


@given(st.binary(min_size=ETHERNET_HEADER + 1, max_size=200), st.floats(0, 1, exclude_max=True))
def test_corruption_flips_one_bit_behind_the_header(original: bytes, where: float) -> None:
    """Exactly one bit differs, and none of the Ethernet header, so that the frame still finds its way."""
    spoilt = flip_bit(original, where)
    assert spoilt[:ETHERNET_HEADER] == original[:ETHERNET_HEADER]
    difference = int.from_bytes(spoilt, "big") ^ int.from_bytes(original, "big")
    assert difference.bit_count() == 1
    assert len(spoilt) == len(original)


def test_corruption_is_counted() -> None:
    """With corrupt 1 every frame is changed and counted."""
    channel = make(Settings(corrupt=1.0))
    channel.offer(frame(0), 0, 0)
    ((received, _),) = channel.collect(0, 1)
    assert received != frame(0)
    assert channel.counters.corrupted == 1


def test_reordered_frames_skip_the_delay() -> None:
    """A share of the frames overtakes those in flight, but never the serialiser."""
    channel = make(Settings(rate=1e6, delay=0.010, reorder=0.25))
    for number in range(40):
        channel.offer(frame(number), 0, 0)
    seen = arrivals(channel)
    early = [number for due, number in seen if due == (number + 1) * MS]
    assert len(early) == channel.counters.reordered > 0
    assert {number for due, number in seen if due == (number + 11) * MS} == set(range(40)) - set(early)


def test_frames_keep_their_source() -> None:
    """On a shared medium each frame comes out with the port that it came from, in order of arrival."""
    channel = make(Settings(rate=1e6, delay=0.010))
    for source in (3, 1, 2):
        channel.offer(frame(source), source, 0)
    assert [source for _, source in channel.collect(NS, 64)] == [3, 1, 2]


def test_a_new_rate_holds_for_those_that_wait() -> None:
    """A faster rate empties the queue faster, the frame being sent keeps its time, and none is lost."""
    channel = make(Settings(rate=1e6))
    for number in range(3):
        channel.offer(frame(number), 0, 0)
    channel.change(Settings(rate=1e7), MS // 2)
    assert arrivals(channel) == [(MS, 0), (MS + MS // 10, 1), (MS + MS // 5, 2)]


def test_a_rate_taken_away_keeps_the_order() -> None:
    """Without a rate the queue goes out at once, and frames offered afterwards stay behind it."""
    channel = make(Settings(rate=1e6))
    for number in range(3):
        channel.offer(frame(number), 0, 0)
    channel.change(Settings(), MS // 2)
    channel.offer(frame(3), 0, MS // 2)
    assert arrivals(channel) == [(MS, 0), (MS, 1), (MS, 2), (MS, 3)]


def test_a_shorter_delay_does_not_overtake() -> None:
    """After the delay is cut, new frames wait for those in flight: changing a setting never reorders."""
    channel = make(Settings(delay=0.100))
    channel.offer(frame(0), 0, 0)
    channel.change(Settings(delay=0.001), MS)
    channel.offer(frame(1), 0, MS)
    channel.offer(frame(2), 0, 100 * MS)
    assert arrivals(channel) == [(100 * MS, 0), (100 * MS, 1), (101 * MS, 2)]


@given(
    settings=st.builds(
        Settings,
        rate=st.sampled_from([None, 1e5, 1e6]),
        delay=st.just(0.005),
        jitter=st.sampled_from([0.0, 0.010]),
        loss=st.floats(0, 1),
        duplicate=st.floats(0, 1),
        reorder=st.floats(0, 1),
        queue=st.integers(0, 2000),
    ),
    steps=st.lists(st.tuples(st.integers(0, 3 * MS), st.integers(15, 1514)), max_size=80),
)
def test_every_frame_is_accounted_for(settings: Settings, steps: list[tuple[int, int]]) -> None:
    """Offered or duplicated, a frame is lost, dropped or comes out; at the end nothing is on its way."""
    channel, now, out = make(settings), 0, 0
    for gap, length in steps:
        now += gap
        channel.offer(bytes(length), 0, now)
        out += len(channel.collect(now, 64))
        assert channel.stats()["queued_bytes"] <= settings.queue
    out += len(arrivals(channel))
    stats = channel.stats()
    assert len(steps) + stats["duplicated"] == stats["lost"] + stats["dropped"]["queue"] + out
    assert [stats[key] for key in ("in_flight", "in_flight_bytes", "queued", "queued_bytes")] == [0, 0, 0, 0]
