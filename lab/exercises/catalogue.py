"""All exercises, in the order in which a course takes them."""

from __future__ import annotations

import difflib
from importlib import import_module

from lab.errors import WordsError
from lab.exercises.exercise import Exercise

ORDER = (
    *("two_programs", "udp", "unix_socket", "ports", "who_hears_what", "round_the_ring", "how_long", "tcp_and_loss"),
    *("broken_link", "four_layers", "password", "blackjack", "rps", "servers"),
)


def exercises() -> dict[str, Exercise]:
    """Every exercise, by its name."""
    found = [import_module(f"lab.exercises.{module}").EXERCISE for module in ORDER]
    return {exercise.name: exercise for exercise in found}


def find(name: str) -> Exercise:
    """An exercise by its name.

    Raises:
        WordsError: there is none.
    """
    there = exercises()
    if name in there:
        return there[name]
    close = difflib.get_close_matches(name, there, 1)
    remedy = f"./inv exercise show {close[0]}" if close else "./inv exercise list"
    raise WordsError(f"no exercise is called {name!r}", remedy=remedy)
