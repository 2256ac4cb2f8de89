"""What a link, a direction or a path should measure, worked out from its settings. Pure; formulas are in docstrings.

A frame is put on the link bit by bit (serialisation), then travels (propagation); a node in between takes all of it in
before it sends it on (store and forward). Headers count: a frame is the IP packet and 14 bytes of Ethernet.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import NormalDist

from lab.model.media import ETHERNET_HEADER, Settings
from lab.model.plan import LabPlan
from lab.model.tables import FIRST_FLIGHT

UDP_HEADERS = 28  # bytes: IPv4 (RFC 791) and UDP (RFC 768)
ICMP_HEADERS = 28  # bytes: IPv4 and an echo's header (RFC 792)
TCP_HEADERS = 52  # bytes: IPv4, TCP (RFC 9293) and its timestamps option, padded (RFC 7323)
SEGMENTS_PER_ACK = 2  # RFC 9293, 3.8.6.3: at least every second full segment is acknowledged
ACK_PATIENCE = 0.04  # seconds that Linux waits for it (TCP_DELACK_MIN in include/net/tcp.h)
_MEDIAN = math.sqrt(math.pi / 2)  # how much more a median scatters than a mean, of normal values
LOSS_OF_FORMULAS = 0.02  # above it time-outs dominate, which they leave out (Padhye et al. 1998, fig. 7)


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far a measurement may be from its prediction. The figures are the blueprint's ("What good means here").

    The tightest that others publish, IPMininet's tests, is 10 % and 1.5 ms.

    Attributes:
        rate: share, up to `fast`.
        fast_rate: share, above it: a millisecond's worth of tokens comes and goes with the kernel's timers.
        fast: bit/s.
        goodput: share on top of the rate's: TCP's acknowledgements and time-outs are not the link's.
        together: share, for several pairs at once on a shared medium.
        trip: share of a round trip.
        trip_netem: seconds, for a round trip that is shorter: what two kernels take for an echo.
        trip_other: seconds; a token bucket lets a frame pass an idle link at once, and the wire is a process.
        confidence: of the intervals for loss and for means under jitter.
    """

    rate: float = 0.005
    fast_rate: float = 0.02
    fast: float = 100e6
    goodput: float = 0.005
    together: float = 0.01
    trip: float = 0.01
    trip_netem: float = 0.3e-3
    trip_other: float = 1e-3
    confidence: float = 0.99


TOLERANCE = Tolerance()


@dataclass(frozen=True, slots=True)
class Prediction:
    """What should be measured.

    Attributes:
        value: bit/s, seconds, or a share; None where nothing can be said.
        lowest, highest: what is accepted; None where a measurement is reported and not judged.
        note: why not, or what else to know.
    """

    value: float | None
    lowest: float | None = None
    highest: float | None = None
    note: str = ""

    @property
    def judged(self) -> bool:
        """Whether a measurement can be good or bad."""
        return self.lowest is not None

    def holds(self, measured: float) -> bool:
        """Whether a measurement is accepted; one that is not judged always is."""
        return self.lowest is None or self.highest is None or self.lowest <= measured <= self.highest


def frame_time(settings: Settings, packet: int) -> float:
    """Seconds that an IP packet of so many bytes takes to be put on the link: (packet + 14) x 8 / rate."""
    return (packet + ETHERNET_HEADER) * 8 / settings.rate


def frames_per_second(settings: Settings, packet: int) -> float:
    """How many IP packets of so many bytes a link carries: 1 / frame time."""
    return 1 / frame_time(settings, packet)


def propagation(settings: Settings) -> tuple[float, float]:
    """Mean and standard deviation of the way along a link, in seconds.

    The delay is normal, but never below zero: with z = delay / jitter, its mean is delay x Phi(z) + jitter x phi(z),
    its mean square (delay² + jitter²) x Phi(z) + delay x jitter x phi(z) (a censored normal distribution; Greene,
    Econometric Analysis, chapter 19). A share `reorder` of the frames takes no time at all.
    """
    mean, square = settings.delay, settings.delay**2
    if settings.jitter:
        normal, z = NormalDist(), settings.delay / settings.jitter
        mean = settings.delay * normal.cdf(z) + settings.jitter * normal.pdf(z)
        square = (settings.delay**2 + settings.jitter**2) * normal.cdf(z)
        square += settings.delay * settings.jitter * normal.pdf(z)
    kept = 1 - settings.reorder
    return kept * mean, math.sqrt(max(0.0, kept * square - (kept * mean) ** 2))


