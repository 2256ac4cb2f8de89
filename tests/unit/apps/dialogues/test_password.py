"""The password dialogue: who is let in, what is stored, what an ear on the wire can do with what it hears."""

from __future__ import annotations

import pytest
from hypothesis import given

from lab.apps.dialogues.password import NAME_SECONDS, NAME_TRIES, TRIES, Gate, keys, make_account, proof, what_was_said
from tests.unit.apps.dialogues.hostile import FUZZ, acts
from tests.unit.apps.dialogues.stage import Stage

SECRET, NONCE, COST = "open sesame", "ab" * 16, 2
ACCOUNT = make_account(SECRET, COST, b"0123456789abcdef")


def gate(*, plain: bool = False) -> tuple[Stage, int]:
    """A stage with one account, and a client."""
    stage = Stage(Gate({"ann": ACCOUNT}, plain=plain, patience=10))
    return stage, stage.come()


def prove(stage: Stage, who: int, name: str, password: str) -> str:
    """Answer a challenge; what the server says then."""
    word, salt, cost, nonce = stage.say(who, f"hello {name} {NONCE}")[-1].split()
    assert word == "challenge"
    key, _ = keys(password, bytes.fromhex(salt), int(cost))
    said = what_was_said(name, NONCE, bytes.fromhex(salt), int(cost), nonce)
    return stage.say(who, f"proof {proof(key, said).hex()}")[0]


@pytest.mark.parametrize(
    ("name", "password", "word"),
    [("ann", SECRET, "granted"), ("ann", "open sesam", "denied"), ("ann", "", "denied"), ("bob", SECRET, "denied")],
)
def test_who_is_let_in(name: str, password: str, word: str) -> None:
    """Whoever knows the password of an account; in both ways alike."""
    stage, who = gate()
    assert prove(stage, who, name, password).split()[:2] == ["access", word]
    stage, who = gate(plain=True)
    assert stage.say(who, f"password {name} {password}")[0] == f"access {word}"


def test_nothing_secret_is_stored_or_told() -> None:
    """Neither the password nor the key that proves it; and a password typed as a name gets into no log."""
    key, _ = keys(SECRET, ACCOUNT.salt, COST)
    assert key not in {ACCOUNT.stored, ACCOUNT.signs}
    assert make_account(SECRET, COST) != make_account(SECRET, COST)
    stage, who = gate(plain=True)
    stage.say(who, f"password ann {SECRET}", "password ann wrong-one", "password hunter2 x")
    assert stage.told == [
        "server grants access to ann", "server denies access to ann", "server denies access to somebody",
    ]  # fmt: skip


def test_what_was_heard_cannot_be_said_again() -> None:
    """A proof that was good once, sent by somebody else, is denied: the server's challenge is another one."""
    stage, ann = gate()
    prove(stage, ann, "ann", SECRET)
    salt, cost, nonce = stage.heard[ann][1].split()[1:]
    key, _ = keys(SECRET, bytes.fromhex(salt), int(cost))
    overheard = proof(key, what_was_said("ann", NONCE, bytes.fromhex(salt), int(cost), nonce)).hex()
    eve = stage.come()
    stage.say(eve, f"hello ann {NONCE}")
    assert stage.say(eve, f"proof {overheard}") == ["access denied"]


def test_a_challenge_is_good_for_one_try() -> None:
    """A proof without a challenge of its own is refused."""
    stage, who = gate()
    prove(stage, who, "ann", "wrong")
    assert stage.say(who, f"proof {'0' * 64}") == ["error unexpected say hello first"]


def test_three_tries_in_a_conversation() -> None:
    """The third wrong password ends it."""
    stage, who = gate(plain=True)
    for _ in range(TRIES):
        assert who in stage.here
        stage.say(who, "password ann wrong")
    assert stage.heard[who][-2:] == ["access denied", "error enough too many tries"]
    assert who not in stage.here


def test_a_name_rests_after_many_tries() -> None:
    """Who connects again and again is denied the right password too, until a minute has gone by."""
    stage, _ = gate(plain=True)
    for _ in range(NAME_TRIES // TRIES):
        stage.say(stage.come(), *["password ann wrong"] * TRIES)
    assert stage.say(stage.come(), f"password ann {SECRET}") == ["access denied"]
    stage.wait(NAME_SECONDS)
    assert stage.say(stage.come(), f"password ann {SECRET}") == ["access granted"]


def test_nobody_learns_who_has_an_account() -> None:
    """A name that is not there gets a challenge like any other, and the same salt each time."""
    stage, who = gate()
    first, again = (stage.say(stage.come(), f"hello {name} {NONCE}")[0].split() for name in ("nobody", "nobody"))
    ann = stage.say(who, f"hello ann {NONCE}")[0].split()
    assert first[1] == again[1]
    assert [len(word) for word in first] == [len(word) for word in ann]
    assert first[2] == ann[2]


WORDS = [
    *("hello ann", f"hello ann {NONCE}", f"hello eve {NONCE}", "proof", f"proof {'0' * 64}", "bye", "access granted"),
    *(f"proof {ACCOUNT.stored.hex()}", f"proof {ACCOUNT.signs.hex()}", "password ann", "password ann guess"),
]


@pytest.mark.parametrize("plain", [False, True])
@FUZZ
@given(deeds=acts(WORDS))
def test_hostile_clients_neither_crash_nor_get_in(plain: bool, deeds: list[tuple[int, str, str]]) -> None:
    """Without the password nobody hears `access granted`, not even with all that the server stores."""
    stage = Stage(Gate({"ann": ACCOUNT}, plain=plain, patience=10))
    evil = [stage.come() for _ in range(3)]
    for index, what, line in deeds:
        if what == "say":
            stage.say(evil[index], line)
        elif what == "leave":
            stage.leave(evil[index])
        elif what == "come" and evil[index] not in stage.here:
            evil[index] = stage.come()
        elif what == "wait":
            stage.wait(4)
    said = [line for lines in stage.heard.values() for line in lines]
    assert not [line for line in said if line.startswith("access granted")]
    assert not [line for line in stage.told if "grants" in line]
