"""Measures a link by a train of datagrams: what arrived, and when, by the kernel's own stamps.

    python3 -m lab.apps.meter receive --port P --idle 2      says `ready`, then one JSON line when the train has passed
    python3 -m lab.apps.meter send HOST --port P --size S --count N [--rate R] [--bind ADDRESS]

A receiver's process may be late; the stamp that the kernel gives a packet as it comes in is not. So the rate
is what the frames after the first few hold, over the time from the last of these to the last of all. (A token
bucket that had time to fill lets its first burst pass at once: those frames say nothing of the rate.) A long
train is cut into stretches, of whose rates the middle one counts: a pause in one of them spoils only that.

A node may be too busy to empty its socket. What a full socket refuses has come over the link all the same, so it
counts. But a socket's own count of what it refused (`SO_RXQ_OVFL`) has datagrams with a wrong checksum in it too, and
those count for nothing; the node's counters tell both kinds apart.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import re
import socket
import statistics
import struct
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

SO_TIMESTAMPNS = 35  # asm-generic/socket.h; Python's socket module lacks it
SO_RXQ_OVFL = 40  # the same
ANCILLARY = 128  # bytes, for what both tell
HEADERS = 14 + 20 + 8  # bytes: Ethernet, IPv4, UDP
SEQUENCE = struct.Struct("!Q")
PACE = 0.002  # seconds between two bursts of a paced train
ROOM = 8 << 20  # bytes of socket buffer, so that a late process loses nothing
STRETCHES = 5
SHORTEST_STRETCH = 20  # frames

Seen = tuple[int, int, int, int]
"""A datagram: sequence number, frame bytes, stamp (ns), and how many the socket had dropped before it."""


@dataclass(frozen=True, slots=True)
class Passage:
    """What a receiver saw of a train.

    Attributes:
        received: datagrams, without those that came twice.
        twice: datagrams that came again.
        late: datagrams that came after a later one.
        refused: datagrams that reached the node, but found the socket full; the link did its part.
        frame_bytes: of all that came, Ethernet headers counted.
        first, last: stamps of the first and the last one, in seconds.
        rate: bit/s, counted over frames; None where there are too few.
        lowest, highest: sequence numbers.
        arrivals: the stamps of all, in seconds after the first; where asked for. What a full socket refused has the
            stamp of the one after it.
    """

    received: int
    twice: int
    late: int
    refused: int
    frame_bytes: int
    first: float
    last: float
    rate: float | None
    lowest: int | None
    highest: int | None
    arrivals: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Sent:
    """How the sending of a train went.

    Attributes:
        sent: datagrams.
        seconds: from the first to the last.
        idle: share of its time that the busiest processor of the machine was idle meanwhile.
    """

    sent: int
    seconds: float
    idle: float


def receive(port: int, idle: float, patience: float, skip: int, count: int = 0, *, arrivals: bool = False) -> Passage:
    """Await a train, and see it pass.

    Args:
        port: UDP port.
        idle: seconds of silence after which the train has passed.
        patience: seconds to wait for the first datagram.
        skip: how many of the first do not count for the rate.
        count: how many are sent, so that the last one ends the waiting; 0: nobody knows.
        arrivals: whether to tell each one's stamp.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        for option in (SO_TIMESTAMPNS, SO_RXQ_OVFL, socket.SO_BROADCAST):
            listener.setsockopt(socket.SOL_SOCKET, option, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, ROOM)
        listener.bind(("", port))
        before = overflows()
        print("ready", flush=True)
        listener.settimeout(patience)
        seen: list[Seen] = []
        with contextlib.suppress(TimeoutError):
            while not seen or seen[-1][0] + 1 != count:
                data, ancillary, _, _ = listener.recvmsg(65_535, ANCILLARY)
                listener.settimeout(idle)
                if len(data) >= SEQUENCE.size:  # others may knock here too
                    stamp, dropped = stamps(ancillary)
                    seen.append((SEQUENCE.unpack_from(data)[0], len(data) + HEADERS, stamp or time.time_ns(), dropped))
    return summarise(without_damaged(seen, overflows() - before), skip, arrivals=arrivals)


def overflows() -> int:
    """How many datagrams have found a socket of this node full, or more memory wanting: proc_net(5), snmp."""
    names, values = (
        line.split() for line in Path("/proc/net/snmp").read_text("ascii").splitlines() if line.startswith("Udp: ")
    )
    counters = dict(zip(names, values, strict=True))
    return int(counters["RcvbufErrors"]) + int(counters.get("MemErrors", 0))


