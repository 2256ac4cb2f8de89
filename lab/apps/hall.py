"""Serves many clients at once, in one thread: carries lines between connections and a dialogue's rules.

Nothing that a client does may stop the others: one that sends without end is read a piece at a time, one that does
not read is dropped when `ROOM` bytes wait for it, and one that is gone without a word is found by TCP itself.
"""

from __future__ import annotations

import contextlib
import itertools
import math
import selectors
import socket
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from lab.apps import endpoint
from lab.apps.common import Parser, say, whole
from lab.apps.dialogues.base import Action, Close, Dialogue, Send
from lab.apps.lines import LineError, LineReader

PIECE, ROOM = 4096, 1 << 16
LINGER_SECONDS = 5.0  # for a last word to arrive, before the connection is closed for good
CONNECTIONS = 256
BACKLOG = 128  # a crowd that comes at once: whom the queue does not hold tries again after a second, as TCP does
PATIENCE_SECONDS = 60.0


@dataclass(slots=True)
class _Guest:
    """A connection.

    Attributes:
        address: whose it is; empty where it has none, as with a UNIX socket.
        over: when it is closed for good, once its last word is to be said.
    """

    number: int
    sock: socket.socket
    reader: LineReader = field(default_factory=LineReader)
    waiting: bytearray = field(default_factory=bytearray)
    address: str = ""
    over: float = math.inf
    half_closed: bool = False


class Hall:
    """A listening socket, everybody who has connected, and the rules by which they are served."""

    def __init__(self, listener: socket.socket, dialogue: Dialogue) -> None:
        self._listener, self._dialogue = listener, dialogue
        self._guests: dict[int, _Guest] = {}
        self._came = 0
        self._numbers = itertools.count(1)
        self._selector = selectors.DefaultSelector()
        listener.setblocking(False)
        self._selector.register(listener, selectors.EVENT_READ)

    def serve(self, clients: int | None = None) -> None:
        """Serve until told to end, or until so many clients have come and all have gone."""
        try:
            while clients is None or self._came < clients or self._guests:
                for key, events in self._selector.select(self._pause()):
                    if key.data is None:
                        for _ in range(BACKLOG):  # not without end: those who are here have their turn too
                            if not self._accept():
                                break
                    elif key.data.number in self._guests:
                        self._attend(key.data, events)
                now = time.monotonic()
                self._do(self._dialogue.passed(now))
                for guest in [guest for guest in self._guests.values() if guest.over <= now]:
                    self._forget(guest)
        finally:
            for guest in self._guests.values():
                guest.sock.close()
            self._selector.close()

    def _pause(self) -> float | None:
        due = min([self._dialogue.due(), *(guest.over for guest in self._guests.values())])
        return None if due == math.inf else max(0.0, due - time.monotonic())

    def _accept(self) -> bool:
        """Take one of those who wait; whether there was one."""
        try:
            sock, peer = self._listener.accept()
        except OSError:  # nobody is left, or one has gone again already
            return False
        sock.setblocking(False)
        address = peer[0] if sock.family == socket.AF_INET else ""
        if len(self._guests) >= CONNECTIONS or (address and self._has_its_share(address)):
            _turn_away(sock)
            return True
        if address:
            _notice_loss(sock)
        self._came += 1
        guest = _Guest(next(self._numbers), sock, address=address)
        self._guests[guest.number] = guest
        self._selector.register(sock, selectors.EVENT_READ, guest)
        self._do(self._dialogue.came(guest.number, time.monotonic()))
        return True

    def _has_its_share(self, address: str) -> bool:
        """Whether one computer has half of the seats already: no single one shall take them all."""
        return sum(guest.address == address for guest in self._guests.values()) >= self._dialogue.seats // 2

    def _attend(self, guest: _Guest, events: int) -> None:
        try:
            if events & selectors.EVENT_READ:
                self._read(guest, guest.sock.recv(PIECE))
            if events & selectors.EVENT_WRITE and guest.number in self._guests:
                self._write(guest)
        except BlockingIOError:
            pass
        except OSError:
            self._forget(guest)

    def _read(self, guest: _Guest, piece: bytes) -> None:
        if not piece:
            self._forget(guest)
            return
        now = time.monotonic()
        if guest.over < math.inf:  # its last word is said: what it says now is not even kept
            return
        try:
            for line in guest.reader.feed(piece):
                if guest.over < math.inf:
                    return
                self._do(self._dialogue.heard(guest.number, line, now))
        except LineError as error:
            self._do(self._dialogue.garbled(guest.number, error.code, error.what, now))

    def _do(self, actions: Iterable[Action]) -> None:
        touched: dict[int, _Guest] = {}
        for action in actions:
            if isinstance(action, Send):
                if guest := self._guests.get(action.to):
                    guest.waiting += f"{action.line}\n".encode("ascii")
                    touched[guest.number] = guest
            elif isinstance(action, Close):
                if guest := self._guests.get(action.who):
                    guest.over = time.monotonic() + LINGER_SECONDS
                    touched[guest.number] = guest
            else:
                say(action.line)
        for guest in touched.values():  # all lines of one moment in one piece: a slow link has fewer packets to carry
            with contextlib.suppress(BlockingIOError):
                try:
                    self._write(guest)
                except OSError:
                    guest.over = 0.0  # gone, and it is noticed at the end of this round

    def _write(self, guest: _Guest) -> None:
        if len(guest.waiting) > ROOM:
            guest.over = 0.0
            return
        try:
            if guest.waiting:
                del guest.waiting[: guest.sock.send(guest.waiting)]
        finally:
            events = selectors.EVENT_READ | (selectors.EVENT_WRITE if guest.waiting else 0)
            self._selector.modify(guest.sock, events, guest)
        if not guest.waiting and guest.over < math.inf and not guest.half_closed:
            # Not close(): with something unread it sends a reset, which may overtake the last word. RFC 1122, 4.2.2.13
            guest.half_closed = True
            guest.sock.shutdown(socket.SHUT_WR)

    def _forget(self, guest: _Guest) -> None:
        self._guests.pop(guest.number, None)
        self._selector.unregister(guest.sock)
        guest.sock.close()
        self._do(self._dialogue.left(guest.number, time.monotonic()))


def _turn_away(sock: socket.socket) -> None:
    """Say that there is no room; nothing of it is kept, however many come."""
    with sock, contextlib.suppress(OSError):
        sock.send(b"error full try again later\n")
        sock.shutdown(socket.SHUT_WR)


def _notice_loss(sock: socket.socket) -> None:
    """Have TCP find out that the other end is gone without a word, even where nothing is to be said: tcp(7)."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in ((socket.TCP_KEEPIDLE, 30), (socket.TCP_KEEPINTVL, 10), (socket.TCP_KEEPCNT, 3)):
        sock.setsockopt(socket.IPPROTO_TCP, option, value)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 60_000)


def words_of_a_server(description: str, port: int) -> Parser:
    """A parser with the words that every such server takes."""
    parser = Parser(description)
    endpoint.add_words(parser, host="0.0.0.0", timeout="how long a client may stay silent when it is its turn (60)")
    parser.set_defaults(port=port)
    parser.add_argument("--clients", type=whole(1, 10**6), help="end when so many have come and all have gone")
    return parser


def listen(where: endpoint.Endpoint, dialogue: Dialogue, clients: int | None) -> None:
    """Serve a dialogue at a place.

    Raises:
        AppError: the port or path is taken.
    """
    with endpoint.bound(where, backlog=BACKLOG) as listener:
        say(f"server waits for clients at {where}")
        Hall(listener, dialogue).serve(clients)
