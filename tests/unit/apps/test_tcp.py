"""The lecture's TCP conversation, and what becomes of it in worse weather."""

from __future__ import annotations

import signal
import socket
import struct
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.unit.apps.conftest import Launch, Running

RECEIVED = "server received  "


def served(launch: Launch, port: int, *words: object) -> Running:
    """Start a server that has said its first line, and so is ready."""
    server = launch("tcp_server", "--port", port, *words)
    assert server.line() == "server waits for connection"
    return server


def connect(port: int) -> socket.socket:
    """Connect by hand."""
    return socket.create_connection(("127.0.0.1", port), timeout=10)


def vanish(sock: socket.socket) -> None:
    """Close with a reset, as a client does that lost its memory."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def said(lines: str) -> str:
    """Put together the pieces that a server said to have received."""
    return "".join(line.removeprefix(RECEIVED) for line in lines.splitlines() if line.startswith(RECEIVED))


def test_lecture(launch: Launch, free_port: int) -> None:
    """Both programs say the lecture's lines in its order and nothing else; the peer is the client's tuple."""
    server = served(launch, free_port)
    client = launch("tcp_client", "--port", free_port)
    assert client.line() == "client is connected"
    client.says("Give message : ")
    accepted, waits = server.lines(2)
    assert accepted.startswith("server accepted connection request from  ('127.0.0.1', ")
    assert waits == "server waits for data"
    client.hears("hello there!\n")
    end = client.ends()
    assert (end.code, end.out, end.err) == (0, "", "")
    end = server.ends()
    assert (end.code, end.out, end.err) == (0, "server received  hello there!\n", "")


def test_message_is_given(launch: Launch, free_port: int) -> None:
    """With --message nobody is asked."""
    server = served(launch, free_port)
    end = launch("tcp_client", "--port", free_port, "--message", "hello there!").ends()
    assert (end.code, end.out) == (0, "client is connected\n")
    assert said(server.ends().out) == "hello there!"


def test_message_longer_than_the_buffer(launch: Launch, free_port: int) -> None:
    """A long message arrives whole and in order, in pieces no longer than the buffer."""
    message = "".join(f"{number:05d}." for number in range(20_000))
    server = served(launch, free_port)
    client = launch("tcp_client", "--port", free_port, "--message", message)
    end = server.ends()
    assert client.ends().code == 0
    assert said(end.out) == message
    assert max(len(line) for line in end.out.splitlines() if line.startswith(RECEIVED)) == len(RECEIVED) + 80


def test_buffer_is_a_word(launch: Launch, free_port: int) -> None:
    """--buffer decides what is received at a time."""
    server = served(launch, free_port, "--buffer", 3)
    launch("tcp_client", "--port", free_port, "--message", "hello").ends()
    assert server.ends().out.splitlines()[2:] == [RECEIVED + "hel", RECEIVED + "lo"]


@pytest.mark.parametrize("buffer", [1, 2, 3])
def test_character_across_two_buffers(launch: Launch, free_port: int, buffer: int) -> None:
    """A character of several bytes is never torn, whatever the buffer."""
    server = served(launch, free_port, "--buffer", buffer)
    launch("tcp_client", "--port", free_port, "--message", "aé€😀b").ends()
    assert said(server.ends().out) == "aé€😀b"


def test_empty_message(launch: Launch, free_port: int) -> None:
    """An empty message gives the four lines too, the last with nothing in it."""
    server = served(launch, free_port)
    client = launch("tcp_client", "--port", free_port)
    client.hears("\n")
    assert client.ends().code == 0
    end = server.ends()
    assert (end.code, end.out.splitlines()[2]) == (0, RECEIVED)


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        (b"\xff\xfehello\x80", r"\xff\xfehello\x80"),
        (b"cut \xe2\x82", r"cut \xe2\x82"),
        (b"\x1b[2J\x07 a\tb\nserver lies\r\x7f\xc2\x9b", r"\x1b[2J\x07 a\tb\nserver lies\r\x7f\x9b"),
        ("left\u202eright\u2028".encode(), r"left\u202eright\u2028"),
        ("C:\\temp 👩\u200d🚀".encode(), "C:\\temp 👩\u200d🚀"),
        (b"nul\x00", r"nul\x00"),
    ],
    ids=["not UTF-8", "cut short", "controls", "overrides", "harmless", "nul"],
)
def test_strange_bytes(launch: Launch, free_port: int, sent: bytes, shown: str) -> None:
    """What is not UTF-8, or could drive a terminal, is shown as escapes on one line; harmless text as it is."""
    server = served(launch, free_port)
    with connect(free_port) as client:
        client.sendall(sent)
        client.shutdown(socket.SHUT_WR)
        end = server.ends()
    assert (end.code, said(end.out)) == (0, shown)
    assert not {char for char in end.out if ord(char) < 32} - {"\n"}


def test_poor_locale(launch: Launch, free_port: int) -> None:
    """Where stdout can only speak ASCII, the rest is escaped; the program does not fall over."""
    server = launch("tcp_server", "--port", free_port, env={"PYTHONIOENCODING": "ascii"})
    server.line()
    launch("tcp_client", "--port", free_port, "--message", "é").ends()
    assert server.ends().out.endswith("received  \\xe9\n")


def test_bytes_of_the_command_line_arrive(launch: Launch, free_port: int) -> None:
    """A --message that is not UTF-8 is sent byte for byte."""
    server = served(launch, free_port)
    launch("tcp_client", "--port", free_port, "--message", b"\xff".decode("utf-8", "surrogateescape")).ends()
    assert said(server.ends().out) == r"\xff"


def test_absent_server(launch: Launch, free_port: int) -> None:
    """A client without a server says so, in one line, and fails."""
    end = launch("tcp_client", "--port", free_port, "--host", "localhost").ends()
    assert (end.code, end.out) == (1, "")
    assert end.err == f"client found no server at localhost:{free_port}: connection refused\n"


@pytest.mark.parametrize("host", ["nosuch.invalid", "a" * 64 + ".b", "..", ""])
def test_unknown_host(launch: Launch, host: str) -> None:
    """A name that nothing resolves, or that is none, is one clear line."""
    end = launch("tcp_client", "--host", host, "--timeout", 1).ends()
    assert end.code == 1
    assert end.err.startswith(f"client knows no host {host!r}: ")
    assert end.err.count("\n") == 1


def test_unreachable_host(launch: Launch) -> None:
    """A host out of reach is told from one that refuses."""
    end = launch("tcp_client", "--host", "255.255.255.255").ends()
    assert (end.code, end.err) == (
        1,
        "client found no server at 255.255.255.255:11267: network is unreachable\n",
    )


def test_no_answer(launch: Launch, free_port: int) -> None:
    """Where the queue is full nothing answers, and --timeout ends the waiting."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", free_port))
        full.listen(0)
        with connect(free_port):
            end = launch("tcp_client", "--port", free_port, "--timeout", 0.2).ends()
    assert end.code == 1
    assert end.err == f"client found no server at 127.0.0.1:{free_port}: no answer within 0.2 s\n"


