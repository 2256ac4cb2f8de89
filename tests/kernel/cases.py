"""What the tests have done in the guest: labs of the embedded engine, shaped by netem, up, measured, and down."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from lab.fabric.namespaces import throw_away
from lab.lab import Lab
from lab.model.plan import LabSpec
from lab.observe.doctor import document, engines, judge
from lab.observe.measure import Instruments, Train
from lab.observe.probing import probe
from lab.observe.programs import Way
from lab.observe.steps import STEPS, Measurement
from lab.observe.verify import batches, verify, ways

FASTEST_TOGETHER = 20e6  # bit/s: what two senders and two receivers in Python can do on the guest's one processor
TRIES = 3  # a busy machine looks like a bad link, but a bad link stays bad
PORT = 9100

RECEIVE = """
import socket, sys
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
    end.bind(("", int(sys.argv[1])))
    print("ready", flush=True)
    seen = []
    while not seen or seen[-1] != "end":
        seen.append(end.recv(100).decode())
print(*seen[:-1])
"""
"""Prints the number of each datagram that comes, until one says `end`."""

SEND = """
import socket, sys, time
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
    there = sys.argv[1], int(sys.argv[2])
    for number in range(int(sys.argv[3])):
        end.sendto(b"%d" % number, there)
        time.sleep(0.001)
    for _ in range(20):
        end.sendto(b"end", there)
"""
"""Sends numbered datagrams, then `end` so often that one of them arrives."""


@contextmanager
def netem_lab(words: dict[str, Any]) -> Iterator[Lab]:
    """A lab on the embedded engine, shaped by netem alone, for the length of a `with`.

    Args:
        words: of `LabSpec`, as JSON has them.
    """
    links = tuple((name, spec) for name, spec in words.get("links", ()))
    with Lab.up(LabSpec(**{**words, "links": links, "shaper": "netem"}), "netns", _say) as lab:
        yield lab


def _say(line: str, *, passing: bool = False) -> None:  # noqa: ARG001 - the console shows all
    print(line, flush=True)


def measure_all(specs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Measure several labs at once."""
    with ThreadPoolExecutor(len(specs)) as pool:
        return list(pool.map(_measure, specs))


def _measure(words: dict[str, Any]) -> dict[str, Any]:
    return _life(words, _rows)


def read_back(words: dict[str, Any]) -> dict[str, Any]:
    """The same, with nothing measured."""
    return _life(words, lambda _: [])


def verified(words: dict[str, Any]) -> dict[str, Any]:
    """The same, by all of `verify`, TCP included."""
    return _life(words, lambda lab: list(verify(lab, _say)))


def _life(words: dict[str, Any], work: Callable[[Lab], list[Measurement]]) -> dict[str, Any]:
    """A lab's life: up, measured, read back, down.

    Returns:
        `rows` (measurements), `differences` (declared against live), `qdiscs` (by link: each direction's, as tc
        prints it, after all), `seconds`.
    """
    begun = time.monotonic()
    with netem_lab(words) as lab:
        up = time.monotonic() - begun
        rows = [asdict(row) | {"good": row.good, "error": row.error} for row in work(lab)]
        status = lab.status()
        return {
            "rows": rows,
            "differences": [str(each) for each in status.differences],
            "qdiscs": {name: link["directions"] for name, link in status.live["links"].items()},
            "seconds": {"up": up, "all": time.monotonic() - begun},
        }


def _rows(lab: Lab) -> list[Measurement]:
    """As `verify` does, but without TCP, which takes most of the time and says nothing more of netem."""
    status = lab.status()
    found: list[Measurement] = []
    with ThreadPoolExecutor() as pool, Instruments(lab) as instruments:
        for batch in batches(lab.plan.links):
            courses = [ways(lab.name, link, status) for link in batch]
            for what in ("round trip", "rate", "loss"):
                for rows in pool.map(STEPS[what], [instruments] * len(courses), courses):
                    found += rows
        course = ways(lab.name, lab.plan.links[0], status)
        if lab.plan.spec.topology == "bus" and course[0].settings.rate <= FASTEST_TOGETHER:
            found += STEPS["rate of all"](instruments, course)
        course_of = {link.name: ways(lab.name, link, status) for link in lab.plan.links}
        return [_settled(instruments, course_of[row.link], row) for row in found]


def _settled(instruments: Instruments, course: Sequence[Way], row: Measurement) -> Measurement:
    """A measurement that does not hold is made again, with nothing beside it."""
    for _ in range(TRIES - 1):
        if row.good:
            break
        same = [way for way in course if (way.sender, way.receiver) == (row.sender, row.receiver)] or course
        row = next(new for new in STEPS[row.what](instruments, same) if new.what == row.what)
    return row


