"""A real server in a process of its own on loopback, and clients over sockets: honest ones, and others."""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lab.apps.lines import LineReader

ROOT = Path(__file__).parents[3]
PATIENCE_SECONDS = 20.0
RESET = struct.pack("ii", 1, 0)
HEAR_SECONDS = 0.003


@dataclass
class Server:
    """A game's server; `said` is all that it has printed so far, complaints too."""

    port: int
    process: subprocess.Popen[str]
    said: list[str]
    looked_at: int = 0

    def memory_kib(self) -> int:
        """What it holds in memory now."""
        status = Path(f"/proc/{self.process.pid}/status").read_text("ascii").splitlines()
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))

    def must_be_well(self) -> None:
        """It runs still, and has not complained since the last look."""
        assert self.process.poll() is None, self.said[-20:]
        new = self.said[self.looked_at :]
        self.looked_at += len(new)
        assert not [line for line in new if "Traceback" in line or "Error" in line], self.said[-20:]


@contextlib.contextmanager
def serving(game: str, port: int, *words: str) -> Iterator[Server]:
    """A server that runs as long as the block lasts."""
    argv = [sys.executable, "-S", "-m", f"lab.apps.{game}_server", "--port", str(port), *words]
    said: list[str] = []
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT) as process:
        assert process.stdout
        said.append(process.stdout.readline())
        listener = threading.Thread(target=said.extend, args=(process.stdout,))
        listener.start()
        server = Server(port, process, said)
        try:
            yield server
            server.must_be_well()
        finally:
            process.terminate()
            listener.join()


def connect(port: int, address: str = "127.0.0.1") -> socket.socket:
    """A connection from an address of loopback."""
    sock = socket.create_connection(("127.0.0.1", port), PATIENCE_SECONDS, source_address=(address, 0))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


@dataclass
class Honest:
    """A client that answers each line as its rules say, and keeps all that it has heard."""

    sock: socket.socket
    reply: Callable[[str], str | None]
    heard: list[str] = field(default_factory=list)
    reader: LineReader = field(default_factory=LineReader)

    def say(self, *lines: str) -> None:
        """Say lines."""
        self.sock.sendall("".join(f"{line}\n" for line in lines).encode("ascii"))

    def answer(self, seconds: float = 0.0) -> None:
        """Answer what has come; if nothing has, wait for it so long."""
        while select.select([self.sock], [], [], seconds)[0]:
            seconds = 0.0
            piece = self.sock.recv(4096)
            assert piece, f"an honest client was left: {self.heard[-10:]}"
            for line in self.reader.feed(piece):
                assert not line.startswith("error"), f"an honest client was told {line}"
                self.heard.append(line)
                if words := self.reply(line):
                    self.say(words)


def until(done: Callable[[], bool], *clients: Honest) -> None:
    """Have clients answer until something is so; they must get there."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not done():
        assert time.monotonic() < deadline, [client.heard[-10:] for client in clients]
        readable = select.select([client.sock for client in clients], [], [], 1.0)[0]
        for client in clients:
            if client.sock in readable:
                client.answer()


@dataclass
class Hostile:
    """A client that does anything; when its connection is gone, it comes again with its next deed."""

    port: int
    address: str
    sock: socket.socket | None = None
    heard: bytearray = field(default_factory=bytearray)

    def do(self, what: str, data: bytes) -> None:
        """One deed. An error of the connection's is the end of it."""
        if self.sock is None:
            self.sock = connect(self.port, self.address)
        try:
            if what == "send":
                self.sock.sendall(data)
            elif what == "hear":
                self._hear(HEAR_SECONDS)
            elif what == "half":
                self.sock.shutdown(socket.SHUT_WR)
            else:
                self.go(what)
        except TimeoutError:
            raise
        except OSError:
            self.go("close")

    def _hear(self, seconds: float) -> None:
        while self.sock and select.select([self.sock], [], [], seconds)[0]:
            seconds = 0.0
            piece = self.sock.recv(1 << 16)
            self.heard += piece
            if not piece:
                self.go("close")

    def go(self, how: str) -> None:
        """End the connection: `close`, or `reset`, which nobody is told of in time."""
        if self.sock is None:
            return
        sock, self.sock = self.sock, None
        if how == "reset":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        sock.close()


def attack(server: Server, deeds: Sequence[tuple[int, str, bytes]], between: Callable[[], None]) -> list[str]:
    """Do deeds with clients of several addresses; all lines that these heard. `between` comes after each deed."""
    evil = [Hostile(server.port, f"127.0.0.{number + 2}") for number in range(3)]
    for index, what, data in deeds:
        evil[index].do(what, data)
        between()
    for each in evil:
        with contextlib.suppress(OSError):
            each._hear(0.0)
        each.go("close")
    return [line for each in evil for line in each.heard.decode("ascii").splitlines()]
