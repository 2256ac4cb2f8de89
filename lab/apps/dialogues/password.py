"""The password dialogue: who proves to know the password hears `access granted`, everybody else `access denied`.

Two ways to prove it. The plain one sends the password over the wire. The other one, challenge and response, is that
of RFC 5802 (SCRAM) with scrypt (RFC 7914) in the place of PBKDF2: the password never leaves the client, what
passes over the wire is of no use a second time, and what the server stores is of no use to log in.
docs/protocols/password.md has the messages. Pure, but for the chance that salts and nonces need.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from lab.apps.dialogues.base import Action, Dialogue, Send, Tell, WrongMessageError, read_name

PORT = 11268
GREETING = "welcome password 1"
TRIES = 3
"""So many wrong passwords, and the server ends the conversation."""
NAME_TRIES, NAME_SECONDS = 9, 60.0
"""So many wrong passwords for one name in a row, from wherever, and the name is denied for so long."""
NAMES_KEPT = 10_000

SALT_BYTES = NONCE_BYTES = 16
COST, BLOCK, PARALLEL = 1 << 14, 8, 1
"""scrypt's n, r and p: 16 MB and some 50 ms for each guess. RFC 7914 calls this interactive."""
MOST_COST = 1 << 16
"""Four times the time and memory. Whoever asks for more wants others to work themselves to death."""


@dataclass(frozen=True, slots=True)
class Account:
    """What a server keeps of a password: enough to check it, not enough to use it. `cost` is scrypt's n."""

    salt: bytes
    cost: int
    stored: bytes
    signs: bytes


def keys(password: str, salt: bytes, cost: int) -> tuple[bytes, bytes]:
    """The two keys of a password: the client's, with which it proves itself, and the server's, with which that does.

    This is what takes long, on purpose.
    """
    raw = password.encode("utf-8", "surrogateescape")
    whole = hashlib.scrypt(raw, salt=salt, n=cost, r=BLOCK, p=PARALLEL, maxmem=2 * 128 * BLOCK * MOST_COST, dklen=32)
    return _mac(whole, b"client key"), _mac(whole, b"server key")


def is_cost(number: int) -> bool:
    """Whether a number will do for scrypt's n: a power of two, and not too great."""
    return 1 < number <= MOST_COST and not number & (number - 1)


def make_account(password: str, cost: int = COST, salt: bytes | None = None) -> Account:
    """What to keep of a password."""
    salt = secrets.token_bytes(SALT_BYTES) if salt is None else salt
    ours, theirs = keys(password, salt, cost)
    return Account(salt, cost, hashlib.sha256(ours).digest(), theirs)


def proof(client_key: bytes, said: str) -> bytes:
    """What a client shows instead of its key: the key, hidden under a mark of all that was said."""
    mark = _mac(hashlib.sha256(client_key).digest(), said.encode())
    return bytes(a ^ b for a, b in zip(client_key, mark, strict=True))


def is_proven(account: Account, said: str, shown: bytes) -> bool:
    """Whether a proof is right for what was said, in a time that does not tell how far off it is."""
    mark = _mac(account.stored, said.encode())
    key = bytes(a ^ b for a, b in zip(shown, mark, strict=True))
    return hmac.compare_digest(hashlib.sha256(key).digest(), account.stored)


def signature(server_key: bytes, said: str) -> bytes:
    """What proves to the client that the server knows the account, and is not somebody who sits in between."""
    return _mac(server_key, said.encode())


def what_was_said(name: str, client_nonce: str, salt: bytes, cost: int, server_nonce: str) -> str:
    """All that both sides agree upon, which a proof is bound to."""
    return f"{name} {client_nonce} {salt.hex()} {cost} {server_nonce}"


def _mac(key: bytes, what: bytes) -> bytes:
    return hmac.new(key, what, hashlib.sha256).digest()


