"""The same programs between processes on one computer: sockets as they first were."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.unit.apps.conftest import Launch


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_conversation(launch: Launch, tmp_path: Path, protocol: str) -> None:
    """A message gets across, from a client without a name, and the socket's file goes away."""
    path = tmp_path / "s"
    server = launch(f"{protocol}_server", "--family", "unix", "--path", path)
    server.line()
    client = launch(f"{protocol}_client", "--family", "unix", "--path", path, "--message", "hello there!")
    assert client.ends().code == 0
    end = server.ends()
    assert end.code == 0
    assert "server received  hello there!" in end.out
    assert "from  a client without a name" in end.out
    assert not path.exists()


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_usual_path(launch: Launch, tmp_path: Path, free_port: int, protocol: str) -> None:
    """Without --path, protocol and port make the path, the same on both sides."""
    words, env = ("--family", "unix", "--port", free_port), {"TMPDIR": str(tmp_path)}
    server = launch(f"{protocol}_server", *words, env=env)
    server.line()
    assert (tmp_path / f"wirelab-{protocol}-{free_port}.sock").is_socket()
    assert launch(f"{protocol}_client", *words, "--message", "x", env=env).ends().code == 0
    assert server.ends().code == 0


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_stale_file(launch: Launch, tmp_path: Path, protocol: str) -> None:
    """The file that a killed server left behind does not stand in the way."""
    path = tmp_path / "s"
    for _ in range(2):
        server = launch(f"{protocol}_server", "--family", "unix", "--path", path)
        server.line()
        server.gets(signal.SIGKILL)
        assert server.ends().code == -signal.SIGKILL
        assert path.is_socket()


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
@pytest.mark.parametrize("other", ["tcp", "udp"])
def test_path_in_use(launch: Launch, tmp_path: Path, protocol: str, other: str) -> None:
    """A living server keeps its path, and does not take the question for a client."""
    path = tmp_path / "s"
    first = launch(f"{protocol}_server", "--family", "unix", "--path", path)
    first.line()
    end = launch(f"{other}_server", "--family", "unix", "--path", path).ends()
    assert (end.code, end.err) == (1, f"server cannot listen at {path}: address already in use\n")
    launch(f"{protocol}_client", "--family", "unix", "--path", path, "--message", "still there").ends()
    assert "still there" in first.ends().out


def test_other_files_are_left_alone(launch: Launch, tmp_path: Path) -> None:
    """A path with something else at it is refused, and the thing kept."""
    path = tmp_path / "letter"
    path.write_text("dear")
    end = launch("tcp_server", "--family", "unix", "--path", path).ends()
    assert (end.code, end.err) == (1, f"server cannot listen at {path}: address already in use\n")
    assert path.read_text() == "dear"


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_absent_server(launch: Launch, tmp_path: Path, protocol: str) -> None:
    """On one computer even the datagram's sender learns that nobody is there."""
    end = launch(f"{protocol}_client", "--family", "unix", "--path", tmp_path / "s").ends()
    assert (end.code, end.err) == (
        1,
        f"client found no server at {tmp_path}/s: no such file or directory\n",
    )


def test_path_too_long(launch: Launch) -> None:
    """A path beyond the 107 bytes of unix(7) is one clear line."""
    end = launch("tcp_server", "--family", "unix", "--path", "/tmp/" + "x" * 120).ends()  # noqa: S108
    assert end.code == 1
    assert end.err.endswith("path too long\n")
