"""Carries a program's output on, byte for byte and as it comes, and notes each complete line in a log.

A relay never blocks its supervisor: it reads no more than one piece ahead of what its sink takes, and writes
only what a sink that is ready takes at once. It must not know about processes, signals or time limits.
"""

from __future__ import annotations

import fcntl
import os
import select
import struct
import termios
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from lab.apps.common import complain, reason

# A pipe that is ready takes this much without blocking: pipe(7). O_NONBLOCK is no way out for the sink, for
# it would hold for everyone who shares it, the caller's shell included.
PIECE_BYTES = select.PIPE_BUF
LONGEST_LINE_BYTES = 1 << 16


@dataclass(slots=True)
class Log:
    """A file of lines, `2026-01-31T12:00:00.000Z NAME LINE`, which several supervisors may share.

    Each line is one write to a file opened for appending, which the kernel does not mix with another:
    write(2).
    """

    name: str
    file: int | None

    @classmethod
    def at(cls, path: Path | None, name: str) -> Log:
        """Open a log, making the file if it is not there; without a path, one that keeps nothing.

        Raises:
            OSError: the file cannot be opened for appending.
        """
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        return cls(name, None if path is None else os.open(path, flags, 0o644))

    def note(self, line: bytes) -> None:
        """Append a line; a log that cannot be written any more is given up with one complaint."""
        if self.file is None:
            return
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]
        try:
            os.write(self.file, f"{now}Z {self.name} ".encode() + line + b"\n")
        except OSError as error:
            complain(f"supervise: the log ends here: {reason(error)}")
            self.file = None


class Relay:
    """One stream of a program on its way from the pipe `source` to our own `sink`, both file descriptors."""

    def __init__(self, source: int, sink: int, log: Log) -> None:
        os.set_blocking(source, False)
        self.sink_is_gone = False
        self._source: int | None = source
        self._sink = sink
        self._log = log
        self._pending = b""
        self._line = b""
        self._left: int | None = None

    @property
    def waits_for(self) -> tuple[int, int] | None:
        """The file descriptor and poll(2) event that it can go on with; None when all is carried."""
        if self._pending:
            return self._sink, select.POLLOUT
        if self._source is None or self._left == 0:
            return None
        return self._source, select.POLLIN

    def advance(self) -> None:
        """Read one piece, or write one, whichever `waits_for` had said."""
        if self._pending:
            self._write()
        elif self._source is not None:
            self._read(self._source)

    def stop_at_what_is_buffered(self) -> None:
        """Carry only what is in the pipe by now: a grandchild may hold it open and write on for ever."""
        if self._source is not None:
            answer = fcntl.ioctl(self._source, termios.FIONREAD, bytes(4))
            self._left = struct.unpack("i", answer)[0]

    def close(self) -> None:
        """Close the pipe, and note a last line that had no end."""
        if self._source is not None:
            os.close(self._source)
            self._source = None
        if self._line:
            self._log.note(self._line)
            self._line = b""

    def _read(self, source: int) -> None:
        most = PIECE_BYTES if self._left is None else min(PIECE_BYTES, self._left)
        try:
            piece = os.read(source, most)
        except BlockingIOError:
            return
        if not piece:
            self.close()
            return
        if self._left is not None:
            self._left -= len(piece)
        *lines, self._line = (self._line + piece).split(b"\n")
        if len(self._line) >= LONGEST_LINE_BYTES:
            lines.append(self._line)
            self._line = b""
        for line in lines:
            self._log.note(line)
        if not self.sink_is_gone:
            self._pending = piece

    def _write(self) -> None:
        try:
            self._pending = self._pending[os.write(self._sink, self._pending) :]
        except OSError:
            self.drop_sink()

    def drop_sink(self) -> None:
        """Nobody reads the sink any more: go on for the log alone."""
        self.sink_is_gone = True
        self._pending = b""
