"""The pure part of the software wire: when does a frame arrive, if it does.

A `Channel` is one direction of a link, or a whole shared medium. It is given frames and the time (nanoseconds
of a monotonic clock) and gives them back when they are due. It knows no socket and no clock, so that its
times can be tested exactly.

    offer ── lost? ── waiting (bounded in bytes) ── serialiser (rate) ── in flight (delay, jitter) ── collect
                                                              └───────── reordered: skips the delay ────┘

The serialiser is worked out afterwards rather than driven by events: a frame starts when the one before it
has finished, however late the process came round to look. So the rate is exact although the process is not.
"""

from __future__ import annotations

import dataclasses
import random
from collections import deque
from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args

from .wire_settings import as_dict

if TYPE_CHECKING:
    from .wire_settings import Settings

ETHERNET_HEADER = 14
"""Bytes before a frame's payload. veth carries no frame check sequence."""

FLIGHT_LIMIT = 64 * 2**20
"""Most bytes that one channel holds, to bound the memory: more than a second of what a wire can carry."""

NS = 1_000_000_000

Reason = Literal["queue", "flight", "oversize", "runt", "socket", "send", "gone", "cut"]


@dataclass(slots=True)
class Counters:
    """What happened to a channel's frames. `received` counts all that were read, also those dropped."""

    received: int = 0
    received_bytes: int = 0
    sent: int = 0
    sent_bytes: int = 0
    lost: int = 0
    duplicated: int = 0
    corrupted: int = 0
    reordered: int = 0
    dropped: dict[Reason, int] = dataclasses.field(default_factory=lambda: dict.fromkeys(get_args(Reason), 0))


class Fate(NamedTuple):
    """What chance has decided for one frame."""

    lost: bool
    duplicated: bool
    corrupted: float | None  # which bit, as a share of the frame behind its Ethernet header
    reordered: bool
    deviation: float  # of the delay, in standard deviations


class Dice:
    """One channel's chance: the n-th throw is the same whatever the time and the other channels do."""

    def __init__(self, seed: int, link: str, direction: int) -> None:
        self._random = random.Random(f"{seed}/{link}/{direction}")  # noqa: S311  repeatable, not secret
        self._random.random()  # a draw that older wires made: the same seed goes on losing the same frames
        self._last_lost = False
        self._last_deviation = self._random.gauss(0.0, 1.0)

    def throw(self, settings: Settings) -> Fate:
        """Decide for the next frame.

        Every throw draws the same number of values, used or not, so that switching corruption on does not
        change which frames are lost.
        """
        draw = self._random.random
        loss, duplicate, corrupt, where, reorder = draw(), draw(), draw(), draw(), draw()
        deviation = self._random.gauss(0.0, 1.0)
        likely = settings.loss + settings.loss_correlation * (self._last_lost - settings.loss)
        lost = self._last_lost = loss < likely
        if settings.delay_correlation:
            rho = settings.delay_correlation
            deviation = self._last_deviation = deviation * sqrt(1 - rho * rho) + self._last_deviation * rho
        return Fate(
            lost,
            duplicate < settings.duplicate,
            where if corrupt < settings.corrupt else None,
            reorder < settings.reorder,
            deviation,
        )


