"""Blackjack's rules and its table: what hands are worth, whose turn it is, and that nobody can claim anything."""

from __future__ import annotations

import pytest
from hypothesis import given

from lab.apps.dialogues.blackjack import SEATS, Table, advice, outcome
from lab.apps.dialogues.cards import BEST, DECK, Shoe, value
from tests.unit.apps.dialogues.hostile import FUZZ, acts
from tests.unit.apps.dialogues.stage import Stage


class Stacked(Shoe):
    """A shoe whose cards are known."""

    def __init__(self, cards: str) -> None:
        super().__init__(seed=0)
        self._cards = list(reversed(cards.split())) if cards else []
        self._stack = self._cards

    def begin_round(self) -> None:
        """Keep the cards as they are."""


@pytest.mark.parametrize(
    ("hand", "worth"),
    [
        ("AS KS", 21),
        ("AS AH", 12),
        ("AS AH 9C", 21),
        ("AS 9C 5D", 15),
        ("10S JS QS", 30),
        ("2C 3C", 5),
        ("AS AH AD AC", 14),
    ],
)
def test_what_a_hand_is_worth(hand: str, worth: int) -> None:
    """An ace counts 11 where that does not burst, and only one can."""
    assert value(hand.split()) == worth


@pytest.mark.parametrize(
    ("player", "dealer", "change"), [(22, 22, -1), (20, 22, 1), (20, 19, 1), (19, 19, 0), (18, 21, -1)]
)
def test_what_a_hand_brings(player: int, dealer: int, change: int) -> None:
    """A player who bursts loses, even where the dealer bursts too."""
    assert outcome(player, dealer) == change


def test_a_shoe_is_four_decks_and_the_same_for_the_same_seed() -> None:
    """Each card is there four times; a seed gives the same order, no seed gives another."""
    first, second, chance = Shoe(7), Shoe(7), Shoe()
    for shoe in (first, second, chance):
        shoe.begin_round()
    cards = [first.deal() for _ in range(208)]
    assert sorted(cards) == sorted(DECK * 4)
    assert cards == [second.deal() for _ in range(208)]
    assert cards != [chance.deal() for _ in range(208)]


def test_a_round_of_two() -> None:
    """The words of a whole round, as one of two players hears them."""
    stage = Stage(Table(Stacked("10S 9S  5H 6H  10D 7D  10C  KC")))
    ann, bob = stage.come(), stage.come()
    stage.say(ann, "join Ann", "deal")
    assert stage.heard[ann] == ["welcome blackjack 1", "joined Ann", "cards Ann 10S 9S", "dealer 5H", "turn Ann"]
    stage = Stage(Table(Stacked("10S 9S  5H 6H  10D 7D  10C  KC")))
    ann, bob = stage.come(), stage.come()
    stage.say(ann, "join Ann")
    stage.say(bob, "join Bob", "deal")
    stage.say(ann, "deal")
    assert stage.say(bob, "hit") == ["error unexpected it is not your turn"]
    stage.say(ann, "stand")
    stage.say(bob, "hit")
    assert stage.heard[bob] == [
        *("welcome blackjack 1", "joined Ann", "joined Bob", "cards Ann 10S 9S", "cards Bob 5H 6H", "dealer 10D"),
        *("turn Ann", "error unexpected it is not your turn", "stands Ann 19", "turn Bob", "card Bob 10C 21"),
        *("dealer 10D 7D 17", "result Ann win 1", "result Bob win 1", "over"),
    ]


def test_out_of_turn_and_out_of_place() -> None:
    """What may not be said now is refused, and changes nothing; the fifth time ends the conversation."""
    stage = Stage(Table(Shoe(1)))
    ann = stage.come()
    for line in ("hit", "deal", "cards Ann AS KS"):
        assert stage.say(ann, line)[0].startswith("error ")
    stage.say(ann, "join Ann")
    assert stage.say(ann, "join Bea")[0].startswith("error unexpected")
    assert stage.say(ann, "result Ann win 99")[-1] == "error enough too many wrong messages"
    assert ann not in stage.here


