"""What `from lab import …` gives, as far as it needs no engine; the examples in its docstrings hold."""

from __future__ import annotations

import doctest
import importlib
from dataclasses import replace
from typing import Any

import pytest

import lab
from lab import MEDIA, LabSpec, bus, ring, star
from lab.api import own_name
from lab.errors import LabError, WordsError, typed
from lab.model.plan import check_name

MOON = "moon"


@pytest.mark.parametrize("name", ["lab", "lab.api", "lab.programs", "lab.testing"])
def test_docstrings_tell_the_truth(name: str) -> None:
    """Every example in them is run, and there are some."""
    failed, tried = doctest.testmod(importlib.import_module(name), raise_on_error=True)
    assert (failed, tried > 0) == (0, True)


def test_all_that_is_named_is_there() -> None:
    """Each name of `__all__` can be had and is listed; another one is missing in the usual way."""
    assert all(getattr(lab, name) is not None for name in lab.__all__)
    assert set(lab.__all__) <= set(dir(lab))
    with pytest.raises(AttributeError, match="no attribute 'moon'"):
        getattr(lab, MOON)


def test_recipes_are_the_words_of_up() -> None:
    """A recipe decides nothing: it returns the words that `up` would have got."""
    assert star() == LabSpec()
    assert ring(5, "fibre", routing="shortest").routing == "shortest"
    links: dict[str, Any] = {"h1": MEDIA["satellite"], "h2": "coax,loss=1%"}
    assert star(2, links=links).links == (("h1", "satellite"), ("h2", "coax,loss=1%"))
    assert bus(3, MEDIA["wireless"], seed=7) == LabSpec(topology="bus", nodes=3, media="wireless", seed=7)


def test_a_medium_of_ones_own_is_refused() -> None:
    """A lab remembers words; a medium that no word names could not be remembered."""
    with pytest.raises(WordsError, match=r"mine: .*not in the catalogue"):
        star(media=replace(MEDIA["coax"], name="mine"))


def test_names_of_ones_own() -> None:
    """Each is another one, and a lab's name."""
    names = {own_name() for _ in range(100)}
    assert len(names) == 100
    assert all(check_name(name) for name in names)


def test_the_next_command_is_as_it_was_called(monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed wirelab has no `./inv`, so nothing tells anybody to type it."""
    assert LabError.command == "./inv"
    monkeypatch.setattr(LabError, "command", "wirelab")
    assert str(LabError("no", remedy="./inv up, then ./inv status")) == "no (wirelab up, then wirelab status)"
    assert typed("./inv down") == "wirelab down"