def passage(words: dict[str, Any], size: int, count: int, rate: float) -> dict[str, Any]:
    """Send a train over the first link of a lab: what `lab.apps.meter` saw of it."""
    with netem_lab(words) as lab, Instruments(lab) as instruments:
        way = ways(lab.name, lab.plan.links[0], lab.status())[0]
        (seen,) = instruments.trains((way, Train(size, count, rate)))
        (qdisc, *_) = lab.status().live["links"][way.link]["directions"]
        return seen | {"qdisc": qdisc}


def survivors(words: dict[str, Any], count: int) -> list[int]:
    """Which of so many numbered datagrams come through the first link of a lab."""
    with netem_lab(words) as lab:
        return survivors_on(lab, count)


def survivors_on(lab: Lab, count: int) -> list[int]:
    """The same, on a lab that is there."""
    way = ways(lab.name, lab.plan.links[0], lab.status())[0]
    receiver = lab.start(way.receiver, ["python3", "-c", RECEIVE, str(PORT)])
    lines = receiver.lines()
    if next(lines) != ("stdout", "ready"):
        raise RuntimeError(list(lines))
    sender = lab.start(way.sender, ["python3", "-c", SEND, way.target, str(PORT), str(count)])
    if said := list(sender.lines()):
        raise RuntimeError(said)
    return [int(word) for _, text in lines for word in text.split()]


def sample(options: list[str]) -> list[dict[str, Any]]:
    """What tc says of a netem with such options: the raw JSON."""
    with throw_away():
        command = ["tc", "qdisc", "replace", "dev", "lo", "root", "handle", "1:", "netem", *options]
        subprocess.run(command, check=True)
        show = ["tc", "-s", "-json", "qdisc", "show", "dev", "lo"]
        found: list[dict[str, Any]] = json.loads(subprocess.run(show, capture_output=True, check=True).stdout)
        return found


def changes(words: dict[str, Any], steps: list[str], count: int) -> list[dict[str, Any]]:
    """Change the first link of a lab that is up, step by step, and send a train over it after each.

    Args:
        words: of `LabSpec`.
        steps: SPECs, or `reset`.
        count: datagrams.

    Returns:
        Of each step: `seen` (what `lab.apps.meter` saw), `said`, `differences`, `shapers`, `qdisc` (raw).
    """
    links = tuple((name, spec) for name, spec in words.get("links", ()))
    found = []
    with Lab.up(LabSpec(**{**words, "links": links}), "netns", _say) as lab, Instruments(lab) as instruments:
        way = ways(lab.name, lab.plan.links[0], lab.status())[0]
        for step in steps:
            said: list[str] = []
            link = replace(lab.link(way.link), say=lambda line, said=said, **_: said.append(line))
            link.reset() if step == "reset" else link.set(step)
            (seen,) = instruments.trains((way, Train(100, count, 1e6)))
            status = lab.status()
            found.append(
                {
                    "seen": seen,
                    "said": said,
                    "differences": [str(each) for each in status.differences],
                    "shapers": sorted({each.shaper for each in link.stats()}),
                    "qdisc": status.live["links"][way.link]["directions"][0],
                }
            )
    return found


def sequence(options: list[str]) -> list[dict[str, Any]]:
    """What tc says of one netem after each of several replacements."""
    with throw_away():
        found: list[dict[str, Any]] = []
        for words in options:
            command = ["tc", "qdisc", "replace", "dev", "lo", "root", "handle", "1:", "netem", *words.split()]
            subprocess.run(command, check=True)
            show = ["tc", "-s", "-json", "qdisc", "show", "dev", "lo"]
            found += json.loads(subprocess.run(show, capture_output=True, check=True).stdout)
        return [each["options"] for each in found]


def diagnosis() -> dict[str, Any]:
    """What `doctor` says of this machine."""
    facts = probe()
    found = judge(facts)
    return document(found, engines(facts, found))


def trespass(path: str) -> dict[str, str]:
    """What comes of writing a file of the host's: as the root is mounted, and after asking for it to be writable."""
    plain = _written(path)
    subprocess.run(["mount", "-o", "remount,rw", "/"], check=False)
    remounted = _written(path)
    subprocess.run(["mount", "-o", "remount,ro", "/"], check=False)
    return {"plain": plain, "remounted": remounted}


def _written(path: str) -> str:
    try:
        Path(path).write_text("from the guest")
    except OSError as error:
        return error.strerror or "?"
    return "written"


def hang() -> None:
    """Never answer."""
    print("the guest hangs", flush=True)
    threading.Event().wait()
