"""Becomes another program that can do less: inside control groups, and without system calls that no node needs.

    python3 -I -S confine.py CGROUP ... -- COMMAND ...

It runs on the way into a node, before nsenter(1), while it may still do both. The filter refuses what Docker's
refuses of what root without capabilities could do: new namespaces (in a user namespace of its own a program would be
root, and meet parts of the kernel that it has no business with), keyrings, which are not kept apart, vsock(7), which
leads to the machine below, and what loads code into the kernel. Standard library only, and fast to start.

seccomp(2); numbers of system calls: arch/x86/entry/syscalls/syscall_64.tbl, include/uapi/asm-generic/unistd.h
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
import sys
from collections.abc import Iterator
from itertools import chain

PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 22, 2
ALLOW, REFUSE = 0x7FFF0000, 0x00050000
LOAD, EQUAL, AT_LEAST, ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
NUMBER_AT, ARCHITECTURE_AT, FIRST_ARGUMENT_AT = 0, 4, 16  # struct seccomp_data, little-endian
X32 = 0x40000000  # the bit of the system calls of another, 32-bit kind
NEW_NAMESPACES = 0x7E020000  # every CLONE_NEW… flag
AF_VSOCK = 40
CLONE3 = 435

# unshare, keyctl, add_key, request_key, bpf, perf_event_open, userfaultfd, open_by_handle_at, kexec_load,
# kexec_file_load, init_module, finit_module, delete_module, swapon, swapoff, reboot, syslog, acct
_OLD = {
    "x86_64": (272, 250, 248, 249, 321, 298, 323, 304, 246, 320, 175, 313, 176, 167, 168, 169, 103, 163),
    "aarch64": (97, 219, 217, 218, 280, 241, 282, 265, 104, 294, 105, 273, 106, 224, 225, 142, 116, 89),
}
# io_uring_setup, _enter, _register, open_tree, move_mount, fsopen, fsconfig, fsmount, fspick, mount_setattr
_NEW = (425, 426, 427, 428, 429, 430, 431, 432, 433, 442)
_CLONE = {"x86_64": 56, "aarch64": 220}
_SOCKET = {"x86_64": 41, "aarch64": 198}
_ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}  # linux/audit.h

Step = tuple[int, int, int, int]  # struct sock_filter: code, steps to pass over if so, if not so, operand


def program(machine: str) -> list[Step]:
    """The filter for a kind of machine; empty where it is not known.

    Args:
        machine: as `uname -m` says it.
    """
    if machine not in _ARCHITECTURES:
        return []
    return [
        (LOAD, 0, 0, ARCHITECTURE_AT),
        (EQUAL, 1, 0, _ARCHITECTURES[machine]),
        (RETURN, 0, 0, REFUSE | errno.ENOSYS),
        (LOAD, 0, 0, NUMBER_AT),
        (AT_LEAST, 0, 1, X32),
        (RETURN, 0, 0, REFUSE | errno.ENOSYS),
        *chain.from_iterable(_refuse(number, errno.EPERM) for number in (*_OLD[machine], *_NEW)),
        # Its flags are in memory, where no filter can look: told that there is no such call, libraries take clone(2).
        *_refuse(CLONE3, errno.ENOSYS),
        *_refuse_if(_CLONE[machine], ANY_BIT, NEW_NAMESPACES),
        *_refuse_if(_SOCKET[machine], EQUAL, AF_VSOCK),
        (RETURN, 0, 0, ALLOW),
    ]


def _refuse(number: int, error: int) -> Iterator[Step]:
    yield (EQUAL, 0, 1, number)
    yield (RETURN, 0, 0, REFUSE | error)


def _refuse_if(number: int, test: int, operand: int) -> Iterator[Step]:
    """Refuse a call whose first argument passes a test; allow it otherwise."""
    yield (EQUAL, 0, 4, number)
    yield (LOAD, 0, 0, FIRST_ARGUMENT_AT)
    yield (test, 0, 1, operand)
    yield (RETURN, 0, 0, REFUSE | errno.EPERM)
    yield (RETURN, 0, 0, ALLOW)


def refuse_calls() -> None:
    """Put the filter on the caller and all that it becomes; a kernel that has none leaves it without."""
    steps = program(platform.machine())
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in steps))
    whole = struct.pack("@HP", len(steps), ctypes.addressof(code))
    if steps:
        ctypes.CDLL(None).prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.c_char_p(whole), 0, 0)


def main(arguments: list[str]) -> None:
    """Enter the control groups, put the filter on, and become the command."""
    end = arguments.index("--")
    for group in arguments[:end]:
        with open(f"{group}/cgroup.procs", "w") as members:  # noqa: PTH123 - pathlib takes longer than all the rest
            members.write("0\n")
    refuse_calls()
    command = arguments[end + 1 :]
    os.execvp(command[0], command)  # noqa: S606 - the point is to become that program


if __name__ == "__main__":
    main(sys.argv[1:])
