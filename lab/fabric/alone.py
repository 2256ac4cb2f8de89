"""One agent at a time changes a lab: one that comes meanwhile waits until the other has ended, however it ends."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from .tools import AgentError

PATIENCE_SECONDS = 60.0  # a change takes milliseconds, wiring 250 nodes some seconds
WAITING = 512  # agents that may wait at once


@contextmanager
def alone(prefix: str, patience: float = PATIENCE_SECONDS) -> Iterator[None]:
    """Be the only agent that changes a lab, for as long as the block takes.

    All agents of a lab are in one network namespace, the fabric's, but may be in containers of their own. There, the
    kernel gives an abstract socket name once, and takes it back from whoever has ended (unix(7)). Who waits is
    connected to who has the name, and so hears of the end.

    Args:
        prefix: the lab's, of device names.
        patience: seconds to wait.

    Raises:
        AgentError: another one goes on and on.
    """
    address = f"\0wirelab/{prefix}"
    deadline = time.monotonic() + patience
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as name:
        while not _takes(name, address):
            left = deadline - time.monotonic()
            if left <= 0:
                raise AgentError("another change of it does not end", "fabric", "try again")
            _hear_the_end(address, left)
        name.listen(WAITING)
        yield


def _takes(name: socket.socket, address: str) -> bool:
    try:
        name.bind(address)
    except OSError:
        return False
    return True


def _hear_the_end(address: str, seconds: float) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as ear, suppress(OSError):  # it may have ended just now
        ear.settimeout(seconds)
        ear.connect(address)
        ear.recv(1)
