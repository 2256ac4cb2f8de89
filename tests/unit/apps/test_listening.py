"""The lookout: it sees a new socket that can be called, by TCP, UDP and UNIX, and none that was there before."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tests.unit.apps.conftest import Launch


def _tcp(port: int, _: Path) -> socket.socket:
    made = socket.create_server(("127.0.0.1", port))
    made.listen()
    return made


def _udp(port: int, _: Path) -> socket.socket:
    made = socket.socket(type=socket.SOCK_DGRAM)
    made.bind(("127.0.0.1", port))
    return made


def _unix(_: int, folder: Path) -> socket.socket:
    made = socket.socket(socket.AF_UNIX)
    made.bind(str(folder / "s"))
    made.listen()
    return made


@pytest.mark.parametrize(("kind", "make"), [("tcp", _tcp), ("udp", _udp), ("unix", _unix)])
def test_a_new_socket_is_seen(launch: Launch, free_port: int, tmp_path: Path, kind: str, make: object) -> None:
    """With what it is; the program ends then."""
    lookout = launch("listening")
    assert lookout.line() == "looking"
    assert callable(make)
    with make(free_port, tmp_path):
        assert lookout.line() == (f"unix {tmp_path}/s" if kind == "unix" else f"{kind} {free_port}")
    assert lookout.ends().code == 0


def test_a_port_may_have_been_open_before(launch: Launch, free_port: int, tmp_path: Path) -> None:
    """Whoever asks for one by its number wants to know that it is open, not since when."""
    with _tcp(free_port, tmp_path):
        lookout = launch("listening", "--port", free_port)
        assert lookout.lines(2) == ["looking", f"tcp {free_port}"]


def test_where_nobody_comes_it_says_so(launch: Launch, free_port: int, tmp_path: Path) -> None:
    """A socket that was there before is no news."""
    with _tcp(free_port, tmp_path):
        lookout = launch("listening", "--timeout", "0.2")
        ended = lookout.ends()
    assert (ended.code, ended.err) == (1, "listening saw nobody listen within 0.2 s\n")
