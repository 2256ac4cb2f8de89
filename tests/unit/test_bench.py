"""The benchmark of accuracy: its cases, what it makes of measurements, its tables and its plot. Nothing is measured."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from bench import accuracy_page, accuracy_tables
from bench.accuracy import NO_NETEM, Outcome
from bench.accuracy_cases import DELAYS, LOSSES, MININET, RATES, Case, Figure, cases, combine
from bench.accuracy_echoes import SCRIPT, SUMMARY
from bench.accuracy_mininet import BUCKET, DRAIN, MininetLinks, led
from lab.errors import MachineError
from lab.model import predict
from lab.model.predict import Prediction
from lab.model.spec import parse
from lab.observe.measure import Train
from lab.observe.programs import Way
from lab.observe.steps import Measurement, busy_train, loss_train

SLOW = Case("rate", rate=2_400)
LOSSY = Case("loss", loss=0.05)


def _way(case: Case, sender: str = "h1", receiver: str = "hub") -> Way:
    settings = parse(case.spec).forward.settings
    return Way("lab", "h1-hub", sender, receiver, "10.0.0.1", "10.0.0.2", settings, settings, "wire", shared=False)


def _row(what: str, predicted: Prediction, measured: float | None, note: str = "") -> Measurement:
    return Measurement("h1-hub", "h1", "hub", what, predicted, measured, "", note)


def _figure(tool: str, measured: float | None, case: Case = SLOW, note: str = "") -> Figure:
    what = case.sweep
    rate = Prediction(case.rate, case.rate * 0.995, case.rate * 1.005)
    predicted = Prediction(case.loss, *predict.loss_interval(case.loss, 8_000)) if what == "loss" else rate
    values = () if measured is None else (measured,)
    return Figure(case, tool, what, "wire", predicted, values, 8_000, note)


def test_the_sweeps_are_all_there() -> None:
    """Each rate, delay and loss is one link, with just that figure; the quick sweep has some of each kind."""
    found = [parse(case.spec).forward.settings for case in cases()]
    assert [each.rate for each in found[:8]] == list(RATES)
    assert [each.delay for each in found[8:14]] == list(DELAYS)
    assert [each.loss for each in found[14:]] == list(LOSSES)
    assert {case.sweep for case in cases(quick=True)} == {"rate", "delay", "loss"}
    assert set(cases(quick=True)) < set(cases())


def test_the_median_counts_and_the_extremes_are_shown() -> None:
    """A rate's error is a share of the prediction: of the median, of the lowest, of the highest."""
    predicted = Prediction(1000.0, 995.0, 1005.0)
    rows = [(_way(SLOW), _row("rate", predicted, value)) for value in (900.0, 1001.0, 1002.0)]
    figure = combine(SLOW, "docker", "rate", rows)
    assert figure.measured == 1001.0
    assert figure.errors == pytest.approx((0.001, -0.1, 0.002))
    assert figure.good


def test_losses_are_pooled() -> None:
    """Trains of two directions are one long train: its share is their mean, its interval that of all frames."""
    frames = loss_train(_way(LOSSY)).count
    rows = [(_way(LOSSY), _row("loss", Prediction(0.05, 0.0, 1.0), value)) for value in (0, 0.1)]
    figure = combine(LOSSY, "netns", "loss", rows)
    assert figure.measured == pytest.approx(0.05)
    assert figure.frames == 2 * frames
    assert (figure.predicted.lowest, figure.predicted.highest) == predict.loss_interval(0.05, 2 * frames)


def test_an_excused_measurement_counts() -> None:
    """What `verify` does not judge, for the machine was busy, is bad: left out, only good ones would be published."""
    judged, excused = Prediction(1000.0, 980.0, 1020.0), Prediction(1000.0)
    pairs = [(_way(SLOW), _row("rate", excused, 500.0, "not judged")), (_way(SLOW), _row("rate", judged, 999.0))]
    figure = combine(SLOW, "docker", "rate", pairs)
    assert (figure.values, figure.outside, figure.predicted) == ((500.0, 999.0), 1, judged)
    assert figure.note == "1 of 2 measurements: not judged"
    assert not figure.good
    alone = combine(SLOW, "docker", "rate", pairs[:1])
    assert (alone.values, alone.note) == ((500.0,), "1 of 1 measurements: not judged")
    verdict = accuracy_tables.verdict(Outcome((alone,)))
    assert "- Not judged: Docker, rate 2,400 bit/s: -50.000 % (-50.000 to -50.000); 1 of 1" in verdict


def test_a_median_that_hides_something_is_told_of() -> None:
    """Where the median is within the goal and single measurements are not, the verdict says how many."""
    rows = [(_way(SLOW), _row("rate", Prediction(1000.0, 980.0, 1020.0), value)) for value in (500.0, 999.0, 1001.0)]
    verdict = accuracy_tables.verdict(Outcome((combine(SLOW, "netns", "rate", rows),)))
    assert "but 1 of 3 measurements outside: netns, rate 2,400 bit/s" in verdict


def test_nothing_that_came_is_said() -> None:
    """A figure without values has a reason, and is not good."""
    figure = combine(SLOW, "docker", "rate", [(_way(SLOW), _row("rate", Prediction(None), None))])
    assert (figure.values, figure.errors, figure.good, figure.note) == ((), None, False, "nothing came")


