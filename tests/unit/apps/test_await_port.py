"""A port is waited for, not guessed at."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.unit.apps.conftest import Launch

KINDS = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
@pytest.mark.parametrize("protocol", KINDS)
def test_somebody_listens(launch: Launch, free_port: int, protocol: str, family: socket.AddressFamily) -> None:
    """It ends when somebody listens, over either version of the internet protocol, and not before."""
    watch = launch("await_port", "--port", free_port, "--protocol", protocol, "--timeout", 10)
    with socket.socket(family, KINDS[protocol]) as server:
        server.bind(("", free_port))
        if protocol == "tcp":
            assert watch.process.poll() is None
            server.listen()
        assert watch.ends().code == 0


def test_nobody_listens(launch: Launch, free_port: int) -> None:
    """When the time is up, that is said; a connection from such a port is not mistaken for a server."""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as client:
        client.bind(("127.0.0.1", free_port))
        client.connect(server.getsockname())
        end = launch("await_port", "--port", free_port, "--timeout", 0.05).ends()
    assert (end.code, end.err) == (1, f"nobody listens on tcp port {free_port}\n")
