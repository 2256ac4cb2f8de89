"""Mininet's links, where its Debian package is installed, for wirelab's instruments to measure.

Mininet runs in a network namespace of its own: nothing of it can be left behind, and the host's firewall does not
matter. The programs are started in its hosts as `Popen` of a Mininet host does, by mnexec(1).
"""

from __future__ import annotations

import json
import math
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from bench.accuracy_cases import MININET, Case
from bench.accuracy_echoes import FineInstruments
from bench.up import SYSTEM_PYTHON
from lab.engine.base import Process
from lab.engine.netns.process import NetnsProcess
from lab.engine.select import embedded
from lab.errors import EngineError
from lab.lab import Lab
from lab.model.spec import parse
from lab.observe.measure import Instruments, Train
from lab.observe.programs import Way

ROOT = Path(__file__).resolve().parents[1]
SCRIPT = Path(__file__).with_name("mininet_links.py")
BUCKET = 1600  # bytes: what HTB lets pass at once, its `cburst` as tc(8) computes it
DRAIN = 5  # a train of 1.25 times the rate empties the bucket after five times its bytes
ENVIRONMENT = {
    "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
    "LANG": "C.UTF-8",
    "PYTHONPATH": str(ROOT),
    "PYTHONUNBUFFERED": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
}


def installed() -> bool:
    """Whether Mininet can be run here."""
    argv = [SYSTEM_PYTHON, "-c", "import mininet"]
    return embedded() and not subprocess.run(argv, capture_output=True, check=False).returncode


class MininetInstruments(FineInstruments):
    """Sends each busy train behind as many frames as fill Mininet's bucket: these pass at once, and do not count."""

    def trains(self, *pairs: tuple[Way, Train]) -> list[dict[str, Any]]:
        """As `Instruments.trains`."""
        return super().trains(*((way, led(way, train)) for way, train in pairs))


def led(way: Way, train: Train) -> Train:
    """A train with its lead, where it keeps the link busy."""
    if 0 < train.rate < way.settings.rate:
        return train
    lead = math.ceil(BUCKET / train.frame) * (DRAIN if train.rate else 1)
    return replace(train, count=train.count + lead, skip=train.skip + lead)


class MininetLinks:
    """Links that are up; as much of a lab as the instruments need."""

    def __init__(self, found: dict[str, Any]) -> None:
        self.found = found

    @property
    def version(self) -> str:
        """Mininet's own."""
        return str(self.found["version"])

    def start(self, node: str, argv: Sequence[str]) -> Process:
        """Start a program on a host."""
        enter = ["mnexec", "-a", str(self.found["nodes"][node])]
        return NetnsProcess([*enter, SYSTEM_PYTHON, "-m", "lab.apps.supervise", "--", *argv], ENVIRONMENT)

    def course(self, host: str, case: Case) -> tuple[Way, ...]:
        """Both directions of a host's link; none where the kernel refused what it needs."""
        link = self.found["links"][host]
        if (case.delay or case.loss) and "netem" not in link["qdiscs"]:
            return ()
        settings = parse(case.spec).forward.settings
        shared: dict[str, Any] = {"lab": MININET, "link": host, "settings": settings, "back": settings, "shared": False}
        shaper = " and ".join(link["qdiscs"])
        there = Way(sender=host, receiver="hub", source=link["source"], target=link["target"], shaper=shaper, **shared)
        back = Way(sender="hub", receiver=host, source=link["target"], target=link["source"], shaper=shaper, **shared)
        return there, back


@contextmanager
def links(wanted: dict[str, Case]) -> Iterator[tuple[MininetLinks, Instruments]]:
    """Mininet's links for the cases of some hosts, as long as the context lasts.

    Raises:
        EngineError: Mininet did not come up.
    """
    words = [{"host": host, "rate": case.rate, "delay": case.delay, "loss": case.loss} for host, case in wanted.items()]
    argv = ["unshare", "--net", "--mount", SYSTEM_PYTHON, str(SCRIPT), json.dumps(words)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        answer = process.stdout.readline() if process.stdout else ""
        if not answer:
            raise EngineError("Mininet did not come up", remedy="its own words are above")
        up = MininetLinks(json.loads(answer))
        with MininetInstruments(cast("Lab", up)) as instruments:
            yield up, instruments
        # At the end of the block its input is closed, so it takes everything down, and is awaited.
