"""The password dialogue's server: says `access granted` or `access denied` to many clients at once.

Without `--accounts` it has one account, which is for trying things out and no secret: `student`, with the password
`hello there!`. A file of accounts is made by `--add NAME`, which asks for the password.
"""

from __future__ import annotations

import argparse
import getpass
import os
import socket
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from lab.apps import endpoint, hall
from lab.apps.common import DONE, AppError, perform, reason, say, whole
from lab.apps.dialogues.base import NAME
from lab.apps.dialogues.password import COST, MOST_COST, PORT, Account, Gate, is_cost, make_account

EXAMPLE = ("student", "hello there!")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program; returns its exit code."""
    parser = hall.words_of_a_server("Grants access to those who prove to know the password.", PORT)
    parser.add_argument("--plain", action="store_true", help="have the password itself sent, for all the wire to hear")
    parser.add_argument("--accounts", type=Path, metavar="FILE", help="the accounts (default: one for trying)")
    parser.add_argument("--add", type=_name, metavar="NAME", help="ask for a password, add it to the accounts, and end")
    parser.add_argument(
        "--cost", type=whole(2, MOST_COST), default=COST, help="scrypt's n, a power of two (%(default)s)"
    )
    words = parser.parse_args(argv)
    if not is_cost(words.cost):
        parser.error("argument --cost: a power of two is needed")
    if words.add:
        if not words.accounts:
            parser.error("--add needs --accounts")
        return perform("server", partial(add, words.accounts, words.add, words.cost))
    where = endpoint.from_words(parser, words, socket.SOCK_STREAM)

    def serve() -> None:
        accounts = read(words.accounts) if words.accounts else {EXAMPLE[0]: make_account(EXAMPLE[1], words.cost)}
        gate = Gate(accounts, plain=words.plain, patience=words.timeout or hall.PATIENCE_SECONDS)
        hall.listen(where, gate, words.clients)

    return perform("server", serve, interrupted=DONE)


def _name(word: str) -> str:
    if not NAME.fullmatch(word):
        raise argparse.ArgumentTypeError("a name is 1 to 16 letters, digits, - and _")
    return word


def add(file: Path, name: str, cost: int) -> None:
    """Ask for a password, and add what is kept of it to a file that only its owner can read.

    Raises:
        AppError: there is no password, or the file cannot be written.
    """
    password = getpass.getpass("Password : ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
    if not password:
        raise AppError("was given no password")
    account = make_account(password, cost)
    row = f"{name} {account.cost} {account.salt.hex()} {account.stored.hex()} {account.signs.hex()}\n"
    try:
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "a") as out:
            out.write(row)
    except OSError as error:
        raise AppError(f"cannot write {file}: {reason(error)}") from error
    say(f"server knows {name} now")


def read(file: Path) -> dict[str, Account]:
    """Read a file of accounts; the last row of a name counts.

    Raises:
        AppError: it cannot be read.
    """
    accounts = {}
    try:
        for number, line in enumerate(file.read_text("ascii").splitlines(), 1):
            try:
                name, account = _read_row(line)
                accounts[name] = account
            except ValueError as error:
                raise AppError(f"cannot read {file}: line {number} is no account") from error
    except OSError as error:
        raise AppError(f"cannot read {file}: {reason(error)}") from error
    return accounts


def _read_row(line: str) -> tuple[str, Account]:
    name, cost, *rest = line.split()
    salt, stored, signs = map(bytes.fromhex, rest)
    if not is_cost(int(cost)):
        raise ValueError(cost)
    return name, Account(salt, int(cost), stored, signs)


if __name__ == "__main__":
    sys.exit(main())