def one_way(way: Iterable[Settings], payload: int) -> float:
    """Seconds that one datagram takes along a path whose links are idle: the sum of frame times and mean propagations.

    Args:
        way: the directions that it takes, in their order.
        payload: bytes in the datagram; it must fit every link's MTU.
    """
    return sum(frame_time(hop, payload + UDP_HEADERS) + propagation(hop)[0] for hop in way)


def echo(way: Iterable[Settings], back: Iterable[Settings], payload: int) -> float:
    """Seconds from an echo request (ICMP) to its answer, which carries as much: out and back, each as `one_way`."""
    return one_way(way, payload) + one_way(back, payload)  # an echo's headers are as long as a datagram's


def along(plan: LabPlan, sender: str, receiver: str) -> tuple[Settings, ...]:
    """The directions that a message takes from one node to another, in their order."""
    found = []
    for hop in plan.routing.path(sender, receiver):
        link = plan.link(hop.link).link
        found.append((link.spec.forward if link.shared or hop.node == link.ends[0] else link.spec.back).settings)
    return tuple(found)


def udp_goodput(settings: Settings, payload: int) -> float:
    """Bit/s of datagrams' payload on a busy link: rate x payload / (payload + 42)."""
    return settings.rate * payload / (payload + UDP_HEADERS + ETHERNET_HEADER)


def tcp_goodput(settings: Settings, *, shared: bool = False) -> float:
    """Bit/s of TCP's payload on a busy link without loss: rate x (MTU - 52) / (MTU + 14).

    On a shared (half-duplex) link acknowledgements take part of the rate. Each is a frame of 66 bytes, and there is one
    for two segments: rate x (MTU - 52) / (MTU + 14 + 66 / 2). Where the second takes longer than an acknowledgement may
    wait, there is one for each.
    """
    segments = 1 if settings.frame_time > ACK_PATIENCE else SEGMENTS_PER_ACK
    acknowledged = (TCP_HEADERS + ETHERNET_HEADER) / segments if shared else 0
    return settings.rate * (settings.mtu - TCP_HEADERS) / (settings.mtu + ETHERNET_HEADER + acknowledged)


def tcp_bound(settings: Settings, round_trip: float, *, shared: bool = False) -> float | None:
    """Bit/s that TCP can have on average where frames are lost, or None where that cannot be said.

    The smaller of `tcp_goodput` and segment / round trip x the larger of both windows: Reno's sqrt(3 / 2p) (Mathis et
    al. 1997) and CUBIC's 1.054 x (round trip / p)^0.75 (RFC 9438, 5.1). Neither knows of time-outs, or of frames that
    overtake.

    Args:
        settings: the data's direction.
        round_trip: seconds, of a full segment and its acknowledgement on an idle link.
        shared: whether acknowledgements share the rate.
    """
    whole = tcp_goodput(settings, shared=shared)
    lost = missing(settings)
    if settings.reorder or lost > LOSS_OF_FORMULAS:
        return None
    if not lost:
        return whole
    window = max(math.sqrt(1.5 / lost), 1.054 * math.pow(round_trip / lost, 0.75))
    return min(whole, window * (settings.mtu - TCP_HEADERS) * 8 / round_trip)


def missing(settings: Settings, shaper: str = "wire") -> float:
    """The share of the datagrams that never arrive: 1 - (1 - loss) x (1 - corrupt), for a wrong checksum ends one.

    netem decides for each copy of a doubled frame, so that both must be lost (sch_netem.c, netem_enqueue).
    """
    loss = settings.loss * (1 - settings.duplicate) if shaper == "netem" else settings.loss
    return 1 - (1 - loss) * (1 - settings.corrupt)


def loss_interval(share: float, frames: int, confidence: float = TOLERANCE.confidence) -> tuple[float, float]:
    """Between which shares the loss of so many frames lies, with the given confidence.

    Exact: the narrowest equal-tailed range of the binomial distribution, which leaves at most (1 - confidence) / 2 on
    each side; a normal approximation is wrong by far for few losses (Brown, Cai and DasGupta 2001).
    """
    if not 0 < share < 1:
        return share, share
    tail, below = (1 - confidence) / 2, 0.0
    fewest, most = 0, frames
    for count in range(frames + 1):
        before, below = below, below + _binomial(count, frames, share)
        if before <= tail:
            fewest = count
        if below >= 1 - tail:
            most = count
            break
    return fewest / frames, most / frames


def _binomial(count: int, frames: int, share: float) -> float:
    """The probability of so many out of all; by logarithms, for the powers alone are too small for a float."""
    ways = math.lgamma(frames + 1) - math.lgamma(count + 1) - math.lgamma(frames - count + 1)
    return math.exp(ways + count * math.log(share) + (frames - count) * math.log1p(-share))


