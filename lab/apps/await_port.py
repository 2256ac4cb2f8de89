"""Waits until a program on this node listens on a port.

    python3 -m lab.apps.await_port --port PORT [--protocol tcp|udp] [--timeout SECONDS]

The kernel tells nobody when a socket begins to listen, so its tables are read every 10 ms: proc_net_tcp.txt in the
kernel's documentation. Exit code: 0 somebody listens, 1 nobody did in that time, 2 the words were wrong.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path

from lab.apps.common import DONE, FAILED, Parser, complain, seconds, whole

LOOK_EVERY_SECONDS = 0.01
LISTENS = {"tcp": "0A", "udp": "07"}
"""The states in which a socket of a protocol takes what comes from anybody: TCP_LISTEN, and TCP_CLOSE for UDP."""


def listening(protocol: str, port: int) -> bool:
    """Whether anybody in this network namespace listens on a port, on any address."""
    for table in (protocol, f"{protocol}6"):
        path = Path("/proc/net", table)
        for line in path.read_text().splitlines()[1:] if path.exists() else ():
            _, local, _, state, *_ = line.split()
            if state == LISTENS[protocol] and int(local.rpartition(":")[2], 16) == port:
                return True
    return False


def main(argv: Sequence[str] | None = None) -> int:
    """Wait; returns the exit code."""
    parser = Parser("Waits until a program on this node listens on a port.")
    parser.add_argument("--port", type=whole(1, 65535), required=True)
    parser.add_argument("--protocol", choices=LISTENS, default="tcp")
    parser.add_argument("--timeout", type=seconds, default=10.0)
    words = parser.parse_args(argv)
    until = time.monotonic() + words.timeout
    while not listening(words.protocol, words.port):
        if time.monotonic() >= until:
            complain(f"nobody listens on {words.protocol} port {words.port}")
            return FAILED
        time.sleep(LOOK_EVERY_SECONDS)
    return DONE


if __name__ == "__main__":
    sys.exit(main())
