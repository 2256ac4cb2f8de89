"""The lecture's programs, and what sockets do, across machines."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support import Bench

EACH = pytest.mark.parametrize("bench", ["star", "ring", "bus"], indirect=True)


def programs(
    bench: Bench, protocol: str, server: str, client: str, message: str, *options: str
) -> tuple[list[str], int, list[str]]:
    """Run both programs: what the server said after its first line, the client's code, and its words."""
    argv = ("python3", "-m", f"lab.apps.{protocol}_server", *options)
    with bench.running(server, *argv, until="server waits") as (_, lines):
        words = ("python3", "-m", f"lab.apps.{protocol}_client", "--host", server, "--message", message)
        code, said = bench.result(client, *words)
        return [text for _, text in lines], code, [text for _, text in said]


def pair(bench: Bench) -> tuple[str, str]:
    """A server and a client that are not neighbours on a ring."""
    return ("n1", "n3") if bench.lab.plan.topology.kind == "ring" else ("h1", "h2")


@EACH
def test_tcp_in_the_lectures_words(bench: Bench) -> None:
    """Server and client say what the lecture's do, in that order; the server sees the client's own address."""
    server, client = pair(bench)
    said, code, client_said = programs(bench, "tcp", server, client, "hello there!")
    assert (code, client_said) == (0, ["client is connected"])
    address = re.escape(bench.lab.plan.node(client).address)
    assert re.fullmatch(rf"server accepted connection request from  \('{address}', \d+\)", said[0])
    assert said[1:] == ["server waits for data", "server received  hello there!"]


@EACH
def test_udp_in_the_lectures_manner(bench: Bench) -> None:
    """A datagram arrives without a connection; the server sees the client's own address."""
    server, client = pair(bench)
    said, code, _ = programs(bench, "udp", server, client, "hello there!")
    assert code == 0
    assert said[0].startswith("server received  hello there!")
    assert bench.lab.plan.node(client).address in said[0]


def test_a_connection_without_a_server_is_refused(ring: Bench) -> None:
    """Nobody listens: the far kernel says so at once, across three hops, and the client says it in words."""
    code, said = ring.result("n2", "python3", "-m", "lab.apps.tcp_client", "--host", "n1", "--message", "x")
    assert code == 1
    assert "refused" in said[-1][1]


def test_a_long_message_arrives_whole_and_in_order(ring: Bench) -> None:
    """Twenty kilobytes in pieces of 80 across three hops: put together, they are the message."""
    message = " ".join(str(number) for number in range(4000))
    said, code, _ = programs(ring, "tcp", "n1", "n2", message)
    assert code == 0
    pieces = [line.removeprefix("server received  ") for line in said if line.startswith("server received  ")]
    assert "".join(pieces) == message
    assert len(pieces) > len(message) // 80 - 1


SEND_THREE = """
import socket, sys
kind = getattr(socket, sys.argv[1])
with socket.socket(socket.AF_INET, kind) as out:
    out.connect((sys.argv[2], 11300))
    for word in (b"one", b"two", b"three"):
        out.send(word)
"""
TAKE_ALL = """
import socket, sys
kind = getattr(socket, sys.argv[1])
with socket.socket(socket.AF_INET, kind) as listener:
    listener.bind(("", 11300))
    if kind == socket.SOCK_STREAM:
        listener.listen()
    print("ready", flush=True)
    if kind == socket.SOCK_STREAM:
        taken, _ = listener.accept()
        whole = taken.recv(100, socket.MSG_WAITALL)
        print(whole.decode())
    else:
        for _ in range(3):
            print(listener.recv(100).decode())
"""


@pytest.mark.parametrize(("kind", "seen"), [("SOCK_DGRAM", ["one", "two", "three"]), ("SOCK_STREAM", ["onetwothree"])])
def test_udp_keeps_messages_apart_and_tcp_does_not(star: Bench, kind: str, seen: list[str]) -> None:
    """Three sends are three datagrams, but one stream of bytes."""
    with star.running("h1", "python3", "-c", TAKE_ALL, kind, until="ready") as (_, lines):
        star.out("h2", "python3", "-c", SEND_THREE, kind, "h1")
        assert [text for _, text in lines] == seen


KNOCK = """
import socket, sys
held = []
for _ in range(int(sys.argv[2])):
    knock = socket.socket()
    knock.settimeout(1)
    try:
        knock.connect((sys.argv[1], 11300))
    except TimeoutError:
        break
    held.append(knock)
print(len(held))
"""
LISTEN_ONLY = """
import socket, sys
with socket.socket() as listener:
    listener.bind(("", 11300))
    listener.listen(int(sys.argv[1]))
    print("ready", flush=True)
    sys.stdin.read()
    __import__("signal").pause()
"""


@pytest.mark.parametrize("backlog", [2, 5])
def test_the_backlog_holds_so_many_and_one_more(star: Bench, backlog: int) -> None:
    """A server that never accepts has backlog + 1 clients waiting (listen(2), on Linux); the next one's call hangs."""
    with star.running("h1", "python3", "-c", LISTEN_ONLY, str(backlog), until="ready"):
        assert star.out("h2", "python3", "-c", KNOCK, "h1", str(backlog + 4)) == str(backlog + 1)


CLOSED_PORT = """
import socket
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
    out.settimeout(5)
    out.connect(("h1", 11301))
    out.send(b"anybody?")
    try:
        out.recv(10)
    except ConnectionRefusedError:
        print("refused")
"""


def test_a_datagram_to_a_closed_port_comes_back_as_an_error(star: Bench) -> None:
    """The far kernel answers with ICMP `port unreachable`, and the socket says so."""
    assert star.out("h2", "python3", "-c", CLOSED_PORT) == "refused"


def test_a_program_ends_when_its_caller_goes(star: Bench) -> None:
    """The connection to a program is its life line: cut, the program on the node ends, and frees its port."""
    argv = ("python3", "-m", "lab.apps.tcp_server", "--forever")
    with star.running("h1", *argv, until="server waits") as (process, lines):
        process.stop()
        assert [text for _, text in lines] == ["server was told to end"]
    with star.running("h1", *argv, until="server waits"):
        pass  # the port is free again


def test_logs_hold_what_programs_said(star: Bench) -> None:
    """What a program on a node said can be read afterwards, with its time."""
    star.out("h3", "echo", "written down")
    line = next(line for line in star.lab.logs("h3", follow=True) if line.endswith("written down"))
    assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", line)


def test_a_file_can_be_put_on_a_node(star: Bench, tmp_path: Path) -> None:
    """What is put there is there, and can be run."""
    file = tmp_path / "greet.py"
    file.write_text("print('from', __import__('socket').gethostname())")
    star.lab.put("h2", file, "/root/")
    assert star.out("h2", "python3", "/root/greet.py") == "from h2"
