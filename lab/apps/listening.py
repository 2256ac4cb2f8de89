"""Waits until a program on this machine is there to be called.

    python3 -m lab.apps.listening [--port N [--protocol tcp|udp]] [--timeout SECONDS]

Says `looking` once it has seen who listens already. Then it waits for the first socket that is new, says what it is
(`tcp 11267`, `udp 11267`, `unix /tmp/socket`) and ends. With `--port` it waits for a socket at that port, new or
not, of either protocol or the one that is named. Exit code 1 where the time is up before. A socket counts when a
call can reach it: a TCP or UNIX one that listens, a UDP one that is bound and has no peer.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from lab.apps.common import AppError, Parser, perform, say, seconds, whole

# States and flags as the kernel writes them (proc(5); include/net/tcp_states.h, include/uapi/linux/net.h)
_STATES = {"tcp": "0A", "tcp6": "0A", "udp": "07", "udp6": "07"}
_ACCEPTS = "00010000"
_PROTOCOLS = ("tcp", "udp")
# The kernel tells nobody that a socket began to listen, so its tables are read again and again.
_LOOK_EVERY_SECONDS = 0.02

Socket = tuple[str, str]
"""Its inode, and what it is: `tcp 11267`."""


def there(proc: Path) -> Iterator[Socket]:
    """Every socket of this network namespace that can be called."""
    for kind, state in _STATES.items():
        for row in _rows(proc / kind):
            if row[3] == state and row[9] != "0":
                yield row[9], f"{kind[:3]} {int(row[1].rpartition(':')[2], 16)}"
    for row in _rows(proc / "unix"):
        if row[3] == _ACCEPTS:
            yield row[6], f"unix {row[7] if len(row) > 7 else '(no name)'}"  # noqa: PLR2004 - the eighth is the path


def _rows(table: Path) -> list[list[str]]:
    try:
        return [line.split() for line in table.read_text(errors="replace").splitlines()[1:]]
    except FileNotFoundError:  # a kernel without IPv6
        return []


def wait(port: int | None, timeout: float, proc: Path = Path("/proc/net"), protocol: str | None = None) -> str:
    """Wait for a socket; returns what it is.

    Args:
        port: the one to wait for; None: any that is new.
        timeout: seconds.
        protocol: `tcp` or `udp`; None: either.
        proc: where the kernel's tables are.

    Raises:
        AppError: none came within `timeout` seconds.
    """
    known = set() if port else set(there(proc))
    wanted = {f"{kind} {port}" for kind in _PROTOCOLS if protocol in (None, kind)}
    say("looking")
    deadline = time.monotonic() + timeout
    pause = threading.Event()
    while True:
        for found in there(proc):
            if found not in known and (port is None or found[1] in wanted):
                return found[1]
        if time.monotonic() >= deadline:
            where = f" at {protocol or 'port'} {port}" if port else ""
            raise AppError(f"saw nobody listen{where} within {timeout:g} s")
        pause.wait(_LOOK_EVERY_SECONDS)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program; returns the exit code."""
    parser = Parser("Waits until a program on this machine is there to be called.")
    parser.add_argument("--port", type=whole(1, 65535), help="wait for this port, instead of any that is new")
    parser.add_argument("--protocol", choices=_PROTOCOLS, help="wait for this one's port (default: either)")
    parser.add_argument("--timeout", type=seconds, default=10.0, metavar="SECONDS", help="how long (default: 10)")
    words = parser.parse_args(argv)
    if words.protocol and not words.port:
        parser.error("--protocol belongs to --port")
    return perform("listening", lambda: say(wait(words.port, words.timeout, protocol=words.protocol)))


if __name__ == "__main__":
    sys.exit(main())
