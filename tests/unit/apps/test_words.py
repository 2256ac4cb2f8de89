"""The words on the command line, and the ways to be told to end."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lab.apps.common import safe

if TYPE_CHECKING:
    from tests.unit.apps.conftest import Launch

PROGRAMS = ["tcp_server", "tcp_client", "udp_server", "udp_client"]


@pytest.mark.parametrize(
    ("port", "why"),
    [("80", "ports below 1024 are reserved"), ("65536", "a port has 16 bits"), ("http", "a port is a number")],
)
def test_port_is_refused(launch: Launch, port: str, why: str) -> None:
    """A port that is not free to use is refused with the reason, in one line, by each program."""
    for name, program in [(name, launch(name, "--port", port)) for name in PROGRAMS]:
        end = program.ends()
        assert (end.code, end.out) == (2, "")
        assert why in end.err
        assert end.err.startswith(f"{name}: ")
        assert end.err.count("\n") == 1


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("tcp_server", ["--port", "1023"]),
        ("tcp_server", ["--port", "-1"]),
        ("tcp_server", ["--buffer", "0"]),
        ("tcp_server", ["--buffer", "99999999999"]),
        ("tcp_server", ["--backlog", "-1"]),
        ("tcp_server", ["--once", "--forever"]),
        ("tcp_server", ["--timeout", "0"]),
        ("tcp_server", ["--timeout", "nan"]),
        ("tcp_server", ["--timeout", "inf"]),
        ("tcp_server", ["--family", "carrier-pigeon"]),
        ("tcp_server", ["--path", "/x"]),
        ("tcp_server", ["--mess"]),
        ("tcp_server", ["\x1b[2J"]),
        ("tcp_client", ["--message"]),
        ("tcp_client", ["--mess", "x"]),
        ("udp_server", ["--backlog", "2"]),
        ("udp_client", ["--family", "unix", "--broadcast"]),
        ("supervise", []),
        ("supervise", ["--name", "two words", "--", "true"]),
    ],
)
def test_wrong_words(launch: Launch, name: str, words: list[str]) -> None:
    """Wrong words are one line without control characters, and exit code 2."""
    end = launch(name, *words).ends()
    assert (end.code, end.out) == (2, "")
    assert end.err.startswith(f"{name}: ")
    assert end.err.count("\n") == 1
    assert "\x1b" not in end.err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("name", ["tcp_server", "udp_server"])
def test_server_is_told_to_end(launch: Launch, free_port: int, name: str, number: signal.Signals) -> None:
    """A signal ends a server cleanly: a failure before its work was done, none where it has no other end."""
    for word, code in (("--once", 1), ("--forever", 0)):
        server = launch(name, word, "--port", free_port)
        server.line()
        server.gets(number)
        end = server.ends()
        assert (end.code, end.out, end.err) == (code, "", "server was told to end\n")


def test_client_is_told_to_end(launch: Launch, free_port: int) -> None:
    """Ctrl-C at the prompt ends the client without a traceback."""
    launch("tcp_server", "--port", free_port).line()
    client = launch("tcp_client", "--port", free_port)
    client.says("Give message : ")
    client.gets(signal.SIGINT)
    end = client.ends()
    assert (end.code, end.out, end.err) == (1, "\n", "client was told to end\n")


def test_unix_socket_goes_away_with_a_server_that_is_told_to_end(launch: Launch, tmp_path: Path) -> None:
    """A signal leaves no socket file behind."""
    server = launch("tcp_server", "--family", "unix", "--path", tmp_path / "s")
    server.line()
    server.gets(signal.SIGTERM)
    assert server.ends().code == 1
    assert list(tmp_path.iterdir()) == []


def test_no_message(launch: Launch) -> None:
    """The end of the input instead of a message is a failure, not an empty message."""
    end = launch("udp_client").ends()
    assert (end.code, end.err) == (1, "client was given no message\n")
    assert end.out == "client needs no connection\nGive message : \n"


def test_nobody_listens_to_stdout(launch: Launch, free_port: int) -> None:
    """A server whose observer is gone fails in one line."""
    server = launch("udp_server", "--port", free_port, "--forever")
    server.line()
    server.stdout.close()
    launch("udp_client", "--port", free_port, "--message", "x").ends()
    assert server.complaint() == "server cannot speak: broken pipe"
    assert server.process.wait(10) == 1


def test_safe_keeps_ordinary_text() -> None:
    """Text in any script, and the joiners that some are written with, stay as they are."""
    for text in ("hello there!", "naïve 10 €", "日本語", "क\u200cष", "👩\u200d🚀", "C:\\new"):
        assert safe(text) == text