class Gate(Dialogue):
    """The server's side.

    Args:
        accounts: by name.
        plain: whether passwords are sent as they are; else by challenge and response.
        nonce: makes a challenge.
    """

    def __init__(
        self,
        accounts: Mapping[str, Account],
        *,
        plain: bool = False,
        patience: float = 60.0,
        nonce: Callable[[], str] = lambda: secrets.token_hex(NONCE_BYTES),
    ) -> None:
        super().__init__(f"{GREETING} {'plain' if plain else 'challenge'}", seats=64, patience=patience)
        self._accounts, self._plain, self._nonce = accounts, plain, nonce
        self._tries: dict[int, int] = {}
        self._pending: dict[int, tuple[str, str]] = {}
        self._failures: dict[str, tuple[int, float]] = {}
        self._secret = secrets.token_bytes(32)
        # Somebody who is not there is asked for as much work as anybody, so that nobody learns who is there.
        self._nobody = make_account(secrets.token_hex(16), max([a.cost for a in accounts.values()], default=COST))

    def on_line(self, who: int, words: list[str], now: float) -> Iterator[Action]:
        """What follows from a line."""
        match words:
            case ["password", name, *rest] if self._plain and rest:
                yield from self._hear_password(who, read_name(name), " ".join(rest), now)
            case ["hello", name, nonce] if not self._plain:
                yield from self._challenge(who, read_name(name), read_hex(nonce, NONCE_BYTES), now)
            case ["proof", shown] if not self._plain:
                yield from self._hear_proof(who, read_hex(shown, 32), now)
            case ["bye"]:
                yield from self.dismiss(who, "bye", now)
            case _:
                raise WrongMessageError("malformed", "no such message here")

    def on_left(self, who: int, now: float) -> Iterator[Action]:
        """Forget what a client had begun."""
        del now
        self._tries.pop(who, None)
        self._pending.pop(who, None)
        yield from ()

    def _challenge(self, who: int, name: str, client_nonce: str, now: float) -> Iterator[Action]:
        if who in self._pending:
            raise WrongMessageError("unexpected", "a proof is awaited")
        account = self._find(name)
        server_nonce = self._nonce()
        self._pending[who] = name, what_was_said(name, client_nonce, account.salt, account.cost, server_nonce)
        self.expect(who, now)
        yield Send(who, f"challenge {account.salt.hex()} {account.cost} {server_nonce}")

    def _hear_proof(self, who: int, shown: str, now: float) -> Iterator[Action]:
        if who not in self._pending:
            raise WrongMessageError("unexpected", "say hello first")
        name, said = self._pending.pop(who)  # a challenge is good for one try
        account = self._find(name)
        good = is_proven(account, said, bytes.fromhex(shown))
        yield from self._decide(who, name, now, good=good, word=f" {signature(account.signs, said).hex()}")

    def _hear_password(self, who: int, name: str, password: str, now: float) -> Iterator[Action]:
        account = self._find(name)
        key, _ = keys(password, account.salt, account.cost)
        good = hmac.compare_digest(hashlib.sha256(key).digest(), account.stored)
        yield from self._decide(who, name, now, good=good, word="")

    def _decide(self, who: int, name: str, now: float, *, good: bool, word: str) -> Iterator[Action]:
        closed = self._is_closed(name, now)
        if good and name in self._accounts and not closed:
            self._failures.pop(name, None)
            self._tries[who] = 0
            self.expect(who, now)
            yield Tell(f"server grants access to {name}")
            yield Send(who, f"access granted{word}")
            return
        if not closed:
            self._note_failure(name, now)
        self._tries[who] = self._tries.get(who, 0) + 1
        self.expect(who, now)
        # A name that is not ours may be a password, typed in the wrong place: it must not get into a log.
        yield Tell(f"server denies access to {name if name in self._accounts else 'somebody'}")
        yield Send(who, "access denied")
        if self._tries[who] >= TRIES:
            yield from self.dismiss(who, "error enough too many tries", now)

    def _find(self, name: str) -> Account:
        account = self._accounts.get(name)
        if account:
            return account
        salt = _mac(self._secret, name.encode())[:SALT_BYTES]  # the same each time one asks
        return Account(salt, self._nobody.cost, self._nobody.stored, self._nobody.signs)

    def _is_closed(self, name: str, now: float) -> bool:
        count, since = self._failures.get(name, (0, now))
        if count and now - since >= NAME_SECONDS:
            del self._failures[name]
            return False
        return count >= NAME_TRIES

    def _note_failure(self, name: str, now: float) -> None:
        if len(self._failures) >= NAMES_KEPT:  # of names that somebody made up; the oldest goes
            del self._failures[next(iter(self._failures))]
        count, _ = self._failures.pop(name, (0, now))
        self._failures[name] = count + 1, now


def read_hex(word: str, size: int) -> str:
    """Read so many bytes in lower-case hexadecimal digits.

    Raises:
        WrongMessageError: it is something else.
    """
    if len(word) != 2 * size or set(word) - set("0123456789abcdef"):
        raise WrongMessageError("malformed", f"{2 * size} lower-case hexadecimal digits are needed")
    return word
