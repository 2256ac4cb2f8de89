"""The relay that chops: everything arrives, both ways, and never two bytes in one segment."""

from __future__ import annotations

import socket

from tests.unit.apps.conftest import Launch


def test_all_bytes_arrive_one_at_a_time(launch: Launch, free_port: int) -> None:
    """A line each way, and the end of one side is the end of the other."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        relay = launch("chop", "--port", free_port, "--to", listener.getsockname()[1])
        assert relay.line() == "chop is ready"
        with socket.create_connection(("127.0.0.1", free_port), 10) as client:
            server, _ = listener.accept()
            with server:
                client.sendall(b"there\n")
                assert b"".join(server.recv(1) for _ in range(6)) == b"there\n"
                server.sendall(b"and back\n")
                assert client.recv(1) == b"a"
                assert b"".join(client.recv(1) for _ in range(8)) == b"nd back\n"
            assert client.recv(1) == b""
