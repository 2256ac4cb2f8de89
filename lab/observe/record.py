"""Writes a running capture to a file or a pipe, until somebody ends it: by a signal, a count, a time, or by going away.

Nothing is dissected here, and no packet is shown.
"""

from __future__ import annotations

import os
import re
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO

from lab.errors import TopologyError, WordsError
from lab.model.plan import LabPlan
from lab.model.units import counted
from lab.observe import files
from lab.observe.capture import Capture, Place
from lab.observe.pcap import Pcap, Pcapng, Writer

STDOUT = "-"


@dataclass(frozen=True, slots=True)
class Limits:
    """When a capture ends by itself: after so many packets, after so many seconds; 0: never."""

    count: int = 0
    seconds: float = 0.0


def places_named(plan: LabPlan, nodes: Sequence[str], links: Sequence[str]) -> list[Place]:
    """The places meant by nodes (all their interfaces), by links (all their ends), or by both (where they meet).

    Raises:
        TopologyError: no such node or link, or one of the nodes is on none of the links.
        WordsError: neither is named.
    """
    if not nodes and not links:
        raise WordsError("no node and no link is named", remedy=f"./inv capture {plan.nodes[0].name}")
    wanted = {plan.link(word).name for word in links}
    found = []
    for node in [plan.node(name) for name in nodes] or plan.nodes:
        mine = [(node.name, face.link) for face in node.interfaces if not wanted or face.link in wanted]
        if nodes and not mine:
            has = ", ".join(face.link for face in node.interfaces)
            raise TopologyError(f"{node.name} is not on {' or '.join(sorted(wanted))}", remedy=f"{node.name} has {has}")
        found += mine
    return list(dict.fromkeys(found))


def duration(text: str) -> float:
    """Seconds, from a word on the command line.

    Raises:
        WordsError: it is no number.
    """
    if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", text):
        raise WordsError(f"{text!r} is not a number of seconds", where="--seconds", remedy="--seconds 10")
    return float(text)


def name_of(place: Place) -> str:
    """A place as it is written: `h1:h1-hub`."""
    return ":".join(place)


def writer(plan: LabPlan, places: Sequence[Place], target: str, *, text: bool) -> Writer:
    """What writes these places to a target: lines to read where `text` is asked for, or on a terminal; else packets.

    Pcap holds one place. Pcapng holds any number, and their names.

    Raises:
        WordsError: packets were asked for, and the target is a terminal.
    """
    terminal = target in ("", STDOUT) and sys.stdout.isatty()
    if terminal and target == STDOUT and not text:
        remedy = "--write FILE, or | wireshark -k -i -; without --write, packets are shown as lines"
        raise WordsError("packets are binary, and stdout is a terminal", where="--write", remedy=remedy)
    if text or terminal:
        from lab.observe.line import Text  # noqa: PLC0415 - dissection takes 0.4 s to load

        return Text(plan)
    if len(places) == 1 and not target.endswith(".pcapng"):
        return Pcap()
    return Pcapng([name_of(place) for place in places])


@contextmanager
def opened(target: str) -> Iterator[BinaryIO]:
    """A file to write to, or stdout.

    Raises:
        WordsError: it cannot be written to, or it is another user's.
    """
    if target in ("", STDOUT):
        yield sys.stdout.buffer
        return
    with files.create(target, remedy="--write FILE") as file:
        yield file


def record(capture: Capture, form: Writer, file: BinaryIO, limits: Limits) -> int:
    """Write what is captured, until it ends. What comes at once is written at once.

    Returns:
        How many packets were written.
    """
    numbers = {place: number for number, place in enumerate(capture.places)}
    out = Sink(file)
    out.write(form.head())
    count = 0
    with ending(capture.stop, file, limits.seconds):
        for batch in capture.batches():
            taken = batch[: limits.count - count] if limits.count else batch
            out.write(b"".join(form.packet(numbers[frame.node, frame.link], frame) for frame in taken))
            count += 0 if out.gone else len(taken)
            if out.gone or (limits.count and count == limits.count):
                capture.stop()  # and hear it out: its last words are what was dropped
    out.write(form.tail(time.time_ns(), list(capture.dropped.values())))
    return count


class Sink:
    """A file, or a pipe whose reader may go away."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.gone = False

    def write(self, data: bytes) -> None:
        """Write and flush, if there is still somebody to read."""
        if self.gone or not data:
            return
        try:
            self._file.write(data)
            self._file.flush()
        except BrokenPipeError:
            self.gone = True
            os.dup2(os.open(os.devnull, os.O_WRONLY), self._file.fileno())  # for what the file still holds


@contextmanager
def ending(stop: Callable[[], None], file: BinaryIO, seconds: float) -> Iterator[None]:
    """Call `stop` at the first Ctrl-C or SIGTERM, when the time is up, or when nobody reads any more."""

    def heard(number: int, _: object) -> None:
        signal.signal(number, before[number])  # the second one does what it always does
        stop()

    before = {int(number): signal.signal(number, heard) for number in (signal.SIGINT, signal.SIGTERM)}
    clock = threading.Timer(seconds, stop)
    clock.daemon = True
    if seconds:
        clock.start()
    threading.Thread(target=_await_end_of_reader, args=(file.fileno(), stop), daemon=True).start()
    try:
        yield
    finally:
        clock.cancel()
        for number, handler in before.items():
            signal.signal(number, handler)


def _await_end_of_reader(descriptor: int, stop: Callable[[], None]) -> None:
    """Wait until a pipe has no reader any more; a file has none that could go: poll(2), POLLERR."""
    poll = select.poll()
    poll.register(descriptor, 0)
    poll.poll()
    stop()


def greeting(capture: Capture) -> str:
    """What to tell at the beginning."""
    return f"capturing at {', '.join(name_of(place) for place in capture.places)}; Ctrl-C ends it"


def summary(capture: Capture, count: int) -> Iterator[str]:
    """What to tell at the end: how much was taken, and what was not."""
    yield f"{counted(count, 'packet')}, {sum(capture.dropped.values()) or 'none'} dropped by the kernel"
    for place, dropped in capture.dropped.items():
        if dropped and len(capture.places) > 1:
            yield f"{name_of(place)}: {dropped} dropped"
    for place in capture.gone:
        yield f"{name_of(place)} is gone: its node has ended, or its cable is not there any more"
    if not capture.whole:
        yield f"{capture.lab}: the capture was ended from outside, as `down` does; what had come is written"
