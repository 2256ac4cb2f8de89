"""Where a server is found: an internet address and port, or the path of a UNIX socket.

Binds and connects, and says in plain words why that failed. It must not speak or end the program: that is
common's to do.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import socket
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lab.apps.common import PORT, AppError, Parser, port, reason, safe, seconds

PROTOCOLS = {socket.SOCK_STREAM: "tcp", socket.SOCK_DGRAM: "udp"}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a server listens. `path` is None for the internet family, else it alone counts."""

    kind: socket.SocketKind
    host: str
    port: int
    path: Path | None = None

    def __str__(self) -> str:
        return str(self.path) if self.path else f"{self.host}:{self.port}"

    def make_socket(self) -> socket.socket:
        """Make an unbound socket of the right family and type."""
        return socket.socket(socket.AF_UNIX if self.path else socket.AF_INET, self.kind)

    def address(self) -> tuple[str, int] | str:
        """Find the address to bind or connect to.

        Raises:
            AppError: nothing resolves the host's name.
        """
        if self.path:
            return str(self.path)
        try:
            found = socket.getaddrinfo(self.host, self.port, socket.AF_INET, self.kind)
        except (socket.gaierror, UnicodeError) as error:
            why = error.strerror if isinstance(error, socket.gaierror) else "that is no host name"
            raise AppError(f"knows no host {self.host!r}: {str(why).lower()}") from error
        return str(found[0][4][0]), self.port


def add_words(parser: Parser, *, host: str, timeout: str) -> None:
    """Add the words that say where the server is; `timeout` is the help of `--timeout`."""
    parser.add_argument("--port", type=port, default=PORT, help="the same on both sides (%(default)s)")
    parser.add_argument("--host", default=host, help="the server's name or address (%(default)s)")
    parser.add_argument("--family", choices=("inet", "unix"), default="inet", help="the address family (%(default)s)")
    parser.add_argument("--path", type=Path, help="the UNIX socket's path (default: by protocol and port in /tmp)")
    parser.add_argument("--timeout", type=seconds, metavar="SECONDS", help=timeout)


def from_words(parser: Parser, words: argparse.Namespace, kind: socket.SocketKind) -> Endpoint:
    """Make the endpoint out of what was parsed; a path without `--family unix` is refused."""
    if words.family == "inet":
        if words.path:
            parser.error("--path belongs to --family unix")
        return Endpoint(kind, words.host, words.port)
    usual = Path(tempfile.gettempdir(), f"wirelab-{PROTOCOLS[kind]}-{words.port}.sock")
    return Endpoint(kind, words.host, words.port, words.path or usual)


def peer_name(peer: object) -> str:
    """Show a peer as Python does, `('127.0.0.1', 49216)`; a UNIX socket's client mostly has no address."""
    return safe(repr(peer)) if peer else "a client without a name"


@contextlib.contextmanager
def bound(endpoint: Endpoint, backlog: int | None = None) -> Iterator[socket.socket]:
    """Hold a socket that is bound, and listens if given a `backlog`; a UNIX socket's file goes away with it.

    Raises:
        AppError: the port or path is taken, or the address is not this computer's.
    """
    with endpoint.make_socket() as sock:
        try:
            if endpoint.path:
                _remove_stale(endpoint.path)
            elif endpoint.kind is socket.SOCK_STREAM:
                # Else a port rests for a minute after its last connection (TIME_WAIT). Not for UDP, where
                # the option would let two servers share one port: socket(7).
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(endpoint.address())
            if backlog is not None:
                sock.listen(backlog)
        except OSError as error:
            raise AppError(f"cannot listen at {endpoint}: {reason(error)}") from error
        with _removed_after(endpoint.path):
            yield sock


def _remove_stale(path: Path) -> None:
    """Remove the socket file that a server left behind when it was killed; nothing else is removed.

    Whether somebody still listens is asked with a datagram socket: to a stream server that is the wrong type
    (EPROTOTYPE), so it never shows up there as a client; only where nobody listens is it refused: unix(7).
    """
    if not path.is_socket():
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)
        except OSError as error:
            if error.errno != errno.EPROTOTYPE:
                raise


@contextlib.contextmanager
def _removed_after(path: Path | None) -> Iterator[None]:
    """Remove our socket's file at the end, unless another server has put its own there meanwhile."""
    if path is None:
        yield
        return
    ours = path.stat()
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            now = path.stat()
            if stat.S_ISSOCK(now.st_mode) and (now.st_dev, now.st_ino) == (ours.st_dev, ours.st_ino):
                path.unlink()


@contextlib.contextmanager
def connected(endpoint: Endpoint, timeout: float | None, *, broadcast: bool = False) -> Iterator[socket.socket]:
    """Hold a socket that is connected, or for UDP: that knows its server's address.

    Raises:
        AppError: the host is unknown or out of reach, or no server is there.
    """
    with endpoint.make_socket() as sock:
        sock.settimeout(timeout)
        if broadcast:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        try:
            sock.connect(endpoint.address())
        except PermissionError as error:
            if endpoint.path or endpoint.kind is socket.SOCK_STREAM:
                raise AppError(f"may not connect to {endpoint}: {reason(error)}") from error
            raise AppError(f"may not send to {endpoint}: a broadcast address needs --broadcast") from error
        except OSError as error:
            raise AppError(f"found no server at {endpoint}: {reason(error, timeout)}") from error
        yield sock
