"""Entering network namespaces: a thread's own, for as long as a `with` lasts."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CLONE_NEWNET = 0x40000000  # sched.h
MS_REMOUNT, MS_BIND = 32, 4096  # sys/mount.h
_libc = ctypes.CDLL(None, use_errno=True)

OWN = "/proc/thread-self/ns/net"


@contextmanager
def inside(namespace: str) -> Iterator[None]:
    """Be in a network namespace, and back where one was afterwards.

    Only the calling thread moves; what it starts inside (processes, sockets) stays there.

    Args:
        namespace: a path such as `/proc/123/ns/net`.

    Raises:
        OSError: the namespace is gone, or may not be entered.
    """
    home = os.open(OWN, os.O_RDONLY | os.O_CLOEXEC)
    try:
        target = os.open(namespace, os.O_RDONLY | os.O_CLOEXEC)
        try:
            _setns(target)
        finally:
            os.close(target)
        try:
            yield
        finally:
            _setns(home)
    finally:
        os.close(home)


@contextmanager
def throw_away() -> Iterator[None]:
    """Be in a new, empty network namespace that goes away afterwards."""
    home = os.open(OWN, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if _libc.unshare(CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "unshare(CLONE_NEWNET)")
        try:
            yield
        finally:
            _setns(home)
    finally:
        os.close(home)


def _setns(descriptor: int) -> None:
    # os.setns came with Python 3.12; the oldest that is supported is 3.11.
    if _libc.setns(descriptor, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


def make_sysctls_writable() -> None:
    """Mount /proc/sys writable in the caller's own mount namespace: container engines mount it read-only.

    Raises:
        OSError: the caller may not mount.
    """
    if os.statvfs("/proc/sys").f_flag & os.ST_RDONLY and _libc.mount(
        None, b"/proc/sys", None, MS_REMOUNT | MS_BIND, None
    ):
        raise OSError(ctypes.get_errno(), "mount -o remount,rw /proc/sys")


def of_nodes(lab: str) -> dict[str, list[str]]:
    """The namespaces of what may be a lab's nodes, found by what their processes carry in the environment.

    For callers that have no engine to ask: a lab brought up from a compose file. Only the first process of a container
    counts: what any other carries, a program on some node may have chosen. The first one's can be forged, too, with
    some trouble: where several say that they are one node, the caller has to look which of them is.
    """
    found: dict[str, list[str]] = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "environ").read_bytes().split(b"\0")
            numbers = numbers_of(process)
        except OSError:
            continue  # it ended, or it is not ours to see
        variables = dict(word.split(b"=", 1) for word in words if b"=" in word)
        mine = variables.get(b"WIRELAB_LAB") == lab.encode() and numbers[1:] == [1]
        if mine and (node := variables.get(b"WIRELAB_NODE")):
            found.setdefault(node.decode(errors="replace"), []).append(f"{process}/ns/net")
    return found


def numbers_of(process: Path) -> list[int]:
    """A process's numbers: here, then in each PID namespace that it is further in: NSpid in proc_pid_status(5).

    Args:
        process: its folder in /proc.

    Raises:
        OSError: it ended.
    """
    lines = (process / "status").read_text().splitlines()
    return [int(word) for line in lines if line.startswith("NSpid:") for word in line.split()[1:]]
