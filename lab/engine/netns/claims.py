"""The claim on a lab's name: of those who would make, mend or remove the same lab at once, one does.

All labs share one file under /run/wirelab, and each has one byte of it to lock. The lock is the kernel's, so it goes
with its holder, however that ends, and leaves nothing behind.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lab.engine.base import Say
from lab.errors import BusyError

_PAUSE_SECONDS = 0.05
_LOCK = struct.Struct("hhqqi4x")  # struct flock of fcntl(2)
_patience = threading.Event()  # never set: the kernel tells nobody who waits with a time limit


@contextmanager
def claim(state: Path, name: str, say: Say, patience: float) -> Iterator[None]:
    """Hold the claim on a lab's name.

    Args:
        state: the folder of all labs.
        name: the lab.
        say: is told that it waits.
        patience: seconds to wait for another holder.

    Raises:
        BusyError: another one holds it, and goes on.
    """
    begun = time.monotonic()
    with _opened(state) as handle:
        while not _lock(handle, _place(name)):
            waited = time.monotonic() - begun
            if waited >= patience:
                raise BusyError(
                    "another `up`, `down`, `heal`, `link` or `cut` is at work on it",
                    where=name,
                    remedy=f"wait until it is done, or give another --name; ./inv down --name {name} waits by itself",
                )
            if waited < _PAUSE_SECONDS:
                say("waiting for another `up`, `down`, `heal`, `link` or `cut` to finish")
            _patience.wait(_PAUSE_SECONDS)
        try:
            yield
        finally:
            _set(handle, _place(name), fcntl.F_UNLCK)


def held(state: Path, name: str) -> bool:
    """Whether somebody holds the claim on a lab's name; believed where it cannot be seen. Only looks."""
    try:
        handle = os.open(state / "claims", os.O_RDONLY)
    except FileNotFoundError:
        return False
    except PermissionError:
        return True
    try:
        asked = _LOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, _place(name), 1, 0)
        kind = int(_LOCK.unpack(fcntl.fcntl(handle, fcntl.F_OFD_GETLK, asked))[0])
    finally:
        os.close(handle)
    return kind != fcntl.F_UNLCK


@contextmanager
def alone_with_blocks(state: Path) -> Iterator[None]:
    """Be the only one who takes a block of addresses; for as long as it takes to write it down."""
    with _opened(state) as handle:
        while not _lock(handle, 0):
            _patience.wait(_PAUSE_SECONDS)
        try:
            yield
        finally:
            _set(handle, 0, fcntl.F_UNLCK)


@contextmanager
def _opened(state: Path) -> Iterator[int]:
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(state / "claims", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        yield handle
    finally:
        os.close(handle)


def _place(name: str) -> int:
    """The byte of a lab's name; byte 0 is nobody's."""
    return 1 + int.from_bytes(hashlib.sha256(name.encode()).digest()[:7])


def _lock(handle: int, place: int) -> bool:
    """Lock one byte of a file, if nobody else has it."""
    try:
        _set(handle, place, fcntl.F_WRLCK)
    except (BlockingIOError, PermissionError):  # EAGAIN or EACCES, as the kernel likes
        return False
    return True


def _set(handle: int, place: int, kind: int) -> None:
    """Lock or unlock one byte of a file: F_OFD_SETLK in fcntl(2).

    Such a lock belongs to the open file, not to the process: two threads keep each other out, too. And it lasts until
    every copy of the handle is closed, that of a child which another thread is just starting too, if nobody unlocks it.
    """
    fcntl.fcntl(handle, fcntl.F_OFD_SETLK, _LOCK.pack(kind, os.SEEK_SET, place, 1, 0))
