"""Measures a link by a stream (TCP): how much payload came in, once TCP had found the rate.

python3 -m lab.apps.flow_meter take --port P --skip BYTES     says `ready`, then one JSON line when the stream has ended
python3 -m lab.apps.flow_meter give HOST --port P --bytes B [--bind ADDRESS]
"""

from __future__ import annotations

import argparse
import contextlib
import json
import socket
import sys
import time
from dataclasses import asdict, dataclass

from lab.apps.meter import slope

PIECE = 1 << 16  # bytes, taken or given at once


@dataclass(frozen=True, slots=True)
class Flow:
    """What a receiver saw of a stream.

    Attributes:
        received: bytes in all.
        seconds: from the first that count to the last.
        goodput: bit/s of payload, of those that count; None where there are too few.
    """

    received: int
    seconds: float
    goodput: float | None


def take(port: int, most: float, skip: int, window: int = 0) -> Flow:
    """Await a stream, and take it in until it ends.

    Args:
        port: TCP port.
        most: seconds to wait for the connection, and seconds that the stream may last.
        skip: bytes that do not count: TCP needs a while to find the rate.
        window: bytes that may be on their way at once; 0, or more than the kernel allows: as TCP likes.
    """
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if window and _granted(window):
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
        listener.bind(("", port))
        listener.listen(1)
        listener.settimeout(most)
        print("ready", flush=True)
        total = 0
        points: list[tuple[int, float]] = []
        with contextlib.suppress(TimeoutError, ConnectionError), listener.accept()[0] as stream:
            stream.settimeout(most)
            deadline = time.monotonic() + most
            while data := stream.recv(PIECE):
                total += len(data)
                if total >= skip:
                    points.append((time.monotonic_ns(), float(total)))
                stream.settimeout(max(deadline - time.monotonic(), 1e-3))
    return Flow(total, (points[-1][0] - points[0][0]) / 1e9 if points else 0.0, slope(points))


def _granted(window: int) -> bool:
    """Whether a socket may have so large a buffer (net.core.rmem_max); asked of one that is not used any further."""
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
        return trial.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) >= 2 * window  # socket(7): it is doubled


def give(host: str, port: int, count: int, patience: float, bind: str = "") -> None:
    """Send a stream of `count` bytes, and see it taken in.

    Raises:
        OSError: nobody takes it, or not within `patience` seconds.
    """
    with socket.create_connection((host, port), patience, (bind, 0)) as stream:
        left = count
        while left:
            left -= stream.send(bytes(min(left, PIECE)))
        stream.shutdown(socket.SHUT_WR)
        stream.recv(1)  # the other end has closed, and so has had all


def main() -> int:
    """Read the words, then take or give."""
    parser = argparse.ArgumentParser(prog="flow_meter", description="measure a link by a stream")
    modes = parser.add_subparsers(dest="mode", required=True)
    taker = modes.add_parser("take", help="take a stream in")
    taker.add_argument("--skip", type=int, default=0, help="bytes that do not count")
    taker.add_argument("--window", type=int, default=0, help="bytes on their way at once; 0: as TCP likes")
    giver = modes.add_parser("give", help="send a stream")
    giver.add_argument("host")
    giver.add_argument("--bytes", type=int, default=1_000_000, help="how much")
    giver.add_argument("--bind", default="", help="our address to send from")
    taker.add_argument("--most", type=float, default=30.0, help="seconds that it may last")
    giver.add_argument("--patience", type=float, default=30.0, help="seconds to wait for the other side")
    for mode in (taker, giver):
        mode.add_argument("--port", type=int, default=11269)
    words = parser.parse_args()
    if words.mode == "take":
        print(json.dumps(asdict(take(words.port, words.most, words.skip, words.window))), flush=True)
        return 0
    try:
        give(words.host, words.port, words.bytes, words.patience, words.bind)
    except OSError as error:
        print(f"the stream broke: {error.strerror or error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