def test_server_that_never_closes(launch: Launch, free_port: int) -> None:
    """A server that took the message but does not end the conversation is given up on, with --timeout."""
    with socket.create_server(("127.0.0.1", free_port)):
        end = launch("tcp_client", "--port", free_port, "--timeout", 0.2, "--message", "hello").ends()
    assert (end.code, end.out) == (1, "client is connected\n")
    assert end.err == f"client lost the server at 127.0.0.1:{free_port}: no answer within 0.2 s\n"


def test_client_that_vanishes(launch: Launch, free_port: int) -> None:
    """A reset ends the conversation; a server that serves once fails with it."""
    server = served(launch, free_port)
    client = connect(free_port)
    client.sendall(b"hel")
    assert server.lines(3)[2] == RECEIVED + "hel"
    vanish(client)
    end = server.ends()
    assert end.code == 1
    assert end.err.startswith("server lost ('127.0.0.1', ")
    assert end.err.endswith("connection reset by peer\n")


def test_client_that_sends_nothing(launch: Launch, free_port: int) -> None:
    """A client that connects and closes is like an empty message: nothing was received, nothing is wrong."""
    server = served(launch, free_port)
    connect(free_port).close()
    end = server.ends()
    assert (end.code, end.out.splitlines()[2], end.err) == (0, RECEIVED, "")


