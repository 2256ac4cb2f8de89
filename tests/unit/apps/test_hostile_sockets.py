"""Hostile clients over real sockets: pieces, several messages in one, cut connections, rubbish, floods, silence.

The server is a real process. WIRELAB_FUZZ says how many inputs each one gets; 10,000 is a thorough run.
"""

from __future__ import annotations

import contextlib
import re
import socket
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import given

from lab.apps.caller import Caller
from lab.apps.dialogues.password import make_account
from lab.apps.dialogues.rps import seal
from lab.apps.endpoint import Endpoint
from lab.apps.password_client import greet, try_one
from lab.apps.password_server import EXAMPLE
from tests.unit.apps.arena import Honest, Server, attack, connect, serving, until
from tests.unit.apps.dialogues import test_blackjack, test_password, test_rps
from tests.unit.apps.dialogues.hostile import FUZZ, raids

GAMES = ("password", "blackjack", "rps")
USER, PASSWORD = EXAMPLE
HONEST = "honest"  # nobody tries this name: one that is tried again and again rests, for its owner too


def log_in(server: Server, *, plain: bool = False) -> bool:
    """An honest login, by the real client's code, from an address of its own."""
    with connect(server.port) as sock:
        caller = Caller(sock, Endpoint(socket.SOCK_STREAM, "127.0.0.1", server.port), 20)
        return try_one(caller, HONEST, PASSWORD, plain=greet(caller, plain=plain))


@pytest.mark.parametrize("mode", ["challenge", "plain"])
def test_raids_on_the_password_server(free_port: int, mode: str, tmp_path: Path) -> None:
    """Nobody gets in without the password, nothing secret is printed, and after each raid who knows it gets in."""
    words = [*test_password.WORDS, f"hello {USER} {'ab' * 16}", f"password {USER} guess", f"password {USER} "]

    accounts, account = tmp_path / "accounts", make_account(PASSWORD, cost=2)
    kept = f"2 {account.salt.hex()} {account.stored.hex()} {account.signs.hex()}"
    accounts.write_text(f"{USER} {kept}\n{HONEST} {kept}\n", "ascii")
    options = ("--accounts", str(accounts), *(["--plain"] if mode == "plain" else []))
    with serving("password", free_port, *options) as server:

        @FUZZ
        @given(raids(words))
        def raid(deeds: Sequence[tuple[int, str, bytes]]) -> None:
            heard = attack(server, deeds, lambda: None)
            assert set(heard) <= {
                line for line in heard if re.match(r"welcome |challenge |access denied|error |bye", line)
            }
            server.must_be_well()
            assert log_in(server, plain=mode == "plain")

        raid()
        assert not [line for line in server.said if PASSWORD in line or "guess" in line]


def test_raids_on_the_blackjack_table(free_port: int) -> None:
    """An honest player plays on during and after each raid, and every result follows from the cards that were dealt."""
    with serving("blackjack", free_port, "--seed", "3") as server, connect(free_port) as sock:
        honest = Honest(sock, test_blackjack.play)
        honest.say("join Honest", "deal")

        @FUZZ
        @given(raids(test_blackjack.WORDS))
        def raid(deeds: Sequence[tuple[int, str, bytes]]) -> None:
            attack(server, deeds, honest.answer)
            begun = len(honest.heard)
            until(lambda: "over" in honest.heard[begun:], honest)
            server.must_be_well()

        raid()
        test_blackjack.check_every_result(honest.heard)


def test_raids_on_rock_paper_scissors(free_port: int) -> None:
    """Two honest players get their matches during and after each raid, and nobody wins but by what was sealed."""
    ends = re.compile("(won|lost|drawn) ")
    with serving("rps", free_port) as server, connect(free_port) as one, connect(free_port, "127.0.0.9") as two:
        honest = Honest(one, test_rps.honest_player())
        # From `honest_player`, who always chooses paper, a rival always wins: a match has two rounds.
        rival = Honest(two, a_player("Rival", "scissors"))

        def both_answer() -> None:
            honest.answer()
            rival.answer()

        honest.say("join Honest", "play")
        rival.say("join Rival", "play")

        @FUZZ
        @given(raids(test_rps.WORDS))
        def raid(deeds: Sequence[tuple[int, str, bytes]]) -> None:
            begun = len(honest.heard)
            attack(server, deeds, both_answer)
            until(lambda: any(map(ends.match, honest.heard[begun:])), honest, rival)
            server.must_be_well()

        raid()
        test_rps.check_every_round(honest.heard)


def a_player(name: str, choice: str) -> Callable[[str], str | None]:
    """An honest player of another name, who always chooses the same."""

    def reply(line: str) -> str | None:
        match line.split():
            case ["round", number]:
                return f"commit {seal(name, int(number), choice, test_rps.SALT)}"
            case ["committed", _]:
                return f"reveal {choice} {test_rps.SALT}"
            case ["won" | "lost" | "drawn", _]:
                return "play"
        return None

    return reply


def welcomed(port: int) -> str:
    """What an honest newcomer hears first."""
    with connect(port) as sock, sock.makefile(encoding="ascii") as lines:
        return lines.readline()


@pytest.mark.parametrize("game", GAMES)
def test_a_thousand_connections_of_one_computer_leave_room_for_another(free_port: int, game: str) -> None:
    """They are turned away when it has half of the seats; somebody from elsewhere is welcome all the same."""
    with serving(game, free_port) as server, contextlib.ExitStack() as held:
        for _ in range(1000):
            held.enter_context(connect(free_port, "127.0.0.2"))
        began = time.monotonic()
        assert welcomed(free_port).startswith("welcome ")
        assert time.monotonic() - began < 5
        server.must_be_well()


@pytest.mark.parametrize("game", GAMES)
def test_who_dribbles_is_dismissed_like_who_is_silent(free_port: int, game: str) -> None:
    """A byte now and then is no message: the time that one has runs on."""
    with serving(game, free_port, "--timeout", "1"), connect(free_port, "127.0.0.2") as slow:
        slow.settimeout(0.1)
        heard, deadline = b"", time.monotonic() + 10
        while b"error silent" not in heard and time.monotonic() < deadline:
            slow.sendall(b"x")
            with contextlib.suppress(TimeoutError):
                heard += slow.recv(4096)
        assert b"error silent nothing heard for 1 s\n" in heard


def test_who_sends_on_after_the_last_word_costs_nothing(free_port: int) -> None:
    """Nothing of it is kept: the server's memory stays as it was, and others are served meanwhile."""
    with serving("rps", free_port) as server, connect(free_port, "127.0.0.2") as flood:
        welcomed(free_port)
        before = server.memory_kib()
        began, sent = time.monotonic(), 0
        with contextlib.suppress(OSError):  # after five seconds the server closes for good
            while time.monotonic() - began < 2:
                sent += flood.send(b"x" * 65536)
        assert welcomed(free_port).startswith("welcome ")
        assert sent > 1 << 20
        assert server.memory_kib() - before < 2048, f"{sent} bytes sent"
