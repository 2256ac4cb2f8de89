"""What tasks share: positional arguments that take any number of words."""

from __future__ import annotations

from typing import Any

import pytest
from invoke.collection import Collection
from invoke.context import Context
from invoke.parser import Parser

from lab.commands.base import task


@task(positional=["first"], several=("more",))
def some(_: Context, first: str, more: list[str], loud: bool = False, size: str = "1") -> None:
    """A task of one word, and more."""


def _parsed(*words: str) -> dict[str, Any]:
    collection = Collection()
    collection.add_task(some)
    [context] = Parser(contexts=collection.to_contexts()).parse_argv(list(words))
    return {name: argument.value for name, argument in context.args.items() if name != "help"}


@pytest.mark.parametrize("again", [1, 2])
@pytest.mark.parametrize(
    ("words", "more", "size"),
    [
        (["a"], [], "1"),
        (["a", "b"], ["b"], "1"),
        (["a", "b", "c", "--loud"], ["b", "c"], "1"),
        (["a", "b", "--size", "3", "c"], ["b", "c"], "3"),
        (["a", "some"], ["some"], "1"),
    ],
    ids=str,
)
def test_a_task_takes_any_number_of_words(words: list[str], more: list[str], size: str, again: int) -> None:
    """None, one or several, with flags among them, and the same when it is parsed once more."""
    for _ in range(again):
        parsed = _parsed("some", *words)
    assert (parsed["first"], parsed["more"], parsed["size"]) == ("a", more, size)


def test_words_have_their_help() -> None:
    """As every argument has."""
    assert [argument.name for argument in some.get_arguments() if argument.positional] == ["first", "more"]
