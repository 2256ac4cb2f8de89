"""The same conversation over several media: what each step takes, predicted and measured, side by side.

Each medium gets a small lab of its own, for as long as it is needed. Links are made by netem where the kernel has it,
else by the software wire, and never by a token bucket, which lets the first frames of a message pass at once.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from statistics import median

from lab.engine.base import Say, unheard
from lab.engine.owner import Owner
from lab.errors import CheckError, WordsError
from lab.lab import Lab
from lab.model import exchange
from lab.model.exchange import Exchange
from lab.model.media import ALIASES, MEDIA, medium
from lab.model.plan import LabSpec, check_words, decide
from lab.model.predict import TOLERANCE, along, missing
from lab.observe.conversation import pair
from lab.observe.report import live_figures
from lab.observe.stage import Stage

PORT = 11_268
SIZE = 5_000  # bytes: the longest round number that no medium's queue overflows with
MEASURED_SECONDS, MOST_ROUNDS = 12.0, 21
SLOW_SECONDS = 0.5  # conversations that take longer leave the machine idle, and are held side by side
SHARE, SHARE_WITH_CHANCE = 0.05, 0.15
START_SECONDS = 30.0
METER = ("python3", "-m", "lab.apps.message_meter")
STEPS = ("connect", "first_byte", "whole")


@dataclass(frozen=True, slots=True)
class Measured:
    """Medians of several conversations, in seconds from the client's call on.

    Attributes:
        again: segments that were sent again, in all rounds together.
    """

    connect: float
    first_byte: float
    whole: float
    again: int
    rounds: int


@dataclass(frozen=True, slots=True)
class Row:
    """One medium.

    Attributes:
        share: how far a figure may be from its prediction.
        floor: seconds that it may be so in any case: what the shaper promises.
    """

    medium: str
    shaper: str
    predicted: Exchange
    measured: Measured
    share: float
    floor: float

    def error(self, step: str) -> float:
        """How far a step is from its prediction, as a share of it."""
        predicted: float = getattr(self.predicted, step)
        measured: float = getattr(self.measured, step)
        return measured / predicted - 1

    def holds(self, step: str) -> bool:
        """Whether a step is as predicted; where TCP must send again, nothing is."""
        predicted: float = getattr(self.predicted, step)
        return not self.predicted.sure or abs(self.error(step)) * predicted <= max(self.share * predicted, self.floor)

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
        predicted = exchange.over_tcp(lab.plan, client, server, size)
        rounds = max(1, min(MOST_ROUNDS, int(MEASURED_SECONDS / predicted.whole)))
        say(f"{spec.media}: {rounds} times {predicted.whole:.3g} s")
        measured = _measure(lab, (client, server, size), rounds, predicted)
        [shaper] = {each.shaper for each in live_figures(lab.status(), lab.plan.links[0])}
    ways = (*along(lab.plan, client, server), *along(lab.plan, server, client))
    by_chance = any(missing(way) or way.jitter or way.reorder or way.duplicate for way in ways)
    floor = TOLERANCE.trip_netem if shaper == "netem" else TOLERANCE.trip_other
    return Row(spec.media, shaper, predicted, measured, SHARE_WITH_CHANCE if by_chance else SHARE, floor)


def _measure(lab: Lab, talk: tuple[str, str, int], rounds: int, predicted: Exchange) -> Measured:
    """Hold the conversation (client, server, bytes) several times.

    Raises:
        CheckError: a side ended badly, or took far too long.
    """
    client, server, size = talk
    said: dict[str, list[str]] = {client: [], server: []}
    complaints: list[str] = []

    def hear(name: str, stream: str, line: str) -> None:
        (said[name] if stream == "stdout" else complaints).append(line)

    words = ("--port", str(PORT), "--count", str(rounds))
    rest = ("--rest", f"{predicted.connect:.6f}")
    with Stage(lab, hear) as stage:
        taker = stage.start(server, server, [*METER, "take", *words])
        stage.pass_on(lambda: taker.spoke or taker.ended, START_SECONDS)
        giver = stage.start(client, client, [*METER, "give", server, *words, "--size", str(size), *rest])
        limit = START_SECONDS + 3 * rounds * (predicted.whole + predicted.connect)
        ended = stage.pass_on(lambda: giver.ended and taker.ended, limit)
    if not ended or giver.code or taker.code:
        why = "; ".join(complaints)[-300:] or f"it took more than {limit:.0f} s"
        raise CheckError(f"the conversation failed: {why}", where=lab.plan.spec.media, remedy="once more; ./inv doctor")
    return _figures([json.loads(line) for line in said[client]], [json.loads(line) for line in said[server][1:]])


def _figures(given: Sequence[dict[str, int]], taken: Sequence[dict[str, int]]) -> Measured:
    """Medians, from what both sides say of each round."""

    def middle(begun: Sequence[dict[str, int]], ended: Sequence[dict[str, int]], key: str) -> float:
        return median(then[key] - first["begun"] for first, then in zip(begun, ended, strict=True)) / 1e9

    return Measured(
        connect=middle(given, given, "connected"),
        first_byte=middle(given, taken, "first"),
        whole=middle(given, taken, "last"),
        again=sum(each["again"] for each in given),
        rounds=len(given),
    )
