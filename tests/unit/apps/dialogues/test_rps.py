"""Rock, paper, scissors: who wins, who may speak when, and that no hash, no salt and no haste lets anybody cheat."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given

from lab.apps.dialogues.rps import DRAWS, Meeting, seal
from tests.unit.apps.dialogues.hostile import FUZZ, acts
from tests.unit.apps.dialogues.stage import Stage

SALT = "0123456789abcdef" * 2


def pair(best_of: int = 3) -> tuple[Stage, int, int]:
    """A stage with Ann and Bob in a match."""
    stage = Stage(Meeting(best_of, patience=10))
    ann, bob = stage.come(), stage.come()
    stage.say(ann, "join Ann", "play")
    stage.say(bob, "join Bob", "play")
    return stage, ann, bob


def play(stage: Stage, number: int, first: str, second: str) -> None:
    """One round, Ann being client 1 and Bob client 2."""
    for who, name, choice in ((1, "Ann", first), (2, "Bob", second)):
        stage.say(who, f"commit {seal(name, number, choice, SALT)}")
    for who, choice in ((1, first), (2, second)):
        stage.say(who, f"reveal {choice} {SALT}")


@pytest.mark.parametrize(
    ("first", "second", "word"),
    [
        *((a, a, "draw 0 0") for a in ("rock", "paper", "scissors")),
        *(("rock", "scissors", "win 1 0"), ("paper", "rock", "win 1 0"), ("scissors", "paper", "win 1 0")),
        *(("scissors", "rock", "lose 0 1"), ("rock", "paper", "lose 0 1"), ("paper", "scissors", "lose 0 1")),
    ],
)
def test_who_wins_a_round(first: str, second: str, word: str) -> None:
    """Rock beats scissors, scissors beat paper, paper beats rock; both learn what the other one chose."""
    stage, ann, _ = pair()
    play(stage, 1, first, second)
    assert stage.heard[ann][-3:] == [f"revealed {second} {SALT}", f"result {word}", "round 2"]


def test_who_wins_a_match() -> None:
    """More than half of N; a draw counts for nobody; then both may play again."""
    stage, ann, bob = pair()
    for number, (first, second) in enumerate([("rock", "rock"), ("rock", "scissors"), ("paper", "rock")], 1):
        play(stage, number, first, second)
    assert (stage.heard[ann][-1], stage.heard[bob][-1]) == ("won score", "lost score")
    assert stage.told == ["server saw Ann and Bob: 2 to 0, Ann wins (score)"]
    assert stage.say(bob, "play") == ["waiting"]
    assert stage.say(ann, "play") == ["match Bob", "round 1"]


def test_a_match_of_draws_ends() -> None:
    """Two who always choose the same do not play for ever."""
    stage, ann, _ = pair(1)
    for number in range(1, DRAWS + 1):
        play(stage, number, "rock", "rock")
    assert stage.heard[ann][-1] == "drawn score"


def test_the_slow_one_cannot_wait_to_see() -> None:
    """Nobody sees a hash before both have committed, and nobody may reveal before that."""
    stage, ann, bob = pair()
    stage.say(ann, f"commit {seal('Ann', 1, 'rock', SALT)}")
    assert stage.heard[bob][-1] == "round 1"
    assert stage.say(ann, f"reveal rock {SALT}") == ["error unexpected both commit before anybody reveals"]
    assert stage.heard[bob][-1] == "round 1"


@pytest.mark.parametrize(
    "line",
    [f"reveal paper {SALT}", f"reveal rock {'0' * 32}"],
)
def test_a_choice_that_does_not_fit_its_hash_loses(line: str) -> None:
    """Another choice or another salt than that of the hash is a lost match."""
    stage, ann, bob = pair()
    stage.say(ann, f"commit {seal('Ann', 1, 'rock', SALT)}")
    stage.say(bob, f"commit {seal('Bob', 1, 'paper', SALT)}")
    stage.say(ann, line)
    assert (stage.heard[ann][-1], stage.heard[bob][-1]) == ("lost cheat", "won cheat")


def test_nobody_can_send_anothers_hash_or_an_old_one() -> None:
    """The name and the round are in the hash."""
    stage, ann, bob = pair()
    hers = seal("Ann", 1, "rock", SALT)
    stage.say(ann, f"commit {hers}")
    stage.say(bob, f"commit {hers}")
    stage.say(ann, f"reveal rock {SALT}")
    assert stage.say(bob, f"reveal rock {SALT}") == ["lost cheat"]
    assert seal("Ann", 1, "rock", SALT) != seal("Ann", 2, "rock", SALT)


def test_who_leaves_loses() -> None:
    """With a word or without one, and whoever is silent too long has left."""
    stage, ann, bob = pair()
    stage.say(ann, "leave")
    assert stage.heard[bob][-1] == "won left"
    stage, ann, bob = pair()
    stage.leave(ann)
    assert stage.heard[bob][-1] == "won left"
    stage, ann, bob = pair()
    stage.wait(6)
    stage.say(bob, f"commit {seal('Bob', 1, 'rock', SALT)}")
    stage.wait(5)
    assert stage.heard[ann][-1] == "error silent nothing heard for 10 s"
    assert stage.heard[bob][-1] == "won left"


def test_nobody_is_thrown_out_because_rivals_leave_in_time() -> None:
    """A commit that crosses the rival's leaving on the wire is no fault; but only one, and only that late."""
    stage, ann, bob = pair()
    for number in range(8):
        stage.leave(bob)
        assert stage.say(ann, f"commit {seal('Ann', 1, 'rock', SALT)}") == []
        bob = stage.come()
        stage.say(bob, f"join Bob{number}", "play")
        assert stage.say(ann, "play") == [f"match Bob{number}", "round 1"]
    stage.leave(bob)
    late = f"reveal rock {SALT}"
    assert stage.say(ann, late, late) == ["error unexpected you are in no match"]


