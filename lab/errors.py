"""One tree of errors: each says what failed, where, and what to type next.

LabError
├── WordsError          the words were wrong                     exit 2
│   ├── SpecError           a link's SPEC cannot be read
│   ├── TopologyError       no such shape, size, node or link
│   ├── NameTakenError      a lab of this name is there, and it is another one
│   │   └── BusyError           somebody else makes, mends or removes it just now
│   └── UnknownLabError     no lab of this name is there
├── MachineError        the machine lacks something              exit 3
│   ├── EngineError         the engine does not answer, or refused
│   ├── ImageError          an image could not be made
│   ├── PoolError           the addresses are taken
│   ├── KernelError         the kernel lacks a feature that a link needs
│   └── TransitError        nodes are wired, but packets do not pass
└── CheckError          a check ran, and it did not hold          exit 1
    └── LateError           something did not happen in its time

This module must import nothing of the project's.
"""

from __future__ import annotations

import re
from typing import ClassVar

# All but tab and line feed, and what turns the direction of writing or ends a line: Unicode, annex 9.
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def plain(text: str) -> str:
    """A text with its control characters shown, not obeyed: what comes from a node shall not move the cursor.

    A terminal takes C0, DEL and C1 for orders: ECMA-48, 5.
    """
    return CONTROL.sub(
        lambda found: f"\\x{ord(found[0]):02x}" if found[0] < "\u0100" else f"\\u{ord(found[0]):04x}", text
    )


class LabError(Exception):
    """A failure that a person can act on.

    Args:
        what: what failed, in one line.
        where: the node, link, lab or word that it concerns, if there is one.
        remedy: the next thing to type or to do.
    """

    exit_code = 1
    command: ClassVar[str] = "./inv"
    """What the next command to type begins with: a checkout's launcher, or `wirelab` where that is installed."""

    def __init__(self, what: str, *, where: str | None = None, remedy: str | None = None) -> None:
        super().__init__(what, where, remedy)
        self.what = what
        self.where = where
        self.remedy = typed(remedy) if remedy else None

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        advice = f" ({self.remedy})" if self.remedy else ""
        return plain(f"{place}{self.what}{advice}")  # a failing test shows it as it is


def typed(text: str) -> str:
    """A text that says what to type, as it is to be typed here: an installed wirelab has no `./inv`."""
    return text.replace("./inv", LabError.command)


class CheckError(LabError):
    """A check ran, and what it found does not hold."""

    exit_code = 1


class LateError(CheckError):
    """Something did not happen in the time that it was given."""


class WordsError(LabError):
    """The words on the command line, or the arguments of a call, were wrong."""

    exit_code = 2


class SpecError(WordsError):
    """A link's SPEC cannot be read."""


class TopologyError(WordsError):
    """There is no such shape, size, node or link."""


class NameTakenError(WordsError):
    """A lab of this name is there already, and it is another one."""


class BusyError(NameTakenError):
    """Somebody else makes, mends or removes the lab of this name just now."""


class UnknownLabError(WordsError):
    """No lab of this name is there."""


class MachineError(LabError):
    """The machine lacks something that the lab needs."""

    exit_code = 3


class EngineError(MachineError):
    """The engine does not answer, or refused what it was asked."""


class ImageError(MachineError):
    """An image could not be made."""


class PoolError(MachineError):
    """The addresses that the lab would use are taken."""


class KernelError(MachineError):
    """The kernel lacks a feature that a link needs."""


class TransitError(MachineError):
    """The nodes are wired, but packets do not pass between them."""
