"""A client's side of a dialogue in lines: connects, says a line, hears the next one. Knows no game."""

from __future__ import annotations

import contextlib
import socket
from collections import deque
from collections.abc import Iterator

from lab.apps import endpoint
from lab.apps.common import AppError, Parser, reason
from lab.apps.lines import LONGEST, LineError, LineReader

PIECE = 4096


class Caller:
    """A connection to a server that speaks in lines."""

    def __init__(self, sock: socket.socket, where: endpoint.Endpoint, timeout: float | None) -> None:
        self._sock, self._where, self._timeout = sock, where, timeout
        self._reader = LineReader()
        self._heard: deque[str] = deque()

    def say(self, *words: object) -> None:
        """Send one line.

        Raises:
            AppError: the server is lost, or these words make no line.
        """
        line = " ".join(map(str, words))
        if not (line.isascii() and line.isprintable() and len(line) <= LONGEST):
            raise AppError(f"can send up to {LONGEST} characters of printable ASCII, and nothing else")
        try:
            self._sock.sendall(f"{line}\n".encode("ascii"))
        except OSError as error:
            raise self._lost(error) from error

    def hear(self) -> list[str]:
        """The next line, in its words.

        Raises:
            AppError: the server is lost, says nothing in time, or says what is no line.
        """
        while not self._heard:
            try:
                piece = self._sock.recv(PIECE)
            except OSError as error:
                raise self._lost(error) from error
            if not piece:
                raise AppError(f"was left by the server at {self._where}")
            try:
                self._heard.extend(self._reader.feed(piece))
            except LineError as error:
                raise AppError(f"heard something strange from {self._where}: {error}") from error
        return self._heard.popleft().split(" ")

    def expect(self, word: str, least: int = 0) -> list[str]:
        """The next line, which must begin with this word, and have at least so many after it: those.

        Raises:
            AppError: it is otherwise.
        """
        heard = self.hear()
        if heard[0] != word or len(heard) <= least:
            raise AppError(f"was told {' '.join(heard)!r} by {self._where}, and expected {word!r}")
        return heard[1:]

    def _lost(self, error: OSError) -> AppError:
        return AppError(f"lost the server at {self._where}: {reason(error, self._timeout)}")


@contextlib.contextmanager
def calling(where: endpoint.Endpoint, timeout: float | None) -> Iterator[Caller]:
    """Hold a connection.

    Raises:
        AppError: no server is there.
    """
    with endpoint.connected(where, timeout) as sock:
        if sock.family == socket.AF_INET:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield Caller(sock, where, timeout)


def words_of_a_client(description: str, port: int) -> Parser:
    """A parser with the words that every such client takes."""
    parser = Parser(description)
    endpoint.add_words(parser, host="127.0.0.1", timeout="the longest wait for the server at each step")
    parser.set_defaults(port=port)
    return parser