def test_of_two_who_are_silent_the_other_one_may_stay() -> None:
    """Time is up for both at once: one is dismissed and loses; the other one has won, and has time again."""
    stage, _, _ = pair()
    stage.wait(11)
    (stays,) = stage.here
    assert stage.heard[stays][-1] == "won left"


WORDS = [
    *("join Mallory", "join Eve", "join Honest", "play", "play", "leave", "commit", "reveal", "won score"),
    *(f"commit {seal('Mallory', 1, 'rock', SALT)}", f"reveal rock {SALT}", f"reveal paper {SALT}"),
    *(f"commit {seal('Eve', 1, 'paper', SALT)}", f"commit {'0' * 64}"),
]


@FUZZ
@given(acts(WORDS))
def test_hostile_clients_neither_crash_nor_cheat(deeds: list[tuple[int, str, str]]) -> None:
    """Whatever others do, an honest player gets its matches, and nobody wins but by what was sealed."""
    stage = Stage(Meeting(3, patience=10))
    honest = stage.come()
    stage.say(honest, "join Honest", "play")
    reply = honest_player()
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
        stage.answer(honest, reply)
    assert honest in stage.here
    check_every_round(stage.heard[honest])


def honest_player() -> Callable[[str], str | None]:
    """An honest player, who always chooses paper."""
    number = "0"

    def reply(line: str) -> str | None:
        nonlocal number
        match line.split():
            case ["round", number]:
                return f"commit {seal('Honest', int(number), 'paper', SALT)}"
            case ["committed", _]:
                return f"reveal paper {SALT}"
            case ["won" | "lost" | "drawn", _]:
                return "play"
        return None

    return reply


def check_every_round(lines: list[str]) -> None:
    """Every verdict fits what was revealed, what was revealed fits a hash, and honesty is no cheat."""
    sealed, number, rival = "", 0, ""
    for line in lines:
        match line.split():
            case ["match", rival]:
                pass
            case ["round", word]:
                number = int(word)
            case ["committed", sealed]:
                pass
            case ["revealed", choice, salt]:
                assert seal(rival, number, choice, salt) == sealed
                verdict = {"rock": "win", "paper": "draw", "scissors": "lose"}[choice]
            case ["result", word, _, _]:
                assert word == verdict
            case ["lost" | "won" | "drawn", why]:
                assert (line, why) != ("lost cheat", "cheat")
            case ["error", *_]:
                pytest.fail(f"an honest player was told {line}")
