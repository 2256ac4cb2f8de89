"""The password dialogue's client: for people, and one that plays by itself and checks every answer of the server's."""

from __future__ import annotations

import getpass
import hmac
import secrets
import socket
import sys
from collections.abc import Sequence
from functools import cache

from lab.apps import endpoint
from lab.apps.caller import Caller, calling, words_of_a_client
from lab.apps.common import AppError, ask, perform, say, whole
from lab.apps.dialogues.password import NONCE_BYTES, PORT, SALT_BYTES, is_cost, keys, proof, signature, what_was_said
from lab.apps.password_server import EXAMPLE

slow_keys = cache(keys)  # a person waits once, and a program that plays a hundred times too


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program; returns its exit code."""
    parser = words_of_a_client("Proves to a server that it knows a password.", PORT)
    parser.add_argument("--user", default=EXAMPLE[0], help="the name of the account (%(default)s)")
    parser.add_argument("--plain", action="store_true", help="send the password itself if the server wants it so")
    parser.add_argument("--games", type=whole(1, 10**6), help="play by itself: so many, every second one wrong")
    words = parser.parse_args(argv)
    where = endpoint.from_words(parser, words, socket.SOCK_STREAM)

    def talk() -> None:
        if words.games:
            play(where, words.timeout, words.games, plain=words.plain)
            return
        with calling(where, words.timeout) as server:
            is_plain = greet(server, plain=words.plain)
            say("client is connected")
            password = getpass.getpass("Password : ") if sys.stdin.isatty() else ask("Password : ")
            granted = try_one(server, words.user, password, plain=is_plain)
            server.say("bye")
            say("access granted" if granted else "access denied")
            if not granted:
                raise AppError("was not let in")

    return perform("client", talk)


def greet(server: Caller, *, plain: bool) -> bool:
    """Hear the server's first line; whether it wants passwords as they are.

    Raises:
        AppError: it does, and we are not willing: nobody shall talk us into it.
    """
    match server.expect("welcome"):
        case ["password", "1", "plain"]:
            if not plain:
                raise AppError("does not send its password over the wire for everybody to hear (--plain does)")
            return True
        case ["password", "1", "challenge"]:
            return False
    raise AppError("found a server that speaks something else")


def try_one(server: Caller, user: str, password: str, *, plain: bool) -> bool:
    """One try; whether access is granted.

    Raises:
        AppError: the server is lost, or cannot prove that it knows the account.
    """
    if plain:
        server.say("password", user, password)
        return server.expect("access", 1)[0] == "granted"
    nonce = secrets.token_hex(NONCE_BYTES)
    server.say("hello", user, nonce)
    salt, cost, server_nonce = read_challenge(server.expect("challenge"))
    ours, theirs = slow_keys(password, salt, cost)
    said = what_was_said(user, nonce, salt, cost, server_nonce)
    server.say("proof", proof(ours, said).hex())
    verdict, *shown = server.expect("access", 1)
    if verdict != "granted":
        return False
    if not hmac.compare_digest("".join(shown).encode(), signature(theirs, said).hex().encode()):
        raise AppError("was let in by a server that does not know the account: somebody sits in between")
    return True


def read_challenge(words: list[str]) -> tuple[bytes, int, str]:
    """Read salt, cost and nonce of a challenge.

    Raises:
        AppError: it is none, or asks for an absurd amount of work.
    """
    try:
        salt, cost, nonce = words
        raw, count = bytes.fromhex(salt), int(cost)
    except ValueError as error:
        raise AppError("was given a challenge that is none") from error
    if len(raw) != SALT_BYTES or not is_cost(count) or not nonce:
        raise AppError("was given a challenge that is none")
    return raw, count, nonce


def play(where: endpoint.Endpoint, timeout: float | None, games: int, *, plain: bool) -> None:
    """Hold so many dialogues, each over a connection of its own, and check each answer.

    Raises:
        AppError: an answer was wrong.
    """
    user, password = EXAMPLE
    for number in range(games):
        right = number % 2 == 0
        with calling(where, timeout) as server:
            is_plain = greet(server, plain=plain)
            granted = try_one(server, user, password if right else "let me in", plain=is_plain)
            server.say("bye")
            server.expect("bye")
        if granted is not right:
            verdict = "let in" if granted else "refused"
            raise AppError(f"was {verdict} with the {'right' if right else 'wrong'} password")
        say(f"dialogue {number + 1} of {games}: access {'granted' if granted else 'denied'}, as it should be")


if __name__ == "__main__":
    sys.exit(main())
