"""What a link should measure. Every figure is worked out by hand in the docstring above it."""

from __future__ import annotations

import math
import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.model import predict, shaping
from lab.model.media import MEDIA, Settings
from lab.model.plan import LabSpec, decide
from lab.model.predict import Prediction

MODEM = MEDIA["twisted-pair-2400"].settings
COAX = MEDIA["coax"].settings
SATELLITE = MEDIA["satellite"].settings
WIRELESS = MEDIA["wireless"].settings


def test_a_frame_takes_its_bits_over_the_rate() -> None:
    """An IP packet of 286 bytes is a frame of 300 = 2,400 bits, and so takes a second; one frame each second."""
    assert predict.frame_time(MODEM, 286) == 1
    assert predict.frames_per_second(MODEM, 286) == 1


def test_a_hundred_bytes_over_a_telephone_pair() -> None:
    """100 bytes and 28 of UDP and IP and 14 of Ethernet are 142 = 1,136 bits: 0.4733 s at 2,400 bit/s."""
    assert predict.one_way((MODEM,), 100) == pytest.approx(1136 / 2400)


def test_a_node_takes_all_of_a_frame_in_before_it_sends_it_on() -> None:
    """Over pair, hub and pair, twice 0.4733 s; over a satellite, 0.1136 ms for the bits and 270 ms for the way."""
    assert predict.one_way((MODEM, MODEM), 100) == pytest.approx(2 * 1136 / 2400)
    assert predict.one_way((SATELLITE, MODEM), 100) == pytest.approx(0.27 + 1136 / 10e6 + 1136 / 2400)


def test_an_echo_takes_both_ways() -> None:
    """16 bytes are a frame of 58 = 464 bits: 193 ms there at 2,400 bit/s, and 46.4 µs back at 10 Mbit/s."""
    assert predict.echo((MODEM,), (COAX,), 16) == pytest.approx(464 / 2400 + 464 / 10e6)


def test_a_path_has_the_directions_that_a_message_takes() -> None:
    """On a ring of four, n2 reaches n1 over three links; on a star, a link's back direction leads to its host."""
    ring = decide(LabSpec(topology="ring", links=(("n2-n3", "satellite"),)))
    assert predict.along(ring, "n2", "n1") == (SATELLITE, COAX, COAX)
    star = decide(LabSpec(nodes=2, links=(("h1", "coax/satellite"), ("h2", "twisted-pair-2400/fibre"))))
    assert predict.along(star, "h2", "h1") == (MODEM, SATELLITE)
    bus = decide(LabSpec(topology="bus"))
    assert predict.along(bus, "h2", "h1") == (COAX,)


def test_datagrams_share_the_rate_with_their_headers() -> None:
    """1,472 bytes of payload are 1,514 of frame: 97.2 % of 10 Mbit/s."""
    assert predict.udp_goodput(COAX, 1472) == pytest.approx(10e6 * 1472 / 1514)


def test_tcp_has_what_headers_leave() -> None:
    """Of 1,514 bytes 1,448 are payload: 9.5641 Mbit/s; where half a 66-byte acknowledgement comes on top, 9.3601."""
    assert predict.tcp_goodput(COAX) == pytest.approx(9_564_069, abs=1)
    assert predict.tcp_goodput(COAX, shared=True) == pytest.approx(10e6 * 1448 / 1547)


def test_loss_bounds_tcp() -> None:
    """One of 1,000 lost at 100 ms: Reno has sqrt(1500) = 38.7 segments on their way, CUBIC 33.3; of 11,584 bit each."""
    lossy = replace(COAX, loss=0.001)
    assert predict.tcp_bound(lossy, 0.1) == pytest.approx(math.sqrt(1500) * 11_584 / 0.1)
    assert predict.tcp_bound(lossy, 10) == pytest.approx(1.054 * 1e4**0.75 * 11_584 / 10)  # there CUBIC's is larger
    assert predict.tcp_bound(lossy, 0.001) == predict.tcp_goodput(COAX)  # the link itself is the bound


def test_much_loss_makes_tcp_unpredictable() -> None:
    """Above 2 %, or where frames overtake, nothing is said."""
    assert predict.tcp_bound(replace(COAX, loss=0.05), 0.1) is None
    assert predict.tcp_bound(replace(COAX, reorder=0.01), 0.1) is None


def test_a_delay_without_chance_is_itself() -> None:
    """270 ms, and no deviation."""
    assert predict.propagation(SATELLITE) == (0.27, 0)