def quantile(confidence: float = TOLERANCE.confidence) -> float:
    """How many standard deviations to each side hold so much of a normal distribution: 2.576 for 99 %."""
    return NormalDist().inv_cdf((1 + confidence) / 2)


def rate(settings: Settings, shaper: str, seconds: float, frames: int) -> Prediction:
    """The rate of frames that arrive while the link is busy: the link's, less what a wrong checksum ends.

    Where frames are late by chance, so are the first and the last: the bound is wider by twice the quantile of
    jitter / seconds. Where some are damaged by chance, it is wider by the standard error of their share. Loss makes no
    difference, for a frame that is lost takes no time on the link.

    Args:
        settings: the direction's figures.
        shaper: `tbf`, `netem` or `wire`.
        seconds: how long the link is watched.
        frames: how many of the link's frames that are.
    """
    value = settings.rate * (1 - settings.corrupt)
    if settings.reorder and shaper == "netem":
        return Prediction(value, note="not judged: frames that overtake in netem take no part of the rate")
    share = TOLERANCE.fast_rate if settings.rate > TOLERANCE.fast else TOLERANCE.rate
    share += 2 * quantile() * propagation(settings)[1] / seconds
    share += quantile() * _MEDIAN * math.sqrt(settings.corrupt * (1 - settings.corrupt) / max(frames, 1))
    return Prediction(value, value * (1 - share), value * (1 + share))


def together(settings: Settings, shaper: str, seconds: float, frames: int) -> Prediction:
    """The sum of the rates of several senders at once on a shared medium: the medium's own (`rate`), within 1 %."""
    alone = rate(settings, shaper, seconds, frames)
    if alone.value is None or alone.highest is None:
        return alone
    share = max(TOLERANCE.together, alone.highest / alone.value - 1)
    return Prediction(alone.value, alone.value * (1 - share), alone.value * (1 + share))


def round_trip(forward: Settings, back: Settings, shaper: str, payload: int, echoes: int) -> Prediction:
    """The time of an echo over one link: `echo`, give or take 1 %, or 0.3 ms (netem) or 1 ms where that is more.

    Under jitter a mean is held against it, whose standard error, sqrt((out² + back²) / echoes), comes on top; of a
    correlated jitter, as many as are `independent` of them count.

    Args:
        forward: one direction.
        back: the other.
        shaper: `tbf`, `netem` or `wire`.
        payload: bytes in the echo.
        echoes: how many were answered.
    """
    value = echo((forward,), (back,), payload)
    spread = math.hypot(
        *(propagation(way)[1] / math.sqrt(independent(echoes, way.delay_correlation)) for way in (forward, back))
    )
    floor = TOLERANCE.trip_netem if shaper == "netem" else TOLERANCE.trip_other
    margin = max(TOLERANCE.trip * value, floor) + quantile() * spread
    return Prediction(value, value - margin, value + margin)


def loss(settings: Settings, shaper: str, frames: int) -> Prediction:
    """The share of so many datagrams that do not arrive: `missing`, within its 99 % interval (`loss_interval`).

    Losses that come in bursts scatter more: so many frames tell as much as `independent` ones of them would.
    """
    share = missing(settings, shaper)
    return Prediction(share, *loss_interval(share, independent(frames, settings.loss_correlation)))


def independent(values: int, correlation: float) -> int:
    """How many values without any correlation have a mean that scatters as much: values x (1 - c) / (1 + c).

    For a correlation with the value before; with the one before that it is c², and so on (Bartlett 1946).
    """
    return max(1, round(values * (1 - correlation) / (1 + correlation)))


def goodput(settings: Settings, round_trip_seconds: float, *, shared: bool = False) -> Prediction:
    """TCP's goodput: judged where nothing is left to chance, else the bound of `tcp_bound`, for comparison."""
    value = tcp_bound(settings, round_trip_seconds, shared=shared)
    if missing(settings):
        return Prediction(value, note="not judged: TCP holds back where frames are lost; predicted is a long stream's")
    if settings.reorder or settings.duplicate or settings.jitter:
        return Prediction(value, note="not judged: chance decides when frames arrive")
    if shared and settings.frame_time > ACK_PATIENCE:
        return Prediction(value, note="not judged: acknowledgements wait behind data, and TCP sends some of it twice")
    more = settings.rate * round_trip_seconds / 8 > FIRST_FLIGHT * settings.frame  # TCP has to find that out (HyStart)
    if shared and more:
        return Prediction(value, note="not judged: acknowledgements wait behind data, and TCP takes the link for full")
    whole = tcp_goodput(settings, shared=shared)
    share = TOLERANCE.goodput + (TOLERANCE.fast_rate if settings.rate > TOLERANCE.fast else TOLERANCE.rate)
    return Prediction(whole, whole * (1 - share), whole * (1 + share))
