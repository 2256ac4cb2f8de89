"""Has every program on this node stand still, or go on: SIGSTOP and SIGCONT.

    python3 -m lab.apps.freeze stop|go

The node's first process, and those that look after programs (`lab.apps.supervise`), go on: they have to hear when a
caller goes away. The kernel goes on too: it acknowledges what TCP brings until its buffers are full.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from lab.apps.common import DONE, Parser, say
from lab.apps.supervise import __name__ as supervisor

SIGNALS = {"stop": signal.SIGSTOP, "go": signal.SIGCONT}


def programs() -> Iterator[int]:
    """The processes on this node that are nobody's keepers, and not this one."""
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it ended just now
            words = (folder / "cmdline").read_bytes().split(b"\0")
            if int(folder.name) not in (1, os.getpid()) and words != [b""] and not _keeps(words):
                yield int(folder.name)


def _keeps(words: list[bytes]) -> bool:
    return supervisor.encode() in words or words[0] == b"tail"


def main(argv: Sequence[str] | None = None) -> int:
    """Do it; returns the exit code."""
    parser = Parser("Has every program on this node stand still, or go on.")
    parser.add_argument("what", choices=SIGNALS)
    words = parser.parse_args(argv)
    count = 0
    for process in programs():
        with suppress(ProcessLookupError, PermissionError):
            os.kill(process, SIGNALS[words.what])
            count += 1
    say(f"{count} programs")
    return DONE


if __name__ == "__main__":
    sys.exit(main())
