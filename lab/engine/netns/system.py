"""The system calls about namespaces and mounts that Python lacks: unshare(2), mount(2), pivot_root(2) and others.

Standard library only.
"""

from __future__ import annotations

import ctypes
import os
import signal
from pathlib import Path

# sched.h and sys/mount.h
CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC = 0x00020000, 0x04000000, 0x08000000
CLONE_NEWPID, CLONE_NEWNET = 0x20000000, 0x40000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT = 1, 2, 4, 8, 32
MS_BIND, MS_MOVE, MS_REC, MS_PRIVATE = 4096, 8192, 16384, 1 << 18
MNT_DETACH = 2
PR_CAPBSET_DROP, CAP_BLOCK_SUSPEND = 24, 36  # linux/prctl.h, linux/capability.h

_KEPT = {"nosuid": MS_NOSUID, "nodev": MS_NODEV, "noexec": MS_NOEXEC}
_libc = ctypes.CDLL(None, use_errno=True)


def unshare(flags: int) -> None:
    """Leave namespaces for new ones of one's own."""
    _check(_libc.unshare(flags), "unshare")


def set_hostname(name: str) -> None:
    """Set the host name of the caller's UTS namespace: sethostname(2)."""
    _check(_libc.sethostname(name.encode(), len(name)), "sethostname")


def mount(source: str, target: str, kind: str = "none", flags: int = 0, options: str = "") -> None:
    """Mount something."""
    words = (source.encode(), target.encode(), kind.encode())
    _check(_libc.mount(*words, ctypes.c_ulong(flags), options.encode() or None), f"mount {target}")


def bind(source: str, target: str) -> None:
    """Show a file or a folder, with all that is mounted below it, in a second place."""
    mount(source, target, flags=MS_BIND | MS_REC)


def make_read_only(target: str) -> None:
    """Make a mount, and all that is mounted below it, read-only for those who see it here."""
    for point, options in _mounts():
        if point == target or point.startswith(f"{target}/"):
            # What the mount forbids already must be said again, or the remount allows it: mount(2).
            kept = sum(flag for word, flag in _KEPT.items() if word in options)
            mount("none", point, flags=MS_REMOUNT | MS_BIND | MS_RDONLY | kept)


def _mounts() -> list[tuple[str, list[str]]]:
    """Mount points and options of the caller's mount namespace: proc_pid_mountinfo(5), fields 5 and 6."""
    rows = (line.split() for line in Path("/proc/self/mountinfo").read_text().splitlines())
    return [(row[4].encode().decode("unicode_escape"), row[5].split(",")) for row in rows]


def pivot_into(folder: str) -> None:
    """Make a mount the root of the caller's mount namespace, and let go of all that was outside: pivot_root(2)."""
    os.chdir(folder)
    if _libc.pivot_root(b".", b".") == 0:
        let_go(".")
    else:  # a machine that runs from its initramfs cannot leave it, only cover it
        mount(".", "/", flags=MS_MOVE)
        os.chroot(".")
    os.chdir("/")


def let_go(target: str) -> None:
    """Unmount, at once for those who look now: umount2(2)."""
    _check(_libc.umount2(target.encode(), MNT_DETACH), f"umount {target}")


def leave_no_zombies() -> None:
    """Have the kernel forget children as they end; a program that is executed inherits that: wait(2), NOTES."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)


def drop_capabilities() -> None:
    """Leave what the caller becomes one capability only, which is of no use: capabilities(7).

    Programs on nodes lack that one, so none of them may trace such a process: ptrace(2), access mode checking.
    """
    for number in range(64):
        if number != CAP_BLOCK_SUSPEND:
            _libc.prctl(PR_CAPBSET_DROP, number, 0, 0, 0)  # fails from the kernel's last one on


def _check(result: int, what: str) -> None:
    if result:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
