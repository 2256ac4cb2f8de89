"""The lecture's three assignments across machines: played by themselves, and with clients that misbehave."""

from __future__ import annotations

import json

import pytest

from lab.observe import gathering
from tests.support import Bench

EACH_GAME = pytest.mark.parametrize("game", gathering.GAMES)


@pytest.mark.parametrize("bench", ["ring", "bus"], indirect=True)
@EACH_GAME
def test_played_by_themselves(bench: Bench, game: str) -> None:
    """A server and two clients on three machines: every program checks the others' every word, and ends well."""
    server, *clients = ("n1", "n2", "n3") if bench.lab.plan.topology.kind == "ring" else ("h1", "h2", "h3")
    heard: list[str] = []
    play = gathering.arrange(bench.lab, [game], server=server, clients=clients, games=6)
    codes = gathering.hold(bench.lab, play, lambda node, stream, line: heard.append(f"{node} {stream} {line}"), 60)
    assert gathering.failure(codes) == "", heard
    assert sum(" of 6: " in line for line in heard) == 12


RAW = """
import json, socket, struct, sys, time
host, port, pieces, how = sys.argv[1], int(sys.argv[2]), json.loads(sys.argv[3]), sys.argv[4]
with socket.create_connection((host, port), 10) as sock:
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    heard = sock.recv(4096)
    for piece in pieces:
        sock.sendall(piece.encode("latin-1"))
        time.sleep(0.05)
    if how == "reset":
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    else:
        try:
            while piece := sock.recv(4096):
                heard += piece
        except OSError as error:
            heard += repr(error).encode()
print(heard.decode())
"""

JOIN = {"password": "hello eve " + "ab" * 16, "blackjack": "join eve", "rps": "join eve"}
ANSWER = {"password": "challenge ", "blackjack": "joined eve", "rps": "joined eve"}
PORTS = {"password": "11268", "blackjack": "11269", "rps": "11270"}


@EACH_GAME
def test_clients_that_misbehave(star: Bench, game: str) -> None:
    """Messages in pieces and several in one, nonsense, silence, resets: each has its answer; play goes on."""
    server = ("python3", "-m", f"lab.apps.{game}_server", "--timeout", "2")

    def raw(*pieces: str, how: str = "wait") -> str:
        return star.out("h2", "python3", "-c", RAW, "h1", PORTS[game], json.dumps(pieces), how)

    with star.running("h1", *server, until="server waits"):
        join = f"{JOIN[game]}\n"
        assert ANSWER[game] in raw(join[:3], join[3:9], join[9:], "bye\n" if game == "password" else "leave\n")
        assert ANSWER[game] in raw(join + ("bye\r\n" if game == "password" else "leave\r\n"))
        assert "error not-text" in raw("caf\xe9\n")
        assert "error too-long" in raw("x" * 5000)
        assert "error enough" in raw("nonsense\n" * 5)
        assert "error silent nothing heard for 2 s" in raw("joi")
        raw(join, how="reset")
        words = ("--host", "h1", "--games", "1")
        code, said = star.result("h3", "python3", "-m", f"lab.apps.{game}_client", *words) if game != "rps" else (0, [])
        assert code == 0, said


def test_a_cut_connection_loses_the_match(star: Bench) -> None:
    """A player who vanishes in the middle of a match loses it, and the other one is told at once."""
    with star.running("h1", "python3", "-m", "lab.apps.rps_server", until="server waits") as (_, lines):
        waits = ("python3", "-c", RAW, "h1", PORTS["rps"], json.dumps(["join ann\nplay\n"]), "wait")
        first = star.lab.start("h2", list(waits))
        star.out("h3", "python3", "-c", RAW, "h1", PORTS["rps"], json.dumps(["join bob\n", "play\n"]), "reset")
        assert next(line for _, line in lines if "saw" in line).endswith("ann wins (left)")
        first.stop()
        assert not [text for _, text in first.lines() if "Traceback" in text]