def test_jitter_never_takes_less_than_no_time() -> None:
    """Far from zero, mean and deviation are as declared; at zero, what is left of the normal distribution is half.

    Mean 1 / sqrt(2 pi) = 0.3989 of the jitter, mean square a half, so a deviation of sqrt(0.5 - 0.1592) = 0.5838.
    """
    assert predict.propagation(WIRELESS) == pytest.approx((2e-3, 0.5e-3), rel=1e-3)
    assert predict.propagation(replace(COAX, jitter=1.0)) == pytest.approx((0.39894, 0.58381), abs=1e-5)


def test_frames_that_overtake_take_no_delay() -> None:
    """5 % of them, of 20 ms: mean 19 ms, deviation 20 x sqrt(0.05 x 0.95) = 4.359 ms."""
    mean, deviation = predict.propagation(replace(COAX, delay=0.02, reorder=0.05))
    assert (mean, deviation) == pytest.approx((0.019, 0.004359), rel=1e-3)


def test_what_never_arrives_is_lost_or_damaged() -> None:
    """10 % lost, 10 % of the rest damaged: 19 %. In netem, of 10 % lost half have a copy that is not: 5 %."""
    assert predict.missing(replace(COAX, loss=0.1, corrupt=0.1)) == pytest.approx(0.19)
    assert predict.missing(replace(COAX, loss=0.1, duplicate=0.5), "netem") == pytest.approx(0.05)
    assert predict.missing(replace(COAX, loss=0.1, duplicate=0.5), "wire") == pytest.approx(0.1)


def test_a_few_frames_may_lose_a_few() -> None:
    """Of 12 at 1 %: none with 88.6 %, one at most with 99.38 %, two at most with 99.98 %; so none to two."""
    assert predict.loss_interval(0.01, 12) == (0, 2 / 12)


def test_nothing_and_all_leave_nothing_to_chance() -> None:
    """Where no loss is declared, one lost frame is one too many."""
    assert predict.loss_interval(0.0, 1000) == (0, 0)
    assert predict.loss_interval(1.0, 1000) == (1, 1)


@given(share=st.floats(0.001, 0.999), frames=st.integers(1, 300))
def test_the_interval_is_the_narrowest_that_holds(share: float, frames: int) -> None:
    """By sums of exact binomial terms: at most half a per cent on each side, and more with one frame less of it."""
    weights = [math.comb(frames, k) * share**k * (1 - share) ** (frames - k) for k in range(frames + 1)]
    low, high = (round(bound * frames) for bound in predict.loss_interval(share, frames))
    close = 1e-9
    assert sum(weights[:low]) <= 0.005 + close
    assert sum(weights[high + 1 :]) <= 0.005 + close
    assert low == frames or sum(weights[: low + 1]) > 0.005 - close
    assert high == 0 or sum(weights[high:]) > 0.005 - close


def test_the_interval_of_many_frames_is_nearly_normal() -> None:
    """Of 10,000 at 1 %: 100, give or take 2.576 x sqrt(99) = 25.6."""
    low, high = predict.loss_interval(0.01, 10_000)
    assert (low * 1e4, high * 1e4) == pytest.approx((100 - 25.6, 100 + 25.6), abs=2)


@pytest.mark.parametrize(("rate", "share"), [(2_400, 0.005), (100_000_000, 0.005), (1_000_000_000, 0.02)])
def test_a_rate_holds_within_half_a_per_cent(rate: int, share: float) -> None:
    """And within 2 % above 100 Mbit/s."""
    found = predict.rate(Settings(rate=rate, queue=10_000), "tbf", 1.5, 1000)
    assert (found.value, found.lowest, found.highest) == pytest.approx((rate, rate * (1 - share), rate * (1 + share)))


def test_chance_widens_a_rate() -> None:
    """Jitter of 0.5 ms in 1 s: 2 x 2.576 x 0.05 % = 0.26 %; damage of 2 % of 1,000: 2.576 x 1.253 x 0.44 % = 1.43 %."""
    late = predict.rate(replace(COAX, delay=1.0, jitter=0.5e-3), "wire", 1.0, 1000)
    assert late.highest == pytest.approx(10e6 * (1.005 + 0.002576), rel=1e-6)
    damaged = predict.rate(replace(COAX, corrupt=0.02), "wire", 1.0, 1000)
    assert damaged.value == 9.8e6
    assert damaged.highest == pytest.approx(9.8e6 * (1.005 + 0.0143), rel=1e-4)


def test_netem_lets_frames_overtake_the_rate_too() -> None:
    """So its rate is not judged; the wire's is."""
    overtaking = replace(COAX, delay=0.1, reorder=0.1)
    assert not predict.rate(overtaking, "netem", 1.0, 1000).judged
    assert not predict.together(overtaking, "netem", 1.0, 1000).judged
    assert predict.rate(overtaking, "wire", 1.0, 1000).judged


