"""The same conversation over several media: what each step takes, predicted and measured, side by side.

Each medium gets a small lab of its own, for as long as it is needed. Links are made by netem where the kernel has it,
else by the software wire, and never by a token bucket, which lets the first frames of a message pass at once.

What the machine adds is measured by short messages in between, and is part of the prediction (ADR 24).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from lab.engine.base import Say, unheard
from lab.engine.owner import Owner
from lab.errors import WordsError
from lab.lab import Lab
from lab.model import exchange
from lab.model.exchange import Exchange
from lab.model.machine import share
from lab.model.media import ALIASES, MEDIA, medium
from lab.model.passing import NO_TIME, Machine
from lab.model.plan import LabSpec, check_words, decide
from lab.model.predict import along, missing
from lab.observe.conversation import pair
from lab.observe.report import live_figures
from lab.observe.talk import Measured, Talk, measure

SIZE = 5_000  # bytes: the longest round number that no medium's queue overflows with
SLOW_SECONDS = 0.5  # conversations that take longer leave the machine idle, and are held side by side
SHARE, SHARE_WITH_CHANCE = 0.05, 0.15
NOISE_SECONDS = 20e-6  # our choice: about what a core that sleeps takes to wake up
STEPS = ("connect", "first_byte", "whole")


@dataclass(frozen=True, slots=True)
class Row:
    """One medium.

    Attributes:
        medium: its SPEC.
        alone: what it takes where the machine takes nothing.
        machine: what the machine adds; None where delays by chance hide it.
        links: that a call and its answer pass.
        predicted: both together.
        share: how far a figure may be from its prediction.
    """

    medium: str
    shaper: str
    alone: Exchange
    machine: Machine | None
    predicted: Exchange
    measured: Measured
    share: float
    links: int

    def error(self, step: str) -> float:
        """How far a step is from its prediction, as a share of it."""
        predicted: float = getattr(self.predicted, step)
        measured: float = getattr(self.measured, step)
        return measured / predicted - 1

    def holds(self, step: str) -> bool:
        """Whether a step is as predicted; where TCP must send again, nothing is."""
        predicted: float = getattr(self.predicted, step)
        return not self.predicted.sure or abs(self.error(step)) * predicted <= max(
            self.share * predicted, NOISE_SECONDS
        )

    @property
    def good(self) -> bool:
        """Whether all steps are as predicted."""
        return all(self.holds(step) for step in STEPS)


def media(words: str) -> list[str]:
    """Read `all`, or SPECs with spaces between; an alias stands for its medium.

    Raises:
        WordsError: there are none.
        SpecError: one cannot be read.
    """
    found = list(MEDIA) if words == "all" else [ALIASES.get(word, word) for word in words.split()]
    if not found:
        raise WordsError("no medium is named", where="--over", remedy='--over all, or --over "coax satellite,loss=1%"')
    for word in found:
        medium(word.partition(",")[0])
    return found


def compare(
    app: str, over: Sequence[str], *, topology: str, nodes: int, size: int, engine: str, say: Say = unheard
) -> list[Row]:
    """Hold the conversation over each medium; the slow ones side by side, then the fast ones one after another.

    Args:
        app: `tcp`.
        over: SPECs.
        topology: of every lab.
        nodes: of every lab.
        size: bytes of the message.
        engine: `auto`, `docker` or `netns`.
        say: takes a line for each medium.

    Raises:
        WordsError: the words do not describe a conversation or a lab.
        MachineError: a lab did not come up.
        CheckError: a conversation failed.
    """
    if app != "tcp":
        raise WordsError(f"no conversation is called {app!r}", remedy="there is tcp")
    specs = [
        LabSpec(name=f"compare-{os.getpid()}-{number}", topology=topology, nodes=nodes, media=spec, shaper="exact")
        for number, spec in enumerate(over)
    ]
    for spec in specs:
        check_words(spec)
    if not size:
        raise WordsError("a message has a byte at least", where="--size", remedy="--size 5000")
    slow = [_whole(spec, size) > SLOW_SECONDS for spec in specs]
    with ThreadPoolExecutor(max_workers=len(specs)) as pool:
        begun = {
            number: pool.submit(_row, spec, size, engine, say) for number, spec in enumerate(specs) if slow[number]
        }
        rows = {number: future.result() for number, future in begun.items()}
    rows |= {number: _row(spec, size, engine, say) for number, spec in enumerate(specs) if not slow[number]}
    return [rows[number] for number in range(len(specs))]


def _whole(spec: LabSpec, size: int) -> float:
    plan = decide(spec)
    server, client = pair(plan)
    return exchange.over_tcp(plan, client, server, size).whole


def _row(spec: LabSpec, size: int, engine: str, say: Say) -> Row:
    """One medium: a lab, some conversations, and the lab is gone."""
    with Lab.up(spec, engine, owner=Owner.here()) as lab:
        server, client = pair(lab.plan)
        talk = Talk(lab.plan, client, server, size)
        alone = talk.alone[0]
        say(f"{spec.media}: {talk.rounds} times {alone.whole:.3g} s")
        measured, short = measure(lab, talk)
        [shaper] = {each.shaper for each in live_figures(lab.status(), lab.plan.links[0])}
    ways = (*along(lab.plan, client, server), *along(lab.plan, server, client))
    late_by_chance = any(way.jitter or way.reorder for way in ways)
    by_chance = late_by_chance or any(missing(way) or way.duplicate for way in ways)
    machine = None if late_by_chance else share(lab.plan, client, server, short)
    predicted = exchange.over_tcp(lab.plan, client, server, size, machine or NO_TIME)
    allowed = SHARE_WITH_CHANCE if by_chance else SHARE
    return Row(spec.media, shaper, alone, machine, predicted, measured, allowed, len(ways))
