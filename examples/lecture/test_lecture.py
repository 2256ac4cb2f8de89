"""The lecture's two programs, over every shape of network."""

import pytest

from lab import Lab

APPS = "lab.apps"


@pytest.mark.lab(topology=["star", "ring", "bus"], nodes=3, media="coax")
def test_hello(lab: Lab) -> None:
    """The server waits, accepts, receives and ends, in the lecture's words."""
    server_node, client_node = lab.plan.nodes[0].name, lab.plan.nodes[1].name
    with lab[server_node].start(["python3", "-m", f"{APPS}.tcp_server"]) as server:
        server.wait_for_line("server waits for connection")
        server.wait_for_port(11267)
        words = ["--host", server_node, "--message", "hello there!"]
        client = lab[client_node].run(["python3", "-m", f"{APPS}.tcp_client", *words]).check()
        assert "client is connected" in client.stdout
        assert server.wait().stdout.splitlines()[-1] == "server received  hello there!"
