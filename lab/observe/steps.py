"""The steps of a verification: what is sent along a link to measure one thing of it, and what it is held against."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from lab.apps.meter import slope
from lab.model import predict
from lab.model.predict import Prediction
from lab.model.shaping import netem_limit
from lab.model.units import say_rate
from lab.observe.measure import ECHO_PAYLOAD, UDP_OVERHEAD, Instruments, Train, middle
from lab.observe.programs import Way

ALONE = 50e6  # bit/s: from here on, one direction at a time
OVER = 1.25  # how much more is sent than the link takes: it is busy even if the sender's machine is too
TRAIN_SECONDS, TRAIN_SHORTEST, BUS_SECONDS = 1.5, 0.3, 12.0  # of one train; of all trains on a shared link
TRAIN_FEWEST, TRAIN_SLOW_SECONDS = 12, 4.0  # frames, and what these may take: they get smaller for it
TRAIN_LOST = 0.1  # the share of a long train that passes before the link is sure to be busy
BURST_SECONDS = 1e-3  # what a token bucket holds (model.shaping)
ECHOES, ECHOES_SCATTERED, ECHO_PAUSE = 10, 40, 0.02  # the pause in seconds, at least
LOSS_PAYLOAD, LOSS_FEWEST, LOSS_PER_SECOND = 22, 12, 2000  # bytes; frames
LOSS_SECONDS, CLEAN_SECONDS = 4.0, 0.5  # where something is lost, and where nothing is
LOSS_SHARE = 0.5  # of the rate: nothing waits, so no queue overflows
PAUSE_SECONDS = 0.1  # that the machine may make, after which a sender makes up for it by a burst
STREAM_SECONDS, STREAM_FEWEST = 2.0, 6  # steady; segments
STREAM_START = 4  # segments: TCP's first time-out comes from the SYN, is too short for full ones, and repeats one
MOST_PAIRS = 4  # that talk at once
IPERF_SECONDS, IPERF_OMIT = 3, 1
IDLE_ENOUGH = 0.1  # of the busiest processor's time: with less left, a fast link says nothing of itself
NO_TIME = "not judged: a processor of the machine had no time left, and this link takes more than it could do"
ALL_CAME = 0.05  # of what was sent: with less missing, the link was not what held it up


@dataclass(frozen=True, slots=True)
class Measurement:
    """One measurement beside its prediction.

    Attributes:
        sender, receiver: the direction; of a round trip, out and back; both `all` where several pairs talk at once.
        what: a key of `STEPS`.
        measured: bit/s, seconds or a share, as the prediction; None where nothing came.
        samples: what it is made of: `10 echoes`.
        note: what else is to be said of it.
    """

    link: str
    sender: str
    receiver: str
    what: str
    predicted: Prediction
    measured: float | None
    samples: str
    note: str = ""

    @property
    def good(self) -> bool:
        """Whether it is within the tolerance; what is not judged is."""
        return not self.predicted.judged or (self.measured is not None and self.predicted.holds(self.measured))

    @property
    def is_rate(self) -> bool:
        """Whether it is in bit/s."""
        return self.what not in ("round trip", "loss")

    @property
    def error(self) -> float | None:
        """Measured less predicted, where judged: a share of it for rates, else seconds, or a share of frames."""
        if self.measured is None or self.predicted.value is None or not self.predicted.judged:
            return None
        difference = self.measured - self.predicted.value
        return difference / self.predicted.value if self.is_rate else difference


def trips(instruments: Instruments, course: Sequence[Way]) -> list[Measurement]:
    """The round trips: one for a link of two directions, for it takes both; one for each pair on a shared one."""
    return [_trip(instruments, way) for way in (course if course[0].shared else course[:1])]


def _trip(instruments: Instruments, way: Way) -> Measurement:
    deviation = max(predict.propagation(each)[1] for each in (way.settings, way.back))
    packet = ECHO_PAYLOAD + predict.ICMP_HEADERS
    busy = predict.frame_time(way.settings, packet) + predict.frame_time(way.back, packet)
    pause = max(ECHO_PAUSE, OVER * busy, 6 * deviation)  # no echo waits for another, on the link or behind a late one
    times = instruments.echoes(way, ECHOES_SCATTERED if deviation else ECHOES, pause)
    predicted = predict.round_trip(way.settings, way.back, way.shaper, ECHO_PAYLOAD, len(times))
    kind = "mean" if deviation else "median"
    median_or_mean = middle(times, scattered=bool(deviation))
    return _row(way, "round trip", predicted, median_or_mean, samples=f"{kind} of {len(times)} echoes")


def rates(instruments: Instruments, course: Sequence[Way]) -> list[Measurement]:
    """The rate of each direction that a train can keep busy; both at once where they are two and slow."""
    rows = []
    for group in _groups([way for way in course if not by_iperf(way)]):
        pairs = [(way, busy_train(way, max(TRAIN_SHORTEST, BUS_SECONDS / len(course)))) for way in group]
        for (way, train), seen in zip(pairs, instruments.trains(*pairs), strict=True):
            rows.append(_rate(way, train, seen))
    return rows


def _groups(course: Sequence[Way]) -> list[list[Way]]:
    """What can be measured at once on one link."""
    apart = any(way.shared or way.settings.rate >= ALONE for way in course)
    return [[way] for way in course] if apart else [list(course)] * bool(course)


def busy_train(way: Way, most_seconds: float = TRAIN_SECONDS) -> Train:
    """A train that keeps a direction busy: at once where all of it fits the queue, else faster than the link.

    On a slow link it is of few small frames, for there their times are exact; on a fast one, of the largest.
    """
    rate = way.settings.rate
    frame = min(way.settings.frame, max(100, int(rate * TRAIN_SLOW_SECONDS / 8 / TRAIN_FEWEST)))
    count = max(TRAIN_FEWEST, round(rate * min(TRAIN_SECONDS, most_seconds) / 8 / frame))
    arriving = 1 - way.settings.loss
    sent = math.ceil(count / max(arriving, 0.05))
    if sent * frame <= way.settings.queue:
        return Train(frame - UDP_OVERHEAD, sent, 0)
    burst = math.ceil(rate / 8 * BURST_SECONDS / frame)
    skip = 2 + burst + round(count * TRAIN_LOST)
    return Train(frame - UDP_OVERHEAD, math.ceil((sent + skip) * OVER), OVER * rate / max(arriving, 0.05), skip)


def _rate(way: Way, train: Train, seen: dict[str, Any]) -> Measurement:
    seconds, rate = seen["last"] - seen["first"], seen["rate"]
    predicted = predict.rate(way.settings, way.shaper, max(seconds, 1e-3), seen["received"])
    note = "" if rate else "nothing came"
    if train.rate and rate:
        predicted, note = excused(way, predicted, rate, [seen])
    return _row(way, "rate", predicted, rate, samples=f"{seen['received']:,} frames in {seconds:.3g} s", note=note)


def excused(way: Way, predicted: Prediction, rate: float, seen: Sequence[dict[str, Any]]) -> tuple[Prediction, str]:
    """What is to be said of a rate that is too low where the machine may be what limits it.

    Up to `TOLERANCE.fast` it is said and judged all the same: any machine can fill such a link, once it has time.
    Above, it is not judged where the link was not asked for more than came, or a processor had no time left.

    Args:
        way: the direction, or one of those that share a medium.
        predicted: of all that were there together.
        rate: what was measured of it.
        seen: of each train.
    """
    if predicted.lowest is None or rate >= predicted.lowest:
        return predicted, ""
    offered = sum(saw["offered"] for saw in seen)
    passing = offered * (1 - predict.missing(way.settings, way.shaper))
    short = passing < way.settings.rate
    few = f"the {'senders' if len(seen) > 1 else 'sender'} managed no more than {say_rate(round(offered))}" * short
    if way.settings.rate <= predict.TOLERANCE.fast:
        return predicted, f"{few}: is the machine too busy?" if few else ""
    if short and rate >= passing * (1 - ALL_CAME):
        return Prediction(predicted.value, note=f"not judged: {few}"), ""
    if min(saw["idle"] for saw in seen) < IDLE_ENOUGH:
        return Prediction(predicted.value, note=NO_TIME), ""
    return predicted, few


def together(instruments: Instruments, course: Sequence[Way]) -> list[Measurement]:
    """The rate of a shared link with several pairs at once: every second node sends to its neighbour."""
    if not course[0].shared:
        return []
    senders = course if len(course) == 2 else course[::2][:MOST_PAIRS]  # noqa: PLR2004 - both ends
    pairs = [(way, _crowd_train(way, len(senders))) for way in senders]
    seen = instruments.trains(*pairs)
    begun, ended = max(saw["first"] for saw in seen), min(saw["last"] for saw in seen)
    moments = sorted(saw["first"] + after for saw in seen for after in saw["arrivals"])
    counted = [moment for moment in moments if begun < moment <= ended]
    frame = pairs[0][1].frame
    rate = slope([(round((moment - begun) * 1e9), float(frame * number)) for number, moment in enumerate(counted)])
    way = course[0]
    predicted = predict.together(way.settings, way.shaper, max(ended - begun, 1e-3), len(counted))
    names = ", ".join(f"{way.sender} to {way.receiver}" for way in senders)
    samples = f"{len(counted):,} frames in {max(ended - begun, 0):.3g} s"
    note = f"{names} at once" if rate else f"{names} never talked at once"
    if rate:
        predicted, more = excused(way, predicted, rate, seen)
        note = "; ".join(filter(None, (predicted.note, more, note)))
    return [Measurement(way.link, "all", "all", "rate of all", predicted, rate, samples, note)]


def _crowd_train(way: Way, senders: int) -> Train:
    """Each of several senders would fill most of the link alone, for long enough that all are there for a while."""
    alone = busy_train(way, TRAIN_SECONDS)
    rate = OVER * way.settings.rate / (1 - way.settings.loss) / min(senders, 2)
    return Train(alone.size, alone.count, rate, alone.skip, arrivals=True)


def losses(instruments: Instruments, course: Sequence[Way]) -> list[Measurement]:
    """The loss of each direction, of small frames that come slowly enough for the queue."""
    rows = []
    for group in _groups(course):
        pairs = [(way, loss_train(way, BUS_SECONDS / len(course))) for way in group]
        for (way, train), seen in zip(pairs, instruments.trains(*pairs), strict=True):
            predicted = predict.loss(way.settings, way.shaper, train.count)
            lost = (train.count - seen["received"] - seen["refused"]) / train.count
            note = "the node was too busy to take them all" if seen["refused"] else ""
            rows.append(_row(way, "loss", predicted, max(lost, 0.0), samples=f"{train.count:,} frames", note=note))
    return rows


def loss_train(way: Way, most_seconds: float = LOSS_SECONDS) -> Train:
    """A train at half the link's rate; of as many frames as there is time for.

    netem's limit counts packets, for the largest frames: of the small ones of this train it holds far fewer bytes than
    the queue that is declared, and those in flight count too. Half of it is for them, and half for what else comes.
    """
    frame = LOSS_PAYLOAD + UDP_OVERHEAD
    seconds = min(LOSS_SECONDS if predict.missing(way.settings) else CLEAN_SECONDS, most_seconds)
    per_second = min(LOSS_PER_SECOND, LOSS_SHARE * way.settings.rate / 8 / frame)
    if way.shaper == "netem":
        per_second = min(per_second, netem_limit(way.settings) / 2 / (way.settings.delay + PAUSE_SECONDS))
    return Train(LOSS_PAYLOAD, max(LOSS_FEWEST, round(per_second * seconds)), per_second * frame * 8)


def goodputs(instruments: Instruments, course: Sequence[Way]) -> list[Measurement]:
    """TCP's goodput: each direction alone, for acknowledgements go the other way; of a bus, one pair's."""
    rows = []
    for way in course[:1] if course[0].shared else course:
        rows += _iperf(instruments, way) if by_iperf(way) else [_stream(instruments, way)]
    return rows


def by_iperf(way: Way) -> bool:
    """Whether iperf3 measures rate and goodput at once: where TCP fills a link that is too fast for a train."""
    return way.settings.rate > predict.TOLERANCE.fast and _goodput(way).judged


def _goodput(way: Way) -> Prediction:
    return predict.goodput(way.settings, _segment_trip(way), shared=way.shared)


def _segment_trip(way: Way) -> float:
    """Seconds from a full segment to its acknowledgement, on an idle link."""
    out = predict.one_way((way.settings,), way.settings.mtu - predict.UDP_HEADERS)
    return out + predict.one_way((way.back,), predict.TCP_HEADERS - predict.UDP_HEADERS)


def _stream(instruments: Instruments, way: Way) -> Measurement:
    """One stream: TCP finds the rate within its first bytes, which do not count.

    The window is what the link holds, and half of its queue: then the link is busy, and nothing is dropped. TCP as it
    likes needs longer than we have: on a satellite link it overshoots, and takes many round trips of 0.54 s to recover.
    """
    settings, trip, predicted = way.settings, _segment_trip(way), _goodput(way)
    segment = settings.mtu - predict.TCP_HEADERS
    goodput = predicted.value or predict.tcp_goodput(settings) / 10
    in_flight = settings.rate * trip / 8
    start = STREAM_START + math.ceil(2 * in_flight / segment) if predicted.judged else 0
    total = start + max(round(STREAM_SECONDS * goodput / 8 / segment), STREAM_FEWEST)
    window = round(in_flight + settings.queue / 2)
    most = 3 * total * segment * 8 / goodput + 20 * trip + 5
    most = most if predicted.judged else min(most, 5 * STREAM_SECONDS)
    flow = instruments.stream(
        way, total * segment, start * segment, window, most
    )  # whole ones: a last bit takes as long
    note = "" if flow["goodput"] else "no stream came"
    return _row(way, "tcp goodput", predicted, flow["goodput"], samples=f"{flow['received']:,} bytes", note=note)


def _iperf(instruments: Instruments, way: Way) -> list[Measurement]:
    """Goodput by iperf3, and the rate of the frames that it takes."""
    seen = instruments.iperf(way, IPERF_SECONDS, IPERF_OMIT)
    goodput, measured = _goodput(way), seen["goodput"]
    rate = predict.rate(way.settings, way.shaper, IPERF_SECONDS, int(way.settings.rate / 8 / way.settings.frame))
    frames = measured * way.settings.rate / predict.tcp_goodput(way.settings, shared=way.shared)
    rows = [("rate", rate, frames), ("tcp goodput", goodput, measured)]
    if seen["idle"] < IDLE_ENOUGH and not all(predicted.holds(value) for _, predicted, value in rows):
        rows = [(what, Prediction(predicted.value, note=NO_TIME), value) for what, predicted, value in rows]
    samples = f"iperf3, {IPERF_SECONDS} s"
    return [_row(way, what, predicted, value, samples=samples) for what, predicted, value in rows]


def _row(
    way: Way, what: str, predicted: Prediction, measured: float | None, *, samples: str, note: str = ""
) -> Measurement:
    note = "; ".join(filter(None, (predicted.note, note)))
    return Measurement(way.link, way.sender, way.receiver, what, predicted, measured, samples, note)


Step = Callable[[Instruments, Sequence[Way]], list[Measurement]]

STEPS: dict[str, Step] = {
    "round trip": trips,
    "rate": rates,
    "rate of all": together,
    "loss": losses,
    "tcp goodput": goodputs,
}
"""What is measured, in this order, and how."""