def without_damaged(seen: Sequence[Seen], overflowed: int) -> list[Seen]:
    """Take out of what the socket dropped what it did not drop because it was full.

    Args:
        seen: with the socket's own counts.
        overflowed: how many found a socket of the node full meanwhile, this one or another.
    """
    dropped = seen[-1][3] if seen else 0
    kept = min(dropped, overflowed)
    if kept == dropped:
        return list(seen)
    return [(number, size, stamp, so_far * kept // dropped) for number, size, stamp, so_far in seen]


def stamps(ancillary: list[tuple[int, int, bytes]]) -> tuple[int, int]:
    """The kernel's stamp, in ns of CLOCK_REALTIME, 0 where there is none; and how many datagrams the socket dropped."""
    stamp, refused = 0, 0
    for level, kind, value in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, SO_TIMESTAMPNS):
            seconds, nanoseconds = struct.unpack("qq", value)
            stamp = seconds * 1_000_000_000 + nanoseconds
        elif (level, kind) == (socket.SOL_SOCKET, SO_RXQ_OVFL):
            (refused,) = struct.unpack("I", value)
    return stamp, refused


def summarise(seen: Sequence[Seen], skip: int = 1, *, arrivals: bool = False) -> Passage:
    """Make a passage of what was seen."""
    if not seen:
        return Passage(0, 0, 0, 0, 0, 0.0, 0.0, None, None, None)
    numbers: set[int] = set()
    late, highest = 0, -1
    for number, *_ in seen:
        late += number < highest and number not in numbers
        highest = max(highest, number)
        numbers.add(number)
    total, points = 0, []
    for _, size, stamp, refused in seen:
        total += size
        points.append((stamp, float(total + refused * size)))
    begun = seen[0][2]
    return Passage(
        received=len(numbers),
        twice=len(seen) - len(numbers),
        late=late,
        refused=seen[-1][3],
        frame_bytes=total,
        first=begun / 1e9,
        last=seen[-1][2] / 1e9,
        rate=slope(points[max(skip, 1) - 1 :]),
        lowest=min(numbers),
        highest=highest,
        arrivals=tuple(_arrivals(seen)) if arrivals else (),
    )


def _arrivals(seen: Sequence[Seen]) -> Iterator[float]:
    before = 0
    for _, _, stamp, refused in seen:
        yield from itertools.repeat(round((stamp - seen[0][2]) / 1e9, 7), 1 + refused - before)
        before = refused


def slope(points: Sequence[tuple[int, float]]) -> float | None:
    """The rate in bit/s at which something comes in: the middle one of the rates of equal stretches.

    Args:
        points: stamp (ns) and bytes so far, of each arrival.

    Returns:
        The rate, or None where there are not two moments.
    """
    stretches = max(1, min(STRETCHES, (len(points) - 1) // SHORTEST_STRETCH))
    marks = [points[(len(points) - 1) * number // stretches] for number in range(stretches + 1)] if points else []
    rates = [
        (after[1] - before[1]) * 8e9 / (after[0] - before[0])
        for before, after in itertools.pairwise(marks)
        if after[0] > before[0]
    ]
    return statistics.median(rates) if rates else None


def send(host: str, port: int, *, size: int, count: int, rate: float, bind: str = "") -> Sent:
    """Send a train of datagrams, numbered from 0.

    Args:
        host: where to.
        port: UDP port.
        size: bytes of a datagram's payload, 8 at least.
        count: how many.
        rate: bit/s of frames; 0 for all at once.
        bind: our own address to send from; empty: whichever the route says.

    Returns:
        How it went.
    """
    padding = b"\0" * (size - SEQUENCE.size)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        out.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, ROOM)
        out.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        out.bind((bind, 0))
        out.connect((host, port))
        before, begun = processors(), time.monotonic()
        gap = (size + HEADERS) * 8 / rate if rate else 0.0
        for number in range(count):
            ahead = begun + number * gap - time.monotonic()
            if ahead > PACE:
                time.sleep(ahead)  # this is the pace itself
            out.send(SEQUENCE.pack(number) + padding)
        seconds = time.monotonic() - begun
    return Sent(count, seconds, least_idle(before, processors()))


def processors() -> str:
    """What all processors of the machine have done so far: proc(5), /proc/stat."""
    return Path("/proc/stat").read_text("ascii")


def least_idle(before: str, after: str) -> float:
    """The share of its time that the busiest processor was idle, from two readings of /proc/stat.

    The busiest one, for what carries a link's frames can have only one at a time.
    """
    shares = [1.0]
    for then, now in zip(_times(before), _times(after), strict=True):
        spent = [late - early for early, late in zip(then, now, strict=True)]
        shares.append((spent[3] + spent[4]) / sum(spent) if sum(spent) else 1.0)
    return min(shares)


def _times(text: str) -> list[list[int]]:
    """Of each processor: user, nice, system, idle, iowait, irq, softirq, steal."""
    rows = (line.split() for line in text.splitlines())
    return [[int(word) for word in row[1:9]] for row in rows if re.fullmatch("cpu[0-9]+", row[0])]


def main() -> int:
    """Read the words, then send or receive."""
    parser = argparse.ArgumentParser(prog="meter", description="measure a link by a train of datagrams")
    modes = parser.add_subparsers(dest="mode", required=True)
    receiver = modes.add_parser("receive", help="see a train pass")
    receiver.add_argument("--idle", type=float, default=2.0, help="seconds of silence that end it")
    receiver.add_argument("--skip", type=int, default=2, help="how many of the first do not count for the rate")
    receiver.add_argument("--patience", type=float, default=30.0, help="seconds to wait for the first datagram")
    receiver.add_argument("--count", type=int, default=0, help="how many are sent; 0: unknown")
    receiver.add_argument("--arrivals", action="store_true", help="tell when each one came")
    sender = modes.add_parser("send", help="send a train")
    sender.add_argument("host")
    sender.add_argument("--size", type=int, default=1472, help="bytes of payload")
    sender.add_argument("--count", type=int, default=100)
    sender.add_argument("--rate", type=float, default=0.0, help="bit/s of frames; 0: all at once")
    sender.add_argument("--bind", default="", help="our address to send from")
    for mode in (receiver, sender):
        mode.add_argument("--port", type=int, default=11268)
    words = parser.parse_args()
    if words.mode == "receive":
        seen = receive(words.port, words.idle, words.patience, words.skip, words.count, arrivals=words.arrivals)
        print(json.dumps(asdict(seen)), flush=True)
    else:
        sent = send(words.host, words.port, size=words.size, count=words.count, rate=words.rate, bind=words.bind)
        print(json.dumps(asdict(sent)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