def test_several_at_once_hold_within_one_per_cent() -> None:
    """Of the rate of the medium, not of each."""
    assert predict.together(COAX, "tbf", 1.0, 1000) == Prediction(10e6, 9.9e6, 10.1e6)


@pytest.mark.parametrize(
    ("settings", "shaper", "margin"),
    [(COAX, "netem", 0.3e-3), (COAX, "tbf", 1e-3), (COAX, "wire", 1e-3), (SATELLITE, "netem", 5.4009e-3)],
)
def test_a_round_trip_holds_within_one_per_cent_or_a_little_time(
    settings: Settings, shaper: str, margin: float
) -> None:
    """0.3 ms with netem, 1 ms with the others, 1 % of 540.09 ms."""
    found = predict.round_trip(settings, settings, shaper, 16, 10)
    assert found.value == pytest.approx(2 * (464 / 10e6 + settings.delay))
    assert found.highest is not None
    assert found.highest - (found.value or 0) == pytest.approx(margin, rel=1e-3)


def test_jitter_widens_a_round_trip_by_its_standard_error() -> None:
    """Twice 0.5 ms are 0.707 ms; of 40 echoes 0.112 ms, times 2.576: 0.288 ms on top of 1 ms."""
    found = predict.round_trip(WIRELESS, WIRELESS, "wire", 16, 40)
    assert (found.highest or 0) - (found.value or 0) == pytest.approx(1.288e-3, abs=1e-6)


def test_loss_is_held_against_its_interval() -> None:
    """One of twelve may be lost at 1 %, three may not."""
    found = predict.loss(replace(COAX, loss=0.01), "wire", 12)
    assert found.holds(1 / 12)
    assert not found.holds(3 / 12)


@pytest.mark.parametrize(("share", "correlation"), [(0.02, 0.5), (0.05, 0.5), (0.2, 0.75)])
def test_losses_in_bursts_are_held_against_a_wider_interval(share: float, correlation: float) -> None:
    """It holds at least 97 % of 1,000 trains of 2,000 frames; that of independent losses, fewer than 95 %."""
    way, draw, frames = replace(COAX, loss=share, loss_correlation=correlation), random.Random(1).random, 2000  # noqa: S311
    begins, ends = shaping.bursts(way)
    found, lost = [], False
    for _ in range(1000):
        count = 0
        for _ in range(frames):
            lost = draw() >= ends if lost else draw() < begins
            count += lost
        found.append(count / frames)
    held = sum(predict.loss(way, "wire", frames).holds(each) for each in found)
    assert held >= 970
    assert sum(predict.loss(replace(way, loss_correlation=0), "wire", frames).holds(each) for each in found) < 950


def test_jitter_that_is_correlated_widens_a_round_trip() -> None:
    """With a correlation of 60 % forty echoes tell as much as ten without one would."""
    way = replace(COAX, delay=0.1, jitter=0.01)
    tied = replace(way, delay_correlation=0.6)
    assert predict.independent(40, 0.6) == 10
    assert predict.round_trip(tied, tied, "wire", 16, 40) == predict.round_trip(way, way, "wire", 16, 10)


def test_tcp_on_a_slow_shared_link_is_told_and_not_judged() -> None:
    """There each segment is acknowledged by itself, and the sender's patience is too short."""
    modem = MEDIA["twisted-pair-9600"].settings
    assert predict.tcp_goodput(modem, shared=True) == pytest.approx(9600 * 244 / 376)
    assert not predict.goodput(modem, 1.0, shared=True).judged
    assert predict.goodput(modem, 1.0).judged


def test_tcp_on_a_long_shared_link_is_told_and_not_judged() -> None:
    """There acknowledgements wait behind the data that TCP tries the link with: it ends its quick start too early."""
    assert not predict.goodput(SATELLITE, 0.541, shared=True).judged
    assert predict.goodput(SATELLITE, 0.541).judged
    assert predict.goodput(COAX, 0.0013, shared=True).judged


def test_tcp_is_judged_where_nothing_is_left_to_chance() -> None:
    """Coax within 1 %, fibre within 2.5 %; a lossy link is told beside its bound, one with jitter beside all it has."""
    coax = predict.goodput(COAX, 0.001)
    assert (coax.lowest, coax.highest) == pytest.approx((9_564_069 * 0.99, 9_564_069 * 1.01), abs=2)
    fibre = predict.goodput(MEDIA["fibre"].settings, 0.001)
    assert (fibre.lowest or 0) / (fibre.value or 1) == pytest.approx(0.975)
    lossy = predict.goodput(WIRELESS, 0.006, shared=True)
    assert not lossy.judged
    assert lossy.holds(0.0)
    assert "lost" in lossy.note
    assert not predict.goodput(replace(COAX, delay=0.1, jitter=0.01), 0.2).judged
