"""A marker's words, and what they come to; the tests that it parametrises. No lab is brought up."""

from __future__ import annotations

import doctest

import pytest

from lab import MEDIA
from lab.errors import WordsError
from lab.pytest_plugin import words
from lab.pytest_plugin.words import Wish, wishes

pytest_plugins = ["pytester"]


def test_docstrings_tell_the_truth() -> None:
    """The examples in them hold."""
    assert doctest.testmod(words, raise_on_error=True).failed == 0


def test_one_lab() -> None:
    """Words without lists are one lab; the same words are the same wish, so that it is brought up once."""
    given = {"topology": "ring", "media": MEDIA["satellite"], "links": {"n1-n2": "coax"}, "scope": "module"}
    found = wishes(given)
    assert list(found) == [""]
    assert found[""].spec.links == (("n1-n2", "coax"),)
    assert (found[""].spec.media, found[""].scope) == ("satellite", "module")
    assert {found[""], *wishes(dict(given)).values()} == {found[""]}
    assert wishes({})[""] == Wish()


def test_lists_are_all_combinations() -> None:
    """Each with a name that tells it from the others."""
    found = wishes({"topology": ["star", "bus"], "links": [{}, {"h1-hub": "coax"}][:1], "nodes": (2, 3)})
    assert [wish.spec.nodes for wish in found.values()] == [2, 3, 2, 3]
    assert list(found) == ["star--2", "star--3", "bus--2", "bus--3"]


@pytest.mark.parametrize(
    ("given", "what"),
    [
        ({"moon": 1}, "no word 'moon'"),
        ({"topology": "moon"}, "no topology is called 'moon'"),
        ({"scope": "week"}, "no scope is called 'week'"),
        ({"media": "wet-string"}, "no medium is called 'wet-string'"),
    ],
)
def test_wrong_words(given: dict[str, object], what: str) -> None:
    """They are found before any lab is brought up."""
    with pytest.raises(WordsError, match=what):
        wishes(given)


def test_a_test_is_parametrised_in_one_line(pytester: pytest.Pytester) -> None:
    """A list in the marker makes a test for each value."""
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.lab(topology=["star", "ring"], media=["coax", "satellite"])
        def test_over_all(lab):
            pass

        @pytest.mark.lab(nodes=2)
        def test_over_one(lab):
            pass
        """
    )
    result = pytester.runpytest_subprocess("--collect-only", "-q", "--strict-markers")
    result.stdout.fnmatch_lines([f"*test_over_all[[]{way}[]]" for way in ("star-coax", "star-satellite", "ring-coax")])
    result.stdout.fnmatch_lines(["*test_over_one"])


@pytest.mark.parametrize(
    ("marker", "what"),
    [
        ('("ring")', '*takes its words by name: @pytest.mark.lab(topology="ring")*'),
        ("(nodes=1)", "*a star of 1 cannot be made*--nodes takes 2 to 250*"),
    ],
)
def test_a_wrong_marker_is_told_at_once(pytester: pytest.Pytester, marker: str, what: str) -> None:
    """Collecting fails, with the reason and the remedy."""
    pytester.makepyfile(f"import pytest\n\n@pytest.mark.lab{marker}\ndef test_it(lab):\n    pass\n")
    result = pytester.runpytest_subprocess("--collect-only")
    assert result.ret != 0
    result.stdout.fnmatch_lines([what])


def test_flags_are_explained(pytester: pytest.Pytester) -> None:
    """`pytest --help` knows them, and `--markers` knows the marker."""
    said = str(pytester.runpytest_subprocess("--help").stdout)
    assert all(flag in said for flag in ("--wirelab-engine=ENGINE", "--wirelab-keep", "--wirelab-artifacts=FOLDER"))
    assert "@pytest.mark.lab(topology, nodes" in str(pytester.runpytest_subprocess("--markers").stdout)
