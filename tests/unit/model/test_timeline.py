"""Timelines: what lines mean, which line is to blame, and that chance is the seed's."""

from __future__ import annotations

import os
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.errors import WordsError
from lab.model import timeline
from lab.model.plan import LabSpec, decide

STAR = decide(LabSpec(nodes=3))
BUS = decide(LabSpec(topology="bus", nodes=3, media="wireless"))


def read(text: str, seed: int = 1) -> list[str]:
    """The events of a timeline for the star, as text."""
    return [str(event) for event in timeline.read(text, STAR, seed)]


def test_the_example_can_be_read() -> None:
    """What the docstring shows is a timeline, and means what it says."""
    shown = (timeline.__doc__ or "").partition("\n\n")[2].partition("\n\n")[0]
    verbs = {event.verb for event in timeline.read(shown, STAR)}
    assert verbs == {"set", "cut", "heal", "stop", "start"}


@pytest.mark.parametrize(
    ("line", "events"),
    [
        ("1s cut h1", ["1 s: cut h1"]),
        ("1s cut h1 for 500ms", ["1 s: cut h1", "1.5 s: heal h1"]),
        ("0s lose h1-hub 20% for 2s", ["0 s: set h1-hub loss=20%", "2 s: set h1-hub loss=0%/loss=0%"]),
        ("0s set h1 rate=1mbit,delay=5ms for 1s", ["0 s: set h1 rate=1mbit,delay=5ms", "1 s: restore h1"]),
        ("2s partition h1,hub | h2,h3", ["2 s: cut h1,hub | h2,h3"]),
        ("2s stop h1 for 1s # and go on", ["2 s: stop h1", "3 s: start h1"]),
        ("# nothing", []),
    ],
)
def test_what_a_line_means(line: str, events: list[str]) -> None:
    """`for` is undone after its time; a comment is nothing."""
    assert read(line) == events


def test_events_come_in_the_order_of_time() -> None:
    """Whatever the order of lines; at the same time, the upper line is first."""
    assert read("2s heal h1\n1s cut h1\n1s cut h2") == ["1 s: cut h1", "1 s: cut h2", "2 s: heal h1"]


def test_flaps_are_the_seeds() -> None:
    """The same seed flaps at the same times, another one at others; the link is whole in the end."""
    text = "1s flap h1-hub every 100ms for 2s"
    events = timeline.read(text, STAR, 7)
    assert events == timeline.read(text, STAR, 7)
    assert events != timeline.read(text, STAR, 8)
    assert [event.verb for event in events[:4]] == ["cut", "heal", "cut", "heal"]
    assert (events[-1].verb, events[-1].at) == ("heal", 3.0)
    pauses = [late.at - early.at for early, late in pairwise(events[:-1])]
    assert all(0.05 <= pause <= 0.15 for pause in pauses)


def test_a_shared_medium_has_one_direction() -> None:
    """What is undone has as many directions as the link."""
    events = timeline.read("0s lose bus 50% for 1s", BUS)
    assert events[-1].text == "loss=1%"


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("cut h1", "'cut' cannot be read"),
        ("1 cut h1", "has no unit"),
        ("1s", "'' is nothing that can be done"),
        ("1s explode h1", "'explode' is nothing that can be done"),
        ("1s cut h9", "no link is called 'h9'"),
        ("1s cut", "it takes one place"),
        ("1s cut h1 h2", "it takes one place"),
        ("1s lose h1 20", "'20'"),
        ("1s lose h1", "it takes two words"),
        ("1s set h1 colour=red", "colour"),
        ("1s stop h1-hub", "no node is called 'h1-hub'"),
        ("1s heal h1 for 2s", "heal takes no `for`"),
        ("1s cut h1 for 0s", "`for` needs a time above 0"),
        ("1s cut h1 for", "`for` and a time belong at the end"),
        ("1s flap h1 for 2s", "flap needs `every` and `for`"),
        ("1s flap h1 every 1us for 9s", "more than 100000 things happen"),
        ("1s partition h1 h2", "a partition has two sides"),
        ("1s partition h1|h2", "on which side"),
    ],
)
def test_errors_name_the_line(line: str, what: str) -> None:
    """Wrong words are found before anything is done, with the line that has them."""
    with pytest.raises(WordsError) as caught:
        read(f"# a comment\n0s cut h1\n{line}\n")
    assert caught.value.where == "line 3"
    assert what in caught.value.what


WORDS = st.sampled_from(
    [
        *timeline.VERBS,
        "h1",
        "h1-hub",
        "hub",
        "bus",
        "|",
        "for",
        "every",
        "1s",
        "20%",
        "-1s",
        "1e99s",
        "loss=5%",
        "/",
        "#",
    ]
)


@settings(max_examples=int(os.environ.get("WIRELAB_EXAMPLES", "300")))
@given(st.lists(st.lists(WORDS | st.text(max_size=8), max_size=7).map(" ".join), max_size=4).map("\n".join))
def test_whatever_is_written_is_events_or_wrong_words(text: str) -> None:
    """No text is anything but a sequence in the order of time, or an error that names its line."""
    where = ""
    events: tuple[timeline.Event, ...] = ()
    try:
        events = timeline.read(text, STAR)
    except WordsError as error:
        where = str(error.where)
    assert where == "" or where.startswith("line ")
    assert [event.at for event in events] == sorted(event.at for event in events)
