"""The assignments' programs as processes: strange accounts, and servers that want to break a client."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import pytest

from lab.apps.dialogues.password import MOST_COST, make_account
from lab.apps.password_server import EXAMPLE
from tests.unit.apps.conftest import Launch

CHALLENGE = b"welcome password 1 challenge\nchallenge " + b"ab" * 16 + b" "


def lying(port: int, words: bytes) -> threading.Thread:
    """A server that says words to its one client, whatever that says."""
    listener = socket.create_server(("127.0.0.1", port))

    def serve() -> None:
        with listener, listener.accept()[0] as client:
            client.sendall(words)
            client.shutdown(socket.SHUT_WR)
            while client.recv(4096):
                pass

    thread = threading.Thread(target=serve)
    thread.start()
    return thread


@pytest.mark.parametrize(
    ("game", "words", "complaint"),
    [
        ("password", CHALLENGE + f"{2 * MOST_COST} 1\n".encode(), "was given a challenge that is none"),
        ("password", CHALLENGE + b"1000 1\n", "was given a challenge that is none"),
        ("password", CHALLENGE + b"1024 1\naccess\n", "was told 'access' by"),
        ("password", CHALLENGE + b"1024 1\naccess granted\n", "was let in by a server that does not know the account"),
        ("password", b"welcome password 1 plain\n", "does not send its password over the wire"),
        (
            "rps",
            b"welcome rps 1 3\njoined x\nmatch y\nround 1\ncommitted z\nrevealed rock 1\n",
            "does not fit its hash",
        ),
        (
            "blackjack",
            b"welcome blackjack 1\njoined x\ncards x AS 2H\nturn x\n",
            "was given the turn before the dealer had a card",
        ),
        ("blackjack", b"\xff\n", "heard something strange"),
    ],
)
def test_a_server_that_lies_is_told_off(
    launch: Launch, free_port: int, game: str, words: bytes, complaint: str
) -> None:
    """In one line, whatever it says: no traceback, and no work without end."""
    server = lying(free_port, words)
    who = ["--user", EXAMPLE[0]] if game == "password" else ["--as", "x"]
    ended = launch(f"{game}_client", "--port", free_port, "--games", 1, "--timeout", 5, *who).ends()
    server.join()
    assert (ended.code, ended.err.count("\n")) == (1, 1), ended.err
    assert complaint in ended.err


def test_the_most_that_scrypt_may_cost_works() -> None:
    """What the server's words allow, the library can do."""
    assert make_account("x", MOST_COST).cost == MOST_COST


@pytest.mark.parametrize("cost", ["0", "3", "-2", str(2 * MOST_COST), "many"])
def test_an_account_that_would_break_the_server_is_refused(launch: Launch, tmp_path: Path, cost: str) -> None:
    """With the line's number, before anybody is served."""
    file = tmp_path / "accounts"
    file.write_text(f"ann {cost} {'ab' * 16} {'cd' * 32} {'ef' * 32}\n", "ascii")
    ended = launch("password_server", "--accounts", file).ends()
    assert (ended.code, ended.err) == (1, f"server cannot read {file}: line 1 is no account\n")
