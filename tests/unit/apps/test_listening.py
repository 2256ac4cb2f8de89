"""The lookout: it sees a new socket that can be called, by TCP, UDP and UNIX, and none that was there before."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from lab.apps import listening
from lab.apps.common import AppError
from tests.unit.apps.conftest import Launch

# As the kernel writes them (proc(5)): a listener and a connection by TCP, a bound socket by UDP, a listener by UNIX.
TABLES = {
    "tcp": (
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
        "   0: 0100007F:2B67 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 101 1 0\n"
        "   1: 0100007F:C001 0100007F:2B67 01 00000000:00000000 00:00000000 00000000     0        0 102 1 0\n"
    ),
    "udp": "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref\n",
    "unix": "Num       RefCount Protocol Flags    Type St Inode Path\n",
}
NEW = {
    "tcp 4660": ("tcp", "   2: 00000000:1234 00000000:0000 0A 0:0 00:0 0     0        0 103 1 0\n"),
    "udp 4660": ("udp", "   0: 00000000:1234 00000000:0000 07 0:0 00:0 0     0        0 104 2 0\n"),
    "unix /tmp/s": ("unix", "0000000000000000: 00000002 00000000 00010000 0001 01 105 /tmp/s\n"),
}
NO_NEWS = {
    "a connection": ("tcp", "   2: 00000000:1234 0100007F:0001 01 0:0 00:0 0     0        0 103 1 0\n"),
    "one with a peer": ("udp", "   0: 00000000:1234 0100007F:0001 01 0:0 00:0 0     0        0 104 2 0\n"),
    "one that takes no calls": ("unix", "0000000000000000: 00000002 00000000 00000000 0001 01 105 /tmp/s\n"),
}


@pytest.fixture
def tables(tmp_path: Path) -> Path:
    """A folder like /proc/net."""
    for name, text in TABLES.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def _appears(tables: Path, row: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a row appear as soon as the lookout has said that it looks."""

    def add(said: str) -> None:
        assert said == "looking"
        with (tables / row[0]).open("a") as table:
            table.write(row[1])

    monkeypatch.setattr(listening, "say", add)


@pytest.mark.parametrize("what", NEW)
def test_a_new_socket_is_seen(tables: Path, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what it is."""
    _appears(tables, NEW[what], monkeypatch)
    assert listening.wait(None, 10.0, tables) == what


@pytest.mark.parametrize("what", NO_NEWS)
def test_what_cannot_be_called_is_no_news(tables: Path, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor is the socket that was there before."""
    _appears(tables, NO_NEWS[what], monkeypatch)
    with pytest.raises(AppError, match=r"saw nobody listen within 0\.1 s"):
        listening.wait(None, 0.1, tables)


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_a_port_may_have_been_open_before(launch: Launch, free_port: int, kind: socket.SocketKind) -> None:
    """Whoever asks for one by its number wants to know that it is open, not since when. By the real kernel's tables."""
    with socket.socket(type=kind) as made:
        made.bind(("127.0.0.1", free_port))
        if kind == socket.SOCK_STREAM:
            made.listen()
        lookout = launch("listening", "--port", free_port)
        name = "tcp" if kind == socket.SOCK_STREAM else "udp"
        assert lookout.lines(2) == ["looking", f"{name} {free_port}"]


def test_a_port_that_stays_closed_is_told(launch: Launch, free_port: int) -> None:
    """In one line, with exit code 1."""
    lookout = launch("listening", "--port", free_port, "--timeout", "0.2")
    ended = lookout.ends()
    assert (ended.code, ended.err) == (1, f"listening saw nobody listen at port {free_port} within 0.2 s\n")


KINDS = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
@pytest.mark.parametrize("protocol", KINDS)
def test_somebody_listens(launch: Launch, free_port: int, protocol: str, family: socket.AddressFamily) -> None:
    """It ends when somebody listens, over either version of the internet protocol, and not before."""
    watch = launch("listening", "--port", free_port, "--protocol", protocol, "--timeout", 10)
    with socket.socket(family, KINDS[protocol]) as server:
        server.bind(("", free_port))
        if protocol == "tcp":
            assert watch.line() == "looking"
            assert watch.process.poll() is None
            server.listen()
        assert watch.ends().code == 0


def test_nobody_listens(launch: Launch, free_port: int) -> None:
    """When the time is up, that is said; a connection from such a port is not mistaken for a server."""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as client:
        client.bind(("127.0.0.1", free_port))
        client.connect(server.getsockname())
        end = launch("listening", "--port", free_port, "--protocol", "tcp", "--timeout", 0.05).ends()
    assert (end.code, end.err) == (1, f"listening saw nobody listen at tcp {free_port} within 0.05 s\n")
