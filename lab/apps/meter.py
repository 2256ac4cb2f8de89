"""Measures a link by a train of datagrams: what arrived, and when, by the kernel's own stamps.

    python3 -m lab.apps.meter receive --port P --idle 2      says `ready`, then one JSON line when the train has passed
    python3 -m lab.apps.meter send HOST --port P --size S --count N [--rate R]

A receiver's process may be late; the stamp that the kernel gives a packet as it comes in is not. So the rate
is what the frames after the first few hold, over the time from the last of these to the last of all. (A token
bucket that had time to fill lets its first burst pass at once: those frames say nothing of the rate.)
"""

from __future__ import annotations

import argparse
import json
import socket
import struct
import sys
import time
from dataclasses import asdict, dataclass

SO_TIMESTAMPNS = 35  # asm-generic/socket.h; Python's socket module lacks it
HEADERS = 14 + 20 + 8  # bytes: Ethernet, IPv4, UDP
SEQUENCE = struct.Struct("!Q")
PACE = 0.002  # seconds between two bursts of a paced train
ROOM = 8 << 20  # bytes of socket buffer, so that a late process loses nothing


@dataclass(frozen=True, slots=True)
class Passage:
    """What a receiver saw of a train.

    Attributes:
        received: datagrams, without those that came twice.
        twice: datagrams that came again.
        late: datagrams that came after a later one.
        frame_bytes: of all that came, Ethernet headers counted.
        first, last: stamps of the first and the last one, in seconds.
        rate: bit/s, counted over frames; None where there are too few.
        lowest, highest: sequence numbers.
    """

    received: int
    twice: int
    late: int
    frame_bytes: int
    first: float
    last: float
    rate: float | None
    lowest: int | None
    highest: int | None


def receive(port: int, idle: float, patience: float, skip: int) -> Passage:
    """Await a train, and see it pass.

    Args:
        port: UDP port.
        idle: seconds of silence after which the train has passed.
        patience: seconds to wait for the first datagram.
        skip: how many of the first do not count for the rate.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, ROOM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        listener.bind(("", port))
        print("ready", flush=True)
        listener.settimeout(patience)
        seen: list[tuple[int, int, int]] = []
        while True:
            try:
                data, ancillary, _, _ = listener.recvmsg(65_535, 64)
            except TimeoutError:
                return summarise(seen, skip)
            listener.settimeout(idle)
            seen.append((SEQUENCE.unpack_from(data)[0], len(data) + HEADERS, _stamp(ancillary)))


def _stamp(ancillary: list[tuple[int, int, bytes]]) -> int:
    """The kernel's stamp, in ns."""
    for level, kind, value in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, SO_TIMESTAMPNS):
            seconds, nanoseconds = struct.unpack("qq", value)
            return int(seconds * 1_000_000_000 + nanoseconds)
    return time.time_ns()


def summarise(seen: list[tuple[int, int, int]], skip: int = 1) -> Passage:
    """Make a passage of what was seen: sequence number, frame bytes and stamp (ns) of each datagram."""
    if not seen:
        return Passage(0, 0, 0, 0, 0.0, 0.0, None, None, None)
    numbers: set[int] = set()
    late, highest = 0, -1
    for number, _, _ in seen:
        late += number < highest and number not in numbers
        highest = max(highest, number)
        numbers.add(number)
    counted = seen[max(skip, 1) - 1 :]
    span = counted[-1][2] - counted[0][2] if counted else 0
    after_first = sum(size for _, size, _ in counted[1:])
    return Passage(
        received=len(numbers),
        twice=len(seen) - len(numbers),
        late=late,
        frame_bytes=sum(size for _, size, _ in seen),
        first=seen[0][2] / 1e9,
        last=seen[-1][2] / 1e9,
        rate=after_first * 8 * 1e9 / span if span else None,
        lowest=min(numbers),
        highest=highest,
    )


def send(host: str, port: int, size: int, count: int, rate: float) -> int:
    """Send a train of datagrams, numbered from 0.

    Args:
        host: where to.
        port: UDP port.
        size: bytes of a datagram's payload, 8 at least.
        count: how many.
        rate: bit/s of frames; 0 for all at once.

    Returns:
        How many were sent.
    """
    padding = b"\0" * (size - SEQUENCE.size)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        out.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, ROOM)
        out.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        out.connect((host, port))
        begun = time.monotonic()
        gap = (size + HEADERS) * 8 / rate if rate else 0.0
        for number in range(count):
            ahead = begun + number * gap - time.monotonic()
            if ahead > PACE:
                time.sleep(ahead)  # this is the pace itself
            out.send(SEQUENCE.pack(number) + padding)
    return count


def main() -> int:
    """Read the words, then send or receive."""
    parser = argparse.ArgumentParser(prog="meter", description="measure a link by a train of datagrams")
    modes = parser.add_subparsers(dest="mode", required=True)
    receiver = modes.add_parser("receive", help="see a train pass")
    receiver.add_argument("--idle", type=float, default=2.0, help="seconds of silence that end it")
    receiver.add_argument("--skip", type=int, default=2, help="how many of the first do not count for the rate")
    receiver.add_argument("--patience", type=float, default=30.0, help="seconds to wait for the first datagram")
    sender = modes.add_parser("send", help="send a train")
    sender.add_argument("host")
    sender.add_argument("--size", type=int, default=1472, help="bytes of payload")
    sender.add_argument("--count", type=int, default=100)
    sender.add_argument("--rate", type=float, default=0.0, help="bit/s of frames; 0: all at once")
    for mode in (receiver, sender):
        mode.add_argument("--port", type=int, default=11268)
    words = parser.parse_args()
    if words.mode == "receive":
        print(json.dumps(asdict(receive(words.port, words.idle, words.patience, words.skip))), flush=True)
    else:
        print(json.dumps({"sent": send(words.host, words.port, words.size, words.count, words.rate)}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
