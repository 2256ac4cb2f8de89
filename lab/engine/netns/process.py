"""A program on a node, started through nsenter(1)."""

from __future__ import annotations

import os
import selectors
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress

from lab.engine import stream

PIECE = 65536
BY_SIGNAL = 128


class NetnsProcess:
    """Holds a program's three pipes. As long as its input is open, the program's supervisor knows that we are there."""

    def __init__(self, argv: Sequence[str], environment: Mapping[str, str]) -> None:
        # In a session of its own: Ctrl-C is for us to hear, and we end the program in order.
        self._process = subprocess.Popen(
            argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=dict(environment),
            cwd="/",
            start_new_session=True,
        )

    def lines(self) -> Iterator[tuple[str, str]]:
        """Each line as it comes, with `stdout` or `stderr`; the pipes are closed after the last."""
        try:
            yield from stream.named_lines(self._read())
        finally:
            self._end()

    def pieces(self) -> Iterator[tuple[str, bytes]]:
        """What it writes, as it comes, with `stdout` or `stderr`; the pipes are closed after the last."""
        try:
            yield from self._read()
        finally:
            self._end()

    def tell(self, text: bytes) -> None:
        """Write something to its stdin."""
        if self._process.stdin:
            with suppress(BrokenPipeError):  # it has ended, and says so itself
                self._process.stdin.write(text)
                self._process.stdin.flush()

    def _read(self) -> Iterator[tuple[str, bytes]]:
        with selectors.DefaultSelector() as selector:
            for name, pipe in (("stdout", self._process.stdout), ("stderr", self._process.stderr)):
                if pipe:
                    selector.register(pipe, selectors.EVENT_READ, name)
            while selector.get_map():
                for key, _ in selector.select():
                    data = os.read(key.fd, PIECE)
                    if data:
                        yield key.data, data
                    else:
                        selector.unregister(key.fileobj)

    def _end(self) -> None:
        self._close()
        # Whoever does not care for the exit code shall not leave a zombie; who stops listening shall not wait.
        # Where Python itself comes to its end, a thread would never begin, and be waited for.
        if not sys.is_finalizing():
            threading.Thread(target=self._process.wait, daemon=True).start()

    def _close(self) -> None:
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe:
                with suppress(OSError):
                    pipe.close()

    def wait(self) -> int:
        """The exit code; 128 and the signal's number where a signal ended it."""
        code = self._process.wait()
        self._close()
        return code if code >= 0 else BY_SIGNAL - code

    def send_signal(self, number: int) -> None:
        """Have the supervisor send it."""
        if self._process.stdin:
            with suppress(OSError, ValueError):  # it may have ended, and its input be closed
                self._process.stdin.write(b"signal %d\n" % number)
                self._process.stdin.flush()

    def stop(self) -> None:
        """Close the program's input: the supervisor sees that, and ends the program."""
        if self._process.stdin:
            with suppress(OSError):
                self._process.stdin.close()