class Channel:
    """One direction of a link, or all of a shared medium: frames in, the same frames out when they are due.

    Times are nanoseconds and never go back. A frame travels with its source, a number of the caller's choice.
    """

    def __init__(self, settings: Settings, dice: Dice) -> None:
        self.settings = settings
        self.counters = Counters()
        self._in_flight_bytes = 0
        self._queued_bytes = 0
        self._dice = dice
        self._free_at = 0  # when the serialiser has sent all that it was given
        self._last_due = 0
        # Each lane is in order of its due times, so that the next frame is at the head of one of two.
        self._waiting: deque[tuple[bytes, int, Fate]] = deque()
        self._delayed: deque[tuple[int, bytes, int]] = deque()  # due, frame, source
        self._reordered: deque[tuple[int, bytes, int]] = deque()

    def offer(self, frame: bytes, source: int, now: int) -> None:
        """Put a frame on the channel: it is lost, dropped, or will be collected later."""
        counters = self.counters
        fate = self._dice.throw(self.settings)
        if fate.lost:
            counters.lost += 1
            return
        if fate.corrupted is not None:
            counters.corrupted += 1
            frame = flip_bit(frame, fate.corrupted)
        if fate.reordered:
            counters.reordered += 1
        self._advance(now)
        self._enqueue(frame, source, fate, now)
        if fate.duplicated:
            counters.duplicated += 1
            self._enqueue(frame, source, fate, now)

    def collect(self, now: int, limit: int) -> list[tuple[bytes, int]]:
        """Take off at most `limit` frames that are due, each with its source, first due first."""
        self._advance(now)
        frames: list[tuple[bytes, int]] = []
        while len(frames) < limit:
            lane = self._delayed
            if self._reordered and (not lane or self._reordered[0][0] < lane[0][0]):
                lane = self._reordered
            if not lane or lane[0][0] > now:
                break
            _, frame, source = lane.popleft()
            self._in_flight_bytes -= len(frame)
            frames.append((frame, source))
        return frames

    def wake_at(self) -> int | None:
        """When to call `collect` next: something is due then, or may have been worked out by then."""
        wake = self._delayed[0][0] if self._delayed else None
        if self._reordered and (wake is None or self._reordered[0][0] < wake):
            wake = self._reordered[0][0]
        if self._waiting and (wake is None or self._free_at < wake):
            wake = self._free_at
        return wake

    def change(self, settings: Settings, now: int) -> None:
        """Use other settings from now on. What has started keeps its time; what waits gets the new rate."""
        self._advance(now)
        self.settings = settings

    def stats(self) -> dict[str, Any]:
        """The counters, what is on its way now, and the settings."""
        return as_dict(self.counters) | {
            "in_flight": len(self._delayed) + len(self._reordered),  # being serialised, or on their way
            "in_flight_bytes": self._in_flight_bytes,
            "queued": len(self._waiting),  # for the serialiser
            "queued_bytes": self._queued_bytes,
            "settings": as_dict(self.settings),
        }

    def _enqueue(self, frame: bytes, source: int, fate: Fate, now: int) -> None:
        length = len(frame)
        if self._in_flight_bytes + self._queued_bytes + length > FLIGHT_LIMIT:
            self.counters.dropped["flight"] += 1
        elif self._free_at <= now:
            self._transmit(frame, source, fate, now)
        elif self._queued_bytes + length > self.settings.queue:
            self.counters.dropped["queue"] += 1
        else:
            self._queued_bytes += length
            self._waiting.append((frame, source, fate))

    def _advance(self, now: int) -> None:
        """Hand to the serialiser all that it has had time to begin."""
        while self._waiting and self._free_at <= now:
            frame, source, fate = self._waiting.popleft()
            self._queued_bytes -= len(frame)
            self._transmit(frame, source, fate, self._free_at)

    def _transmit(self, frame: bytes, source: int, fate: Fate, start: int) -> None:
        settings = self.settings
        finish = start
        if settings.rate is not None:
            finish += round(len(frame) * 8 * NS / settings.rate)
        self._free_at = finish
        self._in_flight_bytes += len(frame)
        if fate.reordered:
            self._reordered.append((finish, frame, source))
            return
        delay = max(0.0, settings.delay + settings.jitter * fate.deviation)
        self._last_due = max(finish + round(delay * NS), self._last_due)
        self._delayed.append((self._last_due, frame, source))


def flip_bit(frame: bytes, where: float) -> bytes:
    """The frame with one bit flipped, `where` (from 0 to 1) between its Ethernet header and its end."""
    bit = int(where * (len(frame) - ETHERNET_HEADER) * 8)
    index = ETHERNET_HEADER + bit // 8
    return b"%b%c%b" % (frame[:index], frame[index] ^ (1 << bit % 8), frame[index + 1 :])
