"""What `./inv bench accuracy` measures, and what comes of it. Pure: nothing is measured here."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from lab.model import predict
from lab.model.predict import Prediction
from lab.model.units import say_rate, say_share, say_time
from lab.observe.programs import Way
from lab.observe.steps import Measurement, loss_train

RATES = (2_400, 9_600, 33_600, 128_000, 1_000_000, 10_000_000, 100_000_000, 1_000_000_000)  # bit/s
DELAYS = (0.0, 0.005, 0.02, 0.1, 0.27, 0.6)  # seconds, one way
LOSSES = (0.001, 0.01, 0.05, 0.2)  # shares
COAX = 10_000_000  # bit/s; the rate where delay or loss is what is swept
OURS = ("docker", "netns")
MININET = "Mininet"
TOOLS = (*OURS, MININET)


@dataclass(frozen=True, slots=True)
class Case:
    """A link to be measured.

    Attributes:
        sweep: `rate`, `delay` or `loss`: which of its figures is swept.
        rate, delay, loss: bit/s, seconds one way, a share.
    """

    sweep: str
    rate: int = COAX
    delay: float = 0.0
    loss: float = 0.0

    @property
    def spec(self) -> str:
        """The link's SPEC."""
        words = ["coax", f"rate={self.rate}bit"]
        words += [f"delay={self.delay * 1e6:.0f}us"] * bool(self.delay)
        words += [f"loss={self.loss * 100:g}%"] * bool(self.loss)
        return ",".join(words)

    @property
    def steps(self) -> tuple[str, ...]:
        """What is measured of it: steps of `lab.observe.steps`. Echoes first: a train would leave a bucket empty."""
        return {"rate": ("round trip", "rate"), "delay": ("round trip",), "loss": ("loss",)}[self.sweep]

    def __str__(self) -> str:
        said = {"rate": say_rate(self.rate), "delay": say_time(self.delay), "loss": say_share(self.loss)}
        return f"{self.sweep} {said[self.sweep]}"


def cases(*, quick: bool = False) -> tuple[Case, ...]:
    """All links of the sweeps; a few of them to be quick."""
    rates, delays, losses = (RATES[3:6:2], DELAYS[:3:2], LOSSES[2:3]) if quick else (RATES, DELAYS, LOSSES)
    return (
        *(Case("rate", rate=rate) for rate in rates),
        *(Case("delay", delay=delay) for delay in delays),
        *(Case("loss", loss=loss) for loss in losses),
    )


@dataclass(frozen=True, slots=True)
class Figure:
    """What was measured of a case with one tool, in all rounds and directions.

    Attributes:
        what: the step: `rate`, `round trip` or `loss`.
        shaper: what makes the link so: `tbf`, `wire`, `netem`, `htb`.
        predicted: what each of the values should be; for losses, all of them together.
        values: bit/s, seconds or shares.
        frames: for losses, how many were sent in all.
        note: what else there is to say; where there are no values, why not.
    """

    case: Case
    tool: str
    what: str
    shaper: str
    predicted: Prediction
    values: tuple[float, ...]
    frames: int = 0
    note: str = ""

    @property
    def measured(self) -> float | None:
        """The median; of losses the mean, for trains of the same length are one long train."""
        if not self.values:
            return None
        return statistics.fmean(self.values) if self.what == "loss" else statistics.median(self.values)

    @property
    def good(self) -> bool:
        """Whether it is within the goal."""
        return self.measured is not None and self.predicted.holds(self.measured)

    @property
    def outside(self) -> int:
        """How many single values are not within the goal; losses are judged together only."""
        return 0 if self.what == "loss" else sum(not self.predicted.holds(value) for value in self.values)

    @property
    def errors(self) -> tuple[float, float, float] | None:
        """Of the measured, the lowest and the highest value: a share of the prediction for rates, else a difference."""
        value, measured = self.predicted.value, self.measured
        if value is None or measured is None:
            return None
        unit = value if self.what == "rate" else 1.0
        middle, lowest, highest = ((each - value) / unit for each in (measured, min(self.values), max(self.values)))
        return middle, lowest, highest


def combine(case: Case, tool: str, what: str, measured: Sequence[tuple[Way, Measurement]]) -> Figure:
    """Make one figure of all measurements of a case.

    Every one counts. `verify` excuses a bad one that was made while the machine had no time left; left out here, the
    bad ones would be missing from what is published.
    """
    held = [(way, row) for way, row in measured if row.measured is not None]
    note = "; ".join(_notes([row for _, row in measured]))
    if not held:
        return Figure(case, tool, what, "", Prediction(None), (), note=note or "nothing came")
    way = held[0][0]
    values = tuple(row.measured for _, row in held if row.measured is not None)
    if what != "loss":
        predicted = next((row.predicted for _, row in held if row.predicted.judged), held[0][1].predicted)
        return Figure(case, tool, what, way.shaper, predicted, values, note=note)
    frames = sum(loss_train(each).count for each, _ in held)
    predicted = predict.loss(way.settings, way.shaper, frames)
    return Figure(case, tool, what, way.shaper, predicted, values, frames, note)


def _notes(rows: Sequence[Measurement]) -> list[str]:
    """What is said of the measurements, and of how many."""
    said = Counter(row.note for row in rows if row.note)
    return [f"{count} of {len(rows)} measurements: {note}" for note, count in said.items()]
