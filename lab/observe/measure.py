"""Measures one direction of a link between its own two ends, by programs on the nodes. Judges nothing.

The far end is called by its address on that very link, and the near end is bound to its own: on a clockwise ring
the answers would otherwise circle through all the other links.
"""

from __future__ import annotations

import re
import statistics
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from lab.apps.meter import least_idle
from lab.errors import CheckError
from lab.model import predict
from lab.model.media import ETHERNET_HEADER
from lab.observe.programs import GRACE_SECONDS, Program, Programs, Way

UDP_OVERHEAD = predict.UDP_HEADERS + ETHERNET_HEADER
ECHO_PAYLOAD = 16  # bytes: ping(8) puts its own time in, and can then tell how long it took
METER = ("python3", "-m", "lab.apps.meter")
NOT_FOUND = 127  # lab.apps.supervise, as sh(1)
FLOW = ("python3", "-m", "lab.apps.flow_meter")


@dataclass(frozen=True, slots=True)
class Train:
    """A train of datagrams: payload bytes of each, how many, at what rate (bit/s of frames; 0: all at once).

    Attributes:
        skip: how many of the first do not count for the rate.
    """

    size: int
    count: int
    rate: float
    skip: int = 2
    arrivals: bool = False

    @property
    def frame(self) -> int:
        """Bytes of each frame."""
        return self.size + UDP_OVERHEAD


class Instruments(Programs):
    """Ping, trains, streams and iperf3, each between the two ends of a link."""

    def echoes(self, way: Way, count: int, interval: float) -> list[float]:
        """The round trip times (seconds) of the echoes that came back, by ping(8)."""
        patience = 2 * predict.echo((way.settings,), (way.back,), ECHO_PAYLOAD) + 2
        argv = ["ping", "-n", "-c", str(count), "-i", f"{interval:.3f}", "-W", f"{patience:.2f}"]
        argv += ["-s", str(ECHO_PAYLOAD), "-I", way.source, way.target]
        program = self.start(way, way.sender, argv, count * interval + patience)
        try:
            code, text, complaint = program.ended()
        finally:
            self.finish(program)
        if code == NOT_FOUND:
            raise CheckError(f"no ping on {way.sender}: {complaint[-300:]}", where=str(way), remedy="./inv doctor")
        return [float(found) / 1e3 for found in re.findall(r"time=([0-9.]+) ms$", text, re.MULTILINE)]  # not `(DUP!)`

    def trains(self, *pairs: tuple[Way, Train]) -> list[dict[str, Any]]:
        """Send each train along its way, all at once: what each receiver saw.

        With it, the rate `offered` it, in bit/s, and the share of the busiest processor's time that was `idle`.
        """
        with ExitStack() as stack:

            def start(way: Way, node: str, limit: float, *words: object) -> Program:
                program = self.start(way, node, [*METER, *map(str, words)], limit)
                stack.callback(self.finish, program)
                return program

            limits = [_limit(*pair) for pair in pairs]
            ports = [self.port() for _ in pairs]
            receivers = []
            for (way, train), port, limit in zip(pairs, ports, limits, strict=True):
                words = ["--idle", _silence(way), "--patience", limit, "--skip", train.skip]
                words += ["--count", train.count] * (not way.settings.reorder)
                words += ["--arrivals"] * train.arrivals
                receivers.append(start(way, way.receiver, 2 * limit, "receive", "--port", port, *words))
            for receiver in receivers:
                receiver.ready("ready")
            senders = []
            for (way, train), port, limit in zip(pairs, ports, limits, strict=True):
                words = [way.target, "--bind", way.source, "--port", port]
                words += ["--size", train.size, "--count", train.count, "--rate", train.rate]
                senders.append(start(way, way.sender, limit, "send", *words))
            gone = [sender.document() for sender in senders]
            seen = [receiver.document() for receiver in receivers]
        bits = [train.count * train.frame * 8 for _, train in pairs]
        return [
            saw | {"offered": b / max(went["seconds"], 1e-6), "idle": went["idle"]}
            for saw, went, b in zip(seen, gone, bits, strict=True)
        ]

    def stream(self, way: Way, total: int, skip: int, window: int, seconds: float) -> dict[str, Any]:
        """Send a TCP stream of `total` bytes, of which the first `skip` do not count, for `seconds` at the most."""
        port = self.port()
        argv = [*FLOW, "take", "--port", port, "--skip", str(skip), "--window", str(window), "--most", f"{seconds:.1f}"]
        taker = self.start(way, way.receiver, argv, seconds)
        giver = None
        try:
            taker.ready("ready")
            argv = [*FLOW, "give", way.target, "--bind", way.source, "--port", port, "--bytes", str(total)]
            giver = self.start(way, way.sender, [*argv, "--patience", f"{seconds:.1f}"], seconds)
            return taker.document()
        finally:
            for program in filter(None, (giver, taker)):
                self.finish(program)

    def iperf(self, way: Way, seconds: int, omit: int) -> dict[str, Any]:
        """Send as much as TCP can by iperf3(1), without its first `omit` seconds.

        Returns:
            `goodput` in bit/s, and the share of its time that the busiest processor was `idle` meanwhile.
        """
        port = self.port()
        server = self.start(
            way, way.receiver, ["iperf3", "-s", "-1", "--forceflush", "-B", way.target, "-p", port], seconds + omit
        )
        client = None
        try:
            server.ready("listening")
            argv = ["iperf3", "-c", way.target, "-B", way.source, "-p", port, "-J", "-t", str(seconds), "-O", str(omit)]
            before = self._processors(way)
            client = self.start(way, way.sender, argv, seconds + omit)
            end = client.document()["end"]
            idle = least_idle(before, self._processors(way))
        finally:
            for program in filter(None, (client, server)):
                self.finish(program)
        return {"goodput": end["sum_received"]["bits_per_second"], "idle": idle}

    def _processors(self, way: Way) -> str:
        program = self.start(way, way.sender, ["cat", "/proc/stat"], 0)
        try:
            return program.ended()[1]
        finally:
            self.finish(program)


def middle(values: Sequence[float], *, scattered: bool) -> float | None:
    """The median, which late ones do not move; the mean where chance scatters them; None where there are none."""
    if not values:
        return None
    return statistics.fmean(values) if scattered else statistics.median(values)


def _silence(way: Way) -> float:
    """How many seconds without a datagram mean that no more will come: a queue's last, a late one, a busy machine."""
    return 0.75 + 4 * way.settings.frame_time + way.settings.delay + 8 * way.settings.jitter


def _limit(way: Way, train: Train) -> float:
    """Seconds in which a train has passed, if the link is anything like what it should be."""
    slowest = min(way.settings.rate, train.rate or way.settings.rate)
    return 3 * train.count * train.frame * 8 / slowest + _silence(way) + GRACE_SECONDS / 2
