"""The same conversation without a connection."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.unit.apps.conftest import Launch, Running

RECEIVED = "server received  "


def served(launch: Launch, port: int, *words: object) -> Running:
    """Start a server that has said its first line, and so is ready."""
    server = launch("udp_server", "--port", port, *words)
    assert server.line() == "server waits for data"
    return server


def test_lecture(launch: Launch, free_port: int) -> None:
    """Both programs say what the lecture's do, less what there is not: a connection."""
    server = served(launch, free_port)
    client = launch("udp_client", "--port", free_port)
    assert client.line() == "client needs no connection"
    client.says("Give message : ")
    client.hears("hello there!\n")
    end = client.ends()
    assert (end.code, end.out, end.err) == (0, "", "")
    end = server.ends()
    assert (end.code, end.err) == (0, "")
    assert end.out.startswith(RECEIVED + "hello there! from  ('127.0.0.1', ")
    assert end.out.endswith(")\n")


def test_message_longer_than_the_buffer(launch: Launch, free_port: int) -> None:
    """A datagram is cut to the buffer, and the server says how much is lost."""
    server = served(launch, free_port)
    launch("udp_client", "--port", free_port, "--message", "x" * 200).ends()
    received, lost = server.lines(2)
    assert received.startswith(RECEIVED + "x" * 80 + " from  (")
    assert lost == "server lost 120 bytes: the datagram had 200, the buffer holds 80"
    assert server.ends().code == 0


def test_boundaries_are_kept(launch: Launch, free_port: int) -> None:
    """Two messages are two datagrams, an empty one too, and a forever server says so each time."""
    server = served(launch, free_port, "--forever")
    for message in ("one", "", "two"):
        assert launch("udp_client", "--port", free_port, "--message", message).ends().code == 0
        assert server.line().startswith(f"{RECEIVED}{message} from  (")
        assert server.line() == "server waits for data"


@pytest.mark.parametrize(
    ("sent", "shown"),
    [(b"\xff\x1b[2J\n", r"\xff\x1b[2J\n"), (b"a" * 79 + "é".encode(), "a" * 79 + r"\xc3")],
    ids=["strange", "cut"],
)
def test_strange_bytes(launch: Launch, free_port: int, sent: bytes, shown: str) -> None:
    """Bytes that are no text, or were torn by the cut, are shown as escapes."""
    server = served(launch, free_port)
    with socket.socket(type=socket.SOCK_DGRAM) as client:
        client.sendto(sent, ("127.0.0.1", free_port))
    assert server.line().startswith(f"{RECEIVED}{shown} from  (")


def test_absent_server_is_not_noticed(launch: Launch, free_port: int) -> None:
    """The sender just carries on: nobody there is no failure."""
    end = launch("udp_client", "--port", free_port, "--message", "hello").ends()
    assert (end.code, end.err) == (0, "")


def test_absent_server_is_noticed_by_who_listens(launch: Launch, free_port: int) -> None:
    """With --timeout the client hears that the port is closed."""
    end = launch("udp_client", "--port", free_port, "--message", "hello", "--timeout", 5).ends()
    assert end.code == 1
    assert end.err == f"client found no server at 127.0.0.1:{free_port}: connection refused\n"


def test_silence_is_good_news(launch: Launch, free_port: int) -> None:
    """With --timeout and a server, nothing comes back, and that is no failure."""
    server = served(launch, free_port)
    end = launch("udp_client", "--port", free_port, "--message", "hello", "--timeout", 0.1).ends()
    assert (end.code, end.err) == (0, "")
    assert server.ends().code == 0


def test_message_too_long_for_a_datagram(launch: Launch, free_port: int) -> None:
    """What no datagram holds is refused in one line."""
    end = launch("udp_client", "--port", free_port, "--message", "x" * 65_508).ends()
    assert (end.code, end.err) == (1, "client cannot send 65508 bytes: one datagram does not hold them\n")


def test_broadcast(launch: Launch, free_port: int) -> None:
    """A broadcast needs --broadcast, and then arrives."""
    server = served(launch, free_port)
    words = ("--host", "127.255.255.255", "--port", free_port, "--message", "all")
    end = launch("udp_client", *words).ends()
    assert end.code == 1
    assert end.err.endswith("a broadcast address needs --broadcast\n")
    assert launch("udp_client", *words, "--broadcast").ends().code == 0
    assert server.line().startswith(RECEIVED + "all from  (")


def test_port_in_use(launch: Launch, free_port: int) -> None:
    """Two servers do not share one port."""
    served(launch, free_port)
    end = launch("udp_server", "--port", free_port).ends()
    assert (end.code, end.out) == (1, "")
    assert end.err == f"server cannot listen at 0.0.0.0:{free_port}: address already in use\n"


def test_no_datagram_in_time(launch: Launch, free_port: int) -> None:
    """A server that gets nothing ends, with --timeout."""
    end = served(launch, free_port, "--timeout", 0.1).ends()
    assert (end.code, end.err) == (1, "server waited 0.1 s for data in vain\n")


def test_unknown_host(launch: Launch) -> None:
    """A name that nothing resolves is one clear line."""
    end = launch("udp_client", "--host", "nosuch.invalid", "--message", "x").ends()
    assert end.code == 1
    assert end.err.startswith("client knows no host 'nosuch.invalid': ")
