"""`./inv bench soak`: a lab that works for an hour, and what of it grows. On netns: its processes are here.

Two labs. One stays as long as the soak: traffic runs on it, and its links change, are cut and healed, all the time. So
its software wire, its devices and its processes are as old as the soak. The other one comes and goes, and its wire and
its nodes are killed and mended. After each round everything is counted; in the end the last rounds are held against the
first ones.
"""

from __future__ import annotations

import json
import os
import random
import statistics
import subprocess
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.left import left
from lab.engine.netns import marks
from lab.engine.netns.folder import Folder
from lab.lab import Lab, remove
from lab.model.plan import LabSpec

# A link by the software wire, one with a token bucket, one whose medium is a device.
LINKS = (("h1", "satellite,delay=20ms"), ("h2", "coax"), ("h3", "wireless,delay=0ms,jitter=0ms,loss=0%"))
WARM_UP = 3  # rounds until everything has been done once, and Python has loaded what it needs
PAGE = os.sysconf("SC_PAGE_SIZE")
SLACK_BYTES = 2 << 20  # of resident memory that may come and go with what is just being done
METER = ("python3", "-m", "lab.apps.meter")
METER_COUNT = 400


@dataclass(frozen=True, slots=True)
class Counts:
    """What is there after a round: bytes, descriptors, processes, devices and namespaces.

    `own` is the process that holds the labs, `wire` the software wire of the lab that stays.
    """

    own_memory: int
    own_descriptors: int
    own_threads: int
    wire_memory: int
    wire_descriptors: int
    lab_processes: int
    fabric_devices: int
    node_devices: int
    host_devices: int
    left_by_the_other: int


@dataclass(frozen=True, slots=True)
class Soak:
    """What came of it: its seconds, how often what was done, the counts after each round, and what went wrong."""

    seconds: float
    done: dict[str, int]
    counts: tuple[Counts, ...]
    trouble: tuple[str, ...]


def soak(minutes: float, say: Callable[[str], None]) -> Soak:
    """Work a lab for some minutes, and count.

    Args:
        minutes: how long; the round that has begun is ended.
        say: takes a line for each round.
    """
    chance = random.Random(1)  # noqa: S311 - the same order each time
    begun = time.monotonic()
    name, other = f"t{os.getpid()}-soak", f"t{os.getpid()}-soak-other"
    done = dict.fromkeys(("rounds", "datagrams", "link changes", "wires killed", "nodes killed", "labs made"), 0)
    counts: list[Counts] = []
    trouble: list[str] = []
    try:
        with Lab.up(LabSpec(name=name, nodes=3, links=LINKS), "netns") as lab:
            while (passed := time.monotonic() - begun) < minutes * 60 or len(counts) <= WARM_UP + 1:
                trouble += _round(lab, other, chance, done)
                counts.append(_count(lab, other))
                say(f"{passed:.0f} s, round {done['rounds']}: {_short(counts[-1])}")
    finally:
        remove(lab.engine, other)
    trouble += [f"{each} left {what}" for each in (name, other) for what in left("netns", each)]
    return Soak(time.monotonic() - begun, done, tuple(counts), (*trouble, *grown(counts)))


def _round(lab: Lab, other: str, chance: random.Random, done: dict[str, int]) -> list[str]:
    """Change links under traffic, then bring the other lab up, hurt it, mend it and take it down."""
    trouble = _traffic(lab, chance, done)
    for link in lab.plan.links:
        lab.link(link.name).reset()
    trouble += [f"round {done['rounds']}: {difference}" for difference in lab.status().differences]
    with Lab.up(LabSpec(name=other, nodes=2, media="satellite"), "netns") as hurt:
        wires = [found.process for found in marks.processes(other) if found.role == marks.WIRE]
        marks.end(wires)
        if not hurt.heal():
            trouble.append("a killed wire was not noticed")
        keeper = Folder(other).node("h1")
        marks.end([keeper] if keeper else [])
        again = Lab.up(hurt.plan.spec, "netns")
        trouble += [f"{other}: {difference}" for difference in again.status().differences]
    done["wires killed"] += len(wires)
    done["nodes killed"] += 1
    done["labs made"] += 2
    done["rounds"] += 1
    return trouble


