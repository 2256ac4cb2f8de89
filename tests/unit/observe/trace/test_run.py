"""What is asked for, where is listened, and when all is over: what needs no lab."""

from __future__ import annotations

import pytest

from lab.errors import WordsError
from lab.observe.trace import drain, run
from lab.observe.trace.document import conversation
from lab.observe.trace.journey import journeys
from lab.observe.trace.match import match
from lab.observe.trace.story import Story
from tests.made import Tape, greeting, tape


def test_a_size_makes_a_message_of_so_many_bytes() -> None:
    """Greetings, cut to the size; a size that no word of a command line can have is refused."""
    assert run.message_of("", "") == "hello there!"
    assert run.message_of("", "20") == "hello there! hello t"
    assert len(run.message_of("größer", "1000").encode()) <= 1000
    for wrong in ("0", "-1", "x", "100001"):
        with pytest.raises(WordsError, match="is no size"):
            run.message_of("", wrong)


def test_a_small_lab_is_listened_to_everywhere() -> None:
    """Every end of every link, so that who heard nothing can be told."""
    plan = tape("star").plan
    wanted = run.Wanted(protocol="tcp", sender="h2", to="h1")
    assert len(run.places(plan, wanted)) == 8


@pytest.mark.parametrize("topology", ["star", "ring", "bus"])
def test_in_a_large_lab_the_whole_way_is_listened_to(topology: str) -> None:
    """Of 200 nodes both ends of every link there and back are among the places; not all others are."""
    plan = tape(topology, nodes=200).plan
    sender, receiver = ("n2", "n1") if topology == "ring" else ("h2", "h1")
    found = run.places(plan, run.Wanted(protocol="tcp", sender=sender, to=receiver))
    for first, last in ((sender, receiver), (receiver, sender)):
        for hop in plan.routing.path(first, last):
            assert {(hop.node, hop.link), (hop.to, hop.link)} <= set(found)
    assert len(found) == len(set(found))
    if topology != "ring":
        assert len(found) == run.MOST_PLACES


def over(made: Tape, quiet: float, code: int = 0) -> bool:
    """Whether a conversation is over after so many quiet seconds."""
    story = Story(protocol="tcp", sender="h2", to="h1", message="hello there!", port=11267, codes=(0, code))
    scene = made.scene
    every, _ = journeys(match(made.frames, scene.macs, scene.names), scene.owners, scene.names)
    return drain.over(scene, story, conversation(scene, story, every), quiet)


def test_a_connection_is_over_when_both_know_it() -> None:
    """Not before the last acknowledgement has come; then at once."""
    made = tape("star")
    greeting(made, "h2", "h1")
    assert over(made, 0.0)
    made.frames = made.frames[:-1]
    assert not over(made, 10.0)


def test_a_frame_that_may_still_come_is_waited_for() -> None:
    """After a lost frame at the very end it takes as long as the link may need, and a margin."""
    made = tape("star")
    greeting(made, "h2", "h1")
    made.tcp("h2 h1", 114, 902, "A", lose=0)
    assert not over(made, 0.1)
    assert over(made, 1.0)


def test_who_gave_up_is_not_waited_for_long() -> None:
    """The client ended with an error, and nothing comes any more: over, once a kernel would have tried again."""
    made = tape("star")
    made.tcp("h2 h1", 100, 0, "S", lose=0)
    assert not over(made, 1.0, code=1)
    assert over(made, 2.0, code=1)