def test_a_name_is_taken_once_and_a_table_has_seven_seats() -> None:
    """A second player of the same name is refused, an eighth client too."""
    stage = Stage(Table(Shoe(1)))
    first = stage.come()
    stage.say(first, "join Ann")
    assert stage.say(stage.come(), "join Ann") == ["error refused somebody of that name sits at the table"]
    while stage.number < SEATS:
        stage.come()
    assert stage.heard[stage.come()] == ["error full try again later"]


def test_who_stays_silent_loses_the_hand_and_the_others_play_on() -> None:
    """The player whose turn it is has so long; then the next one has the turn."""
    stage = Stage(Table(Stacked("10S 9S  10H 8H  10D 7D"), patience=10))
    ann, bob = stage.come(), stage.come()
    stage.say(ann, "join Ann")
    stage.say(bob, "join Bob", "deal")
    stage.say(ann, "deal")
    stage.wait(9)
    assert ann in stage.here
    stage.wait(2)
    assert stage.heard[ann][-1] == "error silent nothing heard for 10 s"
    assert stage.heard[bob][-2:] == ["left Ann", "turn Bob"]
    assert "result Bob win 1" in stage.say(bob, "stand")


def test_who_leaves_in_the_middle_loses_a_point() -> None:
    """An open hand is lost; between rounds nothing is."""
    stage = Stage(Table(Stacked("10S 9S  5H 6H"), patience=10))
    ann = stage.come()
    assert stage.say(ann, "join Ann", "deal", "leave")[-1] == "bye -1"
    assert stage.say(stage.come(), "leave") == ["bye 0"]


def test_nobody_can_keep_others_from_playing() -> None:
    """Whoever sits down, says nothing, and comes again when dismissed: a round begins without, after ten seconds."""
    stage = Stage(Table(Shoe(3), patience=10))
    ann = stage.come()
    idle = stage.come()
    stage.say(idle, "join Idle0")
    stage.say(ann, "join Ann", "deal")
    for number in range(1, 6):
        stage.wait(4)
        stage.leave(idle)
        idle = stage.come()
        stage.say(idle, f"join Idle{number}")
    assert [line for line in stage.heard[ann] if line.startswith("cards Ann")]
    assert not [line for line in stage.heard[ann] if line.startswith("cards Idle")]


WORDS = [
    "join Mallory",
    "join Eve",
    "join Ann",
    "deal",
    "hit",
    "stand",
    "leave",
    "turn Mallory",
    "result Eve win 9",
    "",
]


@FUZZ
@given(acts(WORDS))
def test_hostile_clients_neither_crash_nor_cheat(deeds: list[tuple[int, str, str]]) -> None:
    """Whatever others do, an honest player plays on, and every result follows from the cards that were dealt."""
    stage = Stage(Table(Shoe(3), patience=10))
    honest = stage.come()
    stage.say(honest, "join Honest", "deal")
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
        stage.answer(honest, play)
    assert honest in stage.here
    check_every_result(stage.heard[honest])


def play(line: str) -> str | None:
    """What an honest player answers to a line: it takes one card, and stands."""
    match line.split():
        case ["turn", "Honest"]:
            return "hit"
        case ["card", "Honest", _, worth] if int(worth) < BEST:
            return "stand"
        case ["over"]:
            return "deal"
    return None


def check_every_result(lines: list[str]) -> None:
    """Count along, from the cards alone."""
    hands: dict[str, list[str]] = {}
    scores: dict[str, int] = {}
    dealer: list[str] = []
    for line in lines:
        match line.split():
            case ["joined", name]:
                scores[name] = 0
            case ["cards", name, *cards]:
                hands[name] = cards
            case ["card", name, card, worth]:
                assert value(hands[name]) < BEST
                hands[name].append(card)
                assert value(hands[name]) == int(worth)
            case ["dealer", *cards, worth] if worth not in DECK:
                dealer = cards
                assert value(dealer) == int(worth)
            case ["result", name, _, score]:
                scores[name] += outcome(value(hands.pop(name)), value(dealer))
                assert scores[name] == int(score)
            case ["over"]:
                hands.clear()


@pytest.mark.parametrize(
    ("hand", "shows", "wish"), [("10S 6S", "KD", "hit"), ("10S 6S", "5D", "stand"), ("10S 7S", "AD", "stand")]
)
def test_advice(hand: str, shows: str, wish: str) -> None:
    """The client that plays by itself is cautious where the dealer shows a bad card."""
    assert advice(hand.split(), shows) == wish
