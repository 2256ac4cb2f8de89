"""The benchmark of the media: which combinations there are, and what it makes of measurements. Nothing is measured."""

from __future__ import annotations

import io
import json

import pytest
from rich.console import Console

from bench import media
from bench.media import Combination
from lab.errors import WordsError
from lab.model.media import MEDIA
from lab.model.predict import Prediction
from lab.observe.steps import Measurement

COMBINATION = Combination("netns", "bus", "coax")


def _row(what: str, predicted: Prediction, measured: float | None, note: str = "") -> Measurement:
    return Measurement("bus", "h1", "h2", what, predicted, measured, "", note)


RATE = Prediction(1000.0, 995.0, 1005.0)
ROWS = (
    _row("rate", RATE, 1001.0),
    _row("rate of all", RATE, 998.0),
    _row("round trip", Prediction(0.1, 0.09, 0.11), 0.1003),
    _row("tcp goodput", Prediction(900.0, note="not judged: chance"), 700.0, "not judged: chance"),
)
BAD = _row("loss", Prediction(0.0, 0.0, 0.0), 0.01, "measured twice")


def test_every_medium_is_run_on_every_shape_and_engine() -> None:
    """Sixty combinations, each once."""
    found = media.combinations()
    assert len(set(found)) == len(found) == 2 * 3 * len(MEDIA)


@pytest.mark.parametrize(("only", "count"), [("netns", 30), ("star,bus,fibre", 4), ("docker, ring, coax", 1), ("", 60)])
def test_names_choose_combinations(only: str, count: int) -> None:
    """Of each kind that is named, those; of any other, all."""
    assert len(media.combinations(only)) == count


def test_an_unknown_name_is_an_error() -> None:
    """It tells what names there are."""
    with pytest.raises(WordsError, match=r"'string' is none of these.*docker, netns, star"):
        media.combinations("bus,string")


def test_the_worst_error_of_each_kind_is_told() -> None:
    """With its sign; the rate of one and of all is one kind; what is not judged has no error."""
    outcome = media.outcome(COMBINATION, 1, ROWS, 12.3)
    assert outcome.good
    assert (outcome.links, outcome.judged) == ((1, 1), (3, 4))
    assert outcome.worst == {"rate": pytest.approx(-0.002), "round trip": pytest.approx(0.0003)}


def test_what_does_not_hold_is_told() -> None:
    """Link, direction, what, both figures; or why there are none."""
    outcome = media.outcome(COMBINATION, 1, [*ROWS, BAD], 12.3)
    assert outcome.verdict == "NOT GOOD: bus (h1 → h2): loss 1.00 %, predicted 0.00 % (measured twice)"
    assert media.outcome(COMBINATION, 0, (), 1.0, "no engine").verdict == "NOT GOOD: no engine"


def test_it_is_shown() -> None:
    """As a table for people, and as one document for programs."""
    outcomes = [media.outcome(COMBINATION, 1, ROWS, 12.3), media.outcome(COMBINATION, 0, (), 1.0, "no engine")]
    console = Console(file=io.StringIO(), width=150, highlight=False)
    console.print(media.table(outcomes))
    file = console.file
    assert isinstance(file, io.StringIO)
    assert [" ".join(line.split()) for line in file.getvalue().splitlines()] == [
        "engine topology medium links judged rate round trip loss seconds verdict",
        "netns bus coax 1 of 1 3 of 4 -0.20 % +0.30 ms - 12 good",
        "netns bus coax 0 of 0 0 of 0 - - - 1 NOT GOOD: no engine",
    ]
    document = json.loads(json.dumps(media.document(outcomes)))
    assert not document["good"]
    assert document["combinations"][0] == {
        "engine": "netns",
        "topology": "bus",
        "medium": "coax",
        "links": 1,
        "links_judged": 1,
        "measurements": 4,
        "measurements_judged": 3,
        "seconds": 12.3,
        "good": True,
        "complaint": "",
        "worst": {"rate": pytest.approx(-0.002), "round trip": pytest.approx(0.0003)},
    }
