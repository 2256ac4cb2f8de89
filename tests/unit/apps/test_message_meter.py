"""The message meter over loopback: what it tells of each message, and that its times are the kernel's."""

from __future__ import annotations

import fcntl
import json
import signal
import socket
import struct
import termios
import threading
import time
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.unit.apps.conftest import Launch, Running

PATIENCE_SECONDS = 10.0


def _taking(launch: Launch, port: int, count: int, sizes: str) -> Running:
    """Start a server that is ready to take so many rounds."""
    taker = launch("message_meter", "take", "--port", port, "--count", count, "--sizes", sizes)
    assert taker.line() == "ready"
    return taker


def _unheard(sock: socket.socket) -> int:
    """How many bytes the other kernel has not acknowledged (tcp(7), SIOCOUTQ)."""
    unheard: int = struct.unpack("i", fcntl.ioctl(sock, termios.TIOCOUTQ, bytes(4)))[0]
    return unheard


def test_each_message_of_each_round_is_told(launch: Launch, free_port: int) -> None:
    """In their order, whole, each step after the one before it."""
    taker = _taking(launch, free_port, 2, "5000,1,70000")
    words = ("--port", free_port, "--count", 2, "--sizes", "5000,1,70000")
    giver = launch("message_meter", "give", "127.0.0.1", *words)
    given, taken = ([json.loads(line) for line in side.ends().out.splitlines()] for side in (giver, taker))
    assert len(taken) == 2 * 3
    for sent, had in zip(given, taken, strict=True):
        assert sent["begun"] < sent["connected"] < had["first"] <= had["last"]
    assert all(had["last"] < sent["begun"] for had, (_, sent) in zip(taken, pairwise(given), strict=False))


def test_a_time_is_when_the_kernel_had_it(launch: Launch, free_port: int) -> None:
    """A server that is stopped while its message comes tells no later times than one that runs."""
    taker = _taking(launch, free_port, 1, "3000")
    taker.gets(signal.SIGSTOP)
    with socket.create_connection(("127.0.0.1", free_port), timeout=PATIENCE_SECONDS) as sock:
        begun, deadline = time.time_ns(), time.monotonic() + PATIENCE_SECONDS
        sock.sendall(bytes(3000))
        while _unheard(sock):
            assert time.monotonic() < deadline
        over = time.time_ns()
        taker.gets(signal.SIGCONT)
        assert not sock.recv(1)  # closed by the server, which has all
    told = json.loads(taker.ends().out)
    assert begun < told["first"] <= told["last"] < over


def test_the_first_byte_has_a_time_of_its_own(launch: Launch, free_port: int) -> None:
    """What comes 50 ms later is the rest."""
    taker = _taking(launch, free_port, 1, "3000")
    with socket.create_connection(("127.0.0.1", free_port), timeout=PATIENCE_SECONDS) as sock:
        sock.sendall(b"1")
        threading.Event().wait(0.05)  # nobody tells that it was read
        sock.sendall(bytes(2999))
        assert not sock.recv(1)
    told = json.loads(taker.ends().out)
    assert told["last"] - told["first"] > 0.04e9


@pytest.mark.parametrize("sizes", ["0", "5000,-1", "", "many"])
def test_a_message_has_a_byte_at_least(launch: Launch, sizes: str) -> None:
    """Else both sides would wait for each other."""
    ended = launch("message_meter", "take", "--port", "20000", "--count", "1", "--sizes", sizes).ends()
    assert ended.code == 2
    assert "--sizes" in ended.err


@pytest.mark.parametrize("sent", [0, 1, 2999])
def test_half_a_message_is_an_error(launch: Launch, free_port: int, sent: int) -> None:
    """The server says so, and fails."""
    taker = _taking(launch, free_port, 1, "3000")
    with socket.create_connection(("127.0.0.1", free_port), timeout=PATIENCE_SECONDS) as sock:
        sock.sendall(bytes(sent))
    ended = taker.ends()
    assert (ended.code, ended.err) == (1, "message_meter: the client closed before the message was there\n")