def test_client_that_stays_silent(launch: Launch, free_port: int) -> None:
    """A client that connects and sends nothing is given up on, with --timeout."""
    server = served(launch, free_port, "--timeout", 0.3)
    with connect(free_port):
        end = server.ends()
    assert end.code == 1
    assert end.err.startswith("server gave up on ('127.0.0.1', ")
    assert end.err.endswith("no answer within 0.3 s\n")


def test_no_client_in_time(launch: Launch, free_port: int) -> None:
    """A server that nobody connects to ends, with --timeout."""
    end = served(launch, free_port, "--timeout", 0.1).ends()
    assert (end.code, end.err) == (1, "server waited 0.1 s for a connection in vain\n")


def test_second_client_of_a_server_that_serves_once(launch: Launch, free_port: int) -> None:
    """A second client waits in the queue, and learns that the server ended without it."""
    server = served(launch, free_port)
    with connect(free_port) as first:
        server.lines(2)
        second = launch("tcp_client", "--port", free_port, "--message", "me too")
        assert second.line() == "client is connected"
        first.sendall(b"me first")
    end = server.ends()
    assert (end.code, end.out) == (0, RECEIVED + "me first\n")
    end = second.ends()
    assert end.code == 1
    assert end.err == f"client lost the server at 127.0.0.1:{free_port}: connection reset by peer\n"


def test_second_client_is_served_in_turn(launch: Launch, free_port: int) -> None:
    """With --forever the second client waits its turn, and a third comes after one that vanished."""
    server = served(launch, free_port, "--forever")
    with connect(free_port) as first:
        server.lines(2)
        second = launch("tcp_client", "--port", free_port, "--message", "second")
        assert second.line() == "client is connected"
        first.sendall(b"first")
        assert server.line() == RECEIVED + "first"
    assert server.line() == "server waits for connection"
    assert server.lines(3)[2] == RECEIVED + "second"
    assert second.ends().code == 0
    assert server.line() == "server waits for connection"
    third = connect(free_port)
    server.lines(2)
    vanish(third)
    assert "connection reset by peer" in server.complaint()
    assert server.line() == "server waits for connection"
    server.gets(signal.SIGTERM)
    assert server.ends().code == 0


def test_backlog_is_a_word(launch: Launch, free_port: int) -> None:
    """With --backlog 0 Linux queues one client (it counts from zero); the next gets no answer."""
    server = served(launch, free_port, "--backlog", 0)
    with connect(free_port):
        server.lines(2)
        with connect(free_port):
            end = launch("tcp_client", "--port", free_port, "--timeout", 0.2).ends()
    assert (end.code, end.out) == (1, "")
    assert "no answer within 0.2 s" in end.err


def test_port_in_use(launch: Launch, free_port: int) -> None:
    """A second server at the same port fails in one line, without a word that it waits."""
    served(launch, free_port)
    end = launch("tcp_server", "--port", free_port).ends()
    assert (end.code, end.out) == (1, "")
    assert end.err == f"server cannot listen at 0.0.0.0:{free_port}: address already in use\n"


def test_foreign_address(launch: Launch, free_port: int) -> None:
    """A server cannot listen at an address that is another computer's."""
    end = launch("tcp_server", "--host", "192.0.2.1", "--port", free_port).ends()
    assert (end.code, end.out) == (1, "")
    assert end.err == f"server cannot listen at 192.0.2.1:{free_port}: cannot assign requested address\n"


def test_port_is_free_again(launch: Launch, free_port: int) -> None:
    """A server can be started at once where another has just ended."""
    for message in ("one", "two"):
        server = served(launch, free_port)
        assert launch("tcp_client", "--port", free_port, "--message", message).ends().code == 0
        assert said(server.ends().out) == message
