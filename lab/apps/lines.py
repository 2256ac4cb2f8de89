r"""Cuts what comes over a connection into lines: TCP is a stream of bytes, and a message may come in pieces.

Pure: no socket is touched here. A line is printable ASCII, has an end of its own (`\n`, or `\r\n`), and is at most
`LONGEST` bytes long without it.
"""

from __future__ import annotations

from collections.abc import Iterator

LONGEST = 200


class LineError(ValueError):
    """What came is no line; the reader is of no use after it. `code` is the word for it in an `error` message."""

    def __init__(self, code: str, what: str) -> None:
        super().__init__(what)
        self.code = code
        self.what = what


class LineReader:
    """Takes pieces, gives lines. What is still without an end waits for more."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, piece: bytes) -> Iterator[str]:
        """Give every line that this piece completes.

        Raises:
            LineError: a line is too long, or holds something else than printable ASCII.
        """
        *whole, self._rest = (self._rest + piece).split(b"\n")
        for line in whole:
            yield _read(line.removesuffix(b"\r"))
        if len(self._rest) > LONGEST + 1:  # one more, for a \r that its \n has not reached yet
            raise LineError("too-long", f"a line has at most {LONGEST} bytes")


def _read(line: bytes) -> str:
    if len(line) > LONGEST:
        raise LineError("too-long", f"a line has at most {LONGEST} bytes")
    if not all(0x20 <= byte < 0x7F for byte in line):  # noqa: PLR2004 - printable ASCII
        raise LineError("not-text", "a line is printable ASCII")
    return line.decode("ascii")
