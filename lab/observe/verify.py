"""Verifies a lab: measures every link and direction, and holds each measurement against its prediction.

Links are independent of each other, so they are measured side by side; but the machine that carries them is one, so
only as many as it has time for, and step by step, that no link's train holds up another's echoes. What does not hold is
measured once more with nothing beside it: a busy machine looks like a bad link, but a bad link stays bad.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from lab.engine.base import Say, unheard
from lab.lab import Lab, Status
from lab.model import readback
from lab.model.plan import LinkPlan
from lab.observe.measure import Instruments
from lab.observe.programs import Way
from lab.observe.steps import ALONE, STEPS, Measurement, by_iperf

AT_ONCE = 8  # links; each has several programs
AGAIN_SECONDS = 30.0  # for all second measurements: where much is bad, the machine's noise is not the cause


def verify(lab: Lab, say: Say = unheard) -> tuple[Measurement, ...]:
    """Measure every link and direction of a lab, as it is in force; what is cut is left out.

    Args:
        lab: it must be up.
        say: takes a line for each step.

    Returns:
        The measurements, link by link, in the plan's order.

    Raises:
        CheckError: a measurement did not end; `where` names link and direction.
    """
    status = lab.status()
    links = [link for link in status.now.links if not link.change.is_cut]
    if cut := [link.name for link in status.now.links if link.change.is_cut]:
        say(f"not measured, for it is cut: {', '.join(cut)}")
    found: dict[str, list[Measurement]] = {link.name: [] for link in links}
    # In this order: at the end, or at an error, programs are ended first, and then those who wait for them.
    with ThreadPoolExecutor(AT_ONCE) as pool, Instruments(lab) as instruments:
        for batch in batches(links):
            courses = {link.name: ways(lab.name, link, status) for link in batch}
            for what, step in STEPS.items():
                say(f"{what}: {', '.join(courses)}", passing=what == "rate of all")
                measured = pool.map(step, [instruments] * len(batch), courses.values())
                for name, rows in zip(courses, measured, strict=True):
                    found[name] += rows
        courses = {link.name: ways(lab.name, link, status) for link in links}
        deadline = time.monotonic() + AGAIN_SECONDS
        for name, rows in found.items():
            for number, row in enumerate(rows):
                if not row.good and time.monotonic() < deadline:
                    rows[number] = _again(instruments, courses[name], row, say)
    return tuple(row for rows in found.values() for row in rows)


def _again(instruments: Instruments, course: Sequence[Way], row: Measurement, say: Say) -> Measurement:
    """Measure once more, alone."""
    say(f"{row.what}: {row.link} ({row.sender} to {row.receiver}) again, alone")
    same = [way for way in course if (way.sender, way.receiver) == (row.sender, row.receiver)] or course
    step = STEPS["tcp goodput" if row.what == "rate" and by_iperf(same[0]) else row.what]
    second = next(new for new in step(instruments, same) if new.what == row.what)
    return replace(second, note="; ".join(filter(None, ("measured twice", second.note))))


def batches(links: Sequence[LinkPlan]) -> Iterator[list[LinkPlan]]:
    """The links that are measured side by side: slow ones first, as many as the machine can carry at once."""
    batch: list[LinkPlan] = []
    load = 0.0
    for link in sorted(links, key=_load):
        if batch and (len(batch) == AT_ONCE or load + _load(link) > ALONE):
            yield batch
            batch, load = [], 0.0
        batch.append(link)
        load += _load(link)
    if batch:
        yield batch


def _load(link: LinkPlan) -> float:
    return float(max(link.link.spec.forward.settings.rate, link.link.spec.back.settings.rate))


def ways(lab: str, link: LinkPlan, status: Status) -> tuple[Way, ...]:
    """The directions of a link to measure: both; on a bus, each node sends once and receives once."""
    here = status.live["links"].get(link.name)
    figures = readback.link_figures(here, status.live["wire"].get(link.name)) if here else []
    shapers = [each.shaper for each in figures] or ["none"]
    spec, ends = link.link.spec, status.plan.addresses.ports[link.name]
    both = ((spec.forward.settings, spec.back.settings), (spec.back.settings, spec.forward.settings))
    return tuple(
        Way(
            lab=lab,
            link=link.name,
            sender=sender.node,
            receiver=receiver.node,
            source=str(sender.address),
            target=str(receiver.address),
            settings=both[number % 2][0],
            back=both[number % 2][1],
            shaper=shapers[number % len(shapers)],
            shared=link.link.shared,
        )
        for number, (sender, receiver) in enumerate(zip(ends, (*ends[1:], ends[0]), strict=True))
    )