def test_what_is_outside_is_bold_and_listed() -> None:
    """A rate outside the goal is set in bold for wirelab, whose goal it is, and not for Mininet."""
    outcome = Outcome((_figure("docker", 2_400.0), _figure("netns", 2_300.0), _figure(MININET, 2_300.0)))
    tables = accuracy_tables.tables(outcome)
    assert tables["rates"].splitlines()[2] == (
        "| 2,400 | wire | 2,400.0 | +0.000 % (+0.000 to +0.000) | 2,300.0 | **-4.167 % (-4.167 to -4.167)** "
        "| 2,300.0 | -4.167 % (-4.167 to -4.167) |"
    )
    assert "Of wirelab's 2 figures, 1 are within the goals." in tables["verdict"]
    assert "- Outside: netns, rate 2,400 bit/s: -4.167 %" in tables["verdict"]


def test_a_dash_has_its_reason() -> None:
    """What a tool cannot do is a dash, and below the table it says why."""
    figures = (_figure("docker", 0.051, LOSSY), _figure(MININET, None, LOSSY, NO_NETEM))
    losses = accuracy_tables.tables(Outcome(figures))["losses"]
    assert losses.splitlines()[2].startswith("| 5 % | 8,000 | ")
    assert losses.splitlines()[2].endswith("| wire | 5.100 % | - |")
    assert losses.splitlines()[-1] == f"- `-`: Mininet: {NO_NETEM}."


def test_the_page_has_a_place_for_each_table(root: Path) -> None:
    """The text around the tables stays, a second writing changes nothing, and a page without a place is refused."""
    page = (root / "docs" / accuracy_page.PAGE).read_text(encoding="utf-8")
    parts = dict.fromkeys(accuracy_tables.NAMES, "| a table |")
    once = accuracy_page.put(page, parts)
    assert once.count("| a table |") == len(parts)
    assert once.startswith(page[: page.index("<!--")])
    assert accuracy_page.put(once, parts) == once
    assert set(accuracy_tables.tables(Outcome(()))) == set(parts)
    with pytest.raises(MachineError, match="no markers"):
        accuracy_page.put("a page", parts)


def test_the_plot_is_small_and_always_the_same(tmp_path: Path) -> None:
    """The same figures give the same file, so that a plot in the repository changes only when the figures do."""
    pytest.importorskip("matplotlib")
    from bench import accuracy_plot  # noqa: PLC0415 - matplotlib is an extra

    figures = [_figure(tool, rate * 1.001, Case("rate", rate=rate)) for tool in ("docker", MININET) for rate in RATES]
    for name in ("one.svg", "two.svg"):
        accuracy_plot.write(figures, tmp_path / name)
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()
    assert (tmp_path / "one.svg").stat().st_size < 100_000
    assert "declared rate" in (tmp_path / "one.svg").read_text(encoding="utf-8")


@pytest.mark.parametrize("case", [SLOW, Case("rate"), LOSSY], ids=str)
def test_mininets_bucket_is_emptied_first(case: Case) -> None:
    """A busy train has a lead that fills the bucket and does not count; what counts is the same as wirelab's."""
    way = _way(case)
    train = busy_train(way)
    longer = led(way, train)
    lead = longer.count - train.count
    assert longer.skip - train.skip == lead
    assert lead * train.frame >= BUCKET * (DRAIN if train.rate else 1)
    assert (longer.size, longer.rate) == (train.size, train.rate)


def test_a_train_for_losses_has_no_lead() -> None:
    """It is slower than the link, so the bucket makes no difference, and each frame counts."""
    way = _way(LOSSY)
    assert led(way, loss_train(way)) == loss_train(way)
    assert led(way, Train(22, 10, 0.0)).count > 10


@pytest.mark.parametrize(("qdiscs", "there"), [(["htb"], 0), (["htb", "netem"], 2)])
def test_mininet_has_a_lossy_link_only_with_netem(qdiscs: list[str], there: int) -> None:
    """Where the kernel refused netem, Mininet goes on without; such a link must not be measured."""
    link = {"source": "10.0.0.1", "target": "10.0.0.2", "qdiscs": qdiscs}
    found = MininetLinks({"version": "2.3.0", "nodes": {"h1": 1, "hub": 2}, "links": {"h1": link}})
    ways = found.course("h1", LOSSY)
    assert len(ways) == there
    assert len(found.course("h1", SLOW)) == 2
    assert [(way.source, way.target) for way in found.course("h1", SLOW)] == [
        ("10.0.0.1", "10.0.0.2"),
        ("10.0.0.2", "10.0.0.1"),
    ]


def test_each_echo_is_a_ping_of_its_own() -> None:
    """As many pings as asked for, of which each one's summary has microseconds; a lost one has no summary."""
    words = "rtt min/avg/max/mdev = 200.412/200.412/200.412/0.000 ms"
    argv = ["sh", "-c", SCRIPT, "sh", "3", "0.001", "echo", words]
    done = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=30)
    assert SUMMARY.findall(done.stdout) == ["200.412"] * 3
    assert SUMMARY.findall("1 packets transmitted, 0 received, 100% packet loss, time 0ms") == []
