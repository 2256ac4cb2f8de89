"""A protocol with acknowledgements must survive a link that loses every fifth frame."""

from pathlib import Path

import pytest

from lab import Lab

PROGRAM = Path(__file__).with_name("reliable.py")
PIECES = 40


@pytest.mark.lab(topology="star", nodes=2, links={"h1": "coax,loss=20%"})
def test_all_pieces_arrive_once_and_in_order(lab: Lab) -> None:
    """Lost pieces come again, lost acknowledgements make no piece come twice."""
    for node in ("h1", "h2"):
        lab[node].put(PROGRAM)
    with lab["h1"].start(["python3", "/root/reliable.py", "receive", "7000"]) as receiver:
        receiver.wait_for_port(7000, "udp")
        lab["h2"].run(["python3", "/root/reliable.py", "send", "h1", "7000", str(PIECES)]).check()
        receiver.wait_for_line(f"piece {PIECES - 1}")
        assert receiver.stdout.splitlines() == [f"piece {number}" for number in range(PIECES)]
    lost = sum(way.gone.get("lost", 0) for way in lab.link("h1").stats())
    assert lost > 0, "the link lost nothing: nothing was tested"
