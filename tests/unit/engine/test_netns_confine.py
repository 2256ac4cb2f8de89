"""The filter of system calls, run step by step as the kernel would."""

from __future__ import annotations

import errno

import pytest

from lab.engine.netns import confine

X86, ARM, OLD_X86 = 0xC000003E, 0xC00000B7, 0x40000003


def verdict(machine: str, architecture: int, number: int, argument: int = 0) -> int:
    """The error that a call ends with, 0 where it is allowed."""
    data = {confine.ARCHITECTURE_AT: architecture, confine.NUMBER_AT: number, confine.FIRST_ARGUMENT_AT: argument}
    steps = confine.program(machine)
    at = held = 0
    while True:
        code, if_so, if_not, operand = steps[at]
        at += 1
        if code == confine.LOAD:
            held = data[operand]
        elif code == confine.RETURN:
            return 0 if operand == confine.ALLOW else operand & 0xFFFF
        else:
            so = {
                confine.EQUAL: held == operand,
                confine.AT_LEAST: held >= operand,
                confine.ANY_BIT: bool(held & operand),
            }[code]
            at += if_so if so else if_not


@pytest.mark.parametrize(
    ("machine", "architecture", "number", "argument", "error"),
    [
        ("x86_64", X86, 0, 3, 0),  # read
        ("x86_64", X86, 272, 0, errno.EPERM),  # unshare
        ("x86_64", X86, 321, 0, errno.EPERM),  # bpf
        ("x86_64", X86, 425, 0, errno.EPERM),  # io_uring_setup
        ("x86_64", X86, 435, 0, errno.ENOSYS),  # clone3
        ("x86_64", X86, 56, 0x01200011, 0),  # clone, as fork does it
        ("x86_64", X86, 56, 0x10000011, errno.EPERM),  # clone with a user namespace
        ("x86_64", X86, 41, 2, 0),  # socket, AF_INET
        ("x86_64", X86, 41, 40, errno.EPERM),  # socket, AF_VSOCK
        ("x86_64", X86, 308, 0, 0),  # setns: the way in needs it, and a node has nothing to enter
        ("x86_64", OLD_X86, 0, 0, errno.ENOSYS),
        ("x86_64", X86, 0x40000000 | 272, 0, errno.ENOSYS),
        ("aarch64", ARM, 63, 3, 0),
        ("aarch64", ARM, 97, 0, errno.EPERM),
        ("aarch64", ARM, 220, 0x10000011, errno.EPERM),
        ("aarch64", ARM, 198, 40, errno.EPERM),
    ],
)
def test_verdicts(machine: str, architecture: int, number: int, argument: int, error: int) -> None:
    """What no node needs is refused, by whatever kind of call it comes; the rest is allowed."""
    assert verdict(machine, architecture, number, argument) == error


def test_an_unknown_processor_has_no_filter() -> None:
    """Numbers differ by processor: where they are not known, nothing is refused, and docs/security.md says so."""
    assert confine.program("riscv64") == []