def _traffic(lab: Lab, chance: random.Random, done: dict[str, int]) -> list[str]:
    """Send datagrams from each host to the next, while the links change under them."""
    hosts = [node.name for node in lab.plan.nodes if node.role == "host"]
    receivers = [lab.start(host, [*METER, "receive", "--idle", "1"]) for host in hosts]
    heard = [receiver.lines() for receiver in receivers]
    for lines in heard:
        next(lines)  # it is ready
    words = ("--size", "600", "--count", str(METER_COUNT), "--rate", "1000000")
    senders = [lab.start(a, [*METER, "send", b, *words]) for a, b in zip(hosts, [*hosts[1:], hosts[0]], strict=True)]
    for _ in range(3):
        for link in lab.plan.links:
            live = lab.link(link.name)
            live.set(rate=f"{chance.randrange(2, 20)}mbit", direction=None)
            if chance.random() < 0.3:  # noqa: PLR2004 - now and then
                live.cut()
                live.heal()
                done["link changes"] += 2
            done["link changes"] += 1
    for sender in senders:
        list(sender.lines())
        sender.wait()
    arrived = 0
    for receiver, lines in zip(receivers, heard, strict=True):
        arrived += sum(json.loads(text)["received"] for stream, text in lines if stream == "stdout")
        receiver.wait()
    done["datagrams"] += arrived
    return [] if arrived else ["no datagram arrived"]


def _count(lab: Lab, other: str) -> Counts:
    wire = marks.noted(Folder(lab.name).path / marks.WIRE) or 0
    keepers = Folder(lab.name).nodes().values()
    fabric = Folder(lab.name).fabric() or 0
    return Counts(
        own_memory=_memory(os.getpid()),
        own_descriptors=_descriptors(os.getpid()),
        own_threads=len(list(Path("/proc/self/task").iterdir())),
        wire_memory=_memory(wire),
        wire_descriptors=_descriptors(wire),
        lab_processes=len(marks.processes(lab.name)),
        fabric_devices=_devices(fabric),
        node_devices=sum(_devices(keeper) for keeper in keepers),
        host_devices=len(_prefixed(lab)),
        left_by_the_other=len(left("netns", other)),
    )


def _memory(process: int) -> int:
    """Resident memory, in bytes: proc_pid_statm(5)."""
    return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * PAGE


def _descriptors(process: int) -> int:
    return len(list(Path(f"/proc/{process}/fd").iterdir()))


def _devices(process: int) -> int:
    return len(Path(f"/proc/{process}/net/dev").read_text().splitlines()) - 2


def _prefixed(lab: Lab) -> list[str]:
    prefix = lab.plan.links[0].device.rpartition("-")[0]
    said = subprocess.run(["ip", "-o", "link"], capture_output=True, text=True, check=True).stdout
    return [line for line in said.splitlines() if prefix in line]


def grown(counts: list[Counts]) -> list[str]:
    """What is more in the last third of the rounds than in the first, once all is warm; medians of each."""
    warm = [asdict(each) for each in counts[WARM_UP:]]
    third = max(1, len(warm) // 3)
    found = []
    for key in asdict(counts[0]):
        before, after = (statistics.median(each[key] for each in part) for part in (warm[:third], warm[-third:]))
        if after - before > (SLACK_BYTES if key.endswith("memory") else 0):
            found.append(f"{key.replace('_', ' ')} grew from {before:,.0f} to {after:,.0f}")
    return found


def _short(counts: Counts) -> str:
    return ", ".join(
        f"{key.replace('_', ' ')} {value / 2**20:.1f} MiB"
        if key.endswith("memory")
        else f"{key.replace('_', ' ')} {value}"
        for key, value in asdict(counts).items()
    )


def table(result: Soak) -> list[str]:
    """What was done, and what was counted, a line for each, as the page about reliability has it."""
    warm = [asdict(each) for each in result.counts[WARM_UP:]]
    third = max(1, len(warm) // 3)
    lines = [
        f"{result.seconds / 60:.1f} minutes: " + ", ".join(f"{count:,} {what}" for what, count in result.done.items())
    ]
    for key in warm[0]:
        first, last, most = (
            statistics.median(each[key] for each in warm[:third]),
            statistics.median(each[key] for each in warm[-third:]),
            max(each[key] for each in warm),
        )
        scale, unit = (2**20, " MiB") if key.endswith("memory") else (1, "")
        shown = (f"{value / scale:.4g}{unit}" for value in (first, last, most))
        lines.append("{:20} first third {:>10}   last third {:>10}   most {:>10}".format(key.replace("_", " "), *shown))
    return lines
