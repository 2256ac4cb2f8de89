"""The labs that are measured in the guests, and who measures them: two guests, side by side, while the tests wait."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from typing import Any

from lab.model.media import MEDIA
from tests.kernel.guest import Guest

SECONDS = 400.0  # for one call; the longest takes 90 here
GUESTS = 2
SLOW = 100_000  # bit/s: slower links take no processor to speak of, so their buses are measured at once

SATELLITE = "satellite,rate=2mbit/satellite,rate=512kbit"
IMPAIRED = {
    "h1": SATELLITE,
    "h2": "coax,loss=1%",
    "h3": "coax,loss=20%",
    "h4": "coax,duplicate=5%",
    "h5": "coax,corrupt=5%",
    "h6": "coax,delay=30ms,jitter=5ms",
    "h7": "coax,delay=20ms,reorder=10%",
    "h8": "coax,loss=5%,loss-correlation=50%",
}


def link_of(topology: str, medium: str) -> str:
    """The link that is made of a medium, in the lab of that shape which has them all; a bus has one link only."""
    number = list(MEDIA).index(medium) + 1
    return {"star": f"h{number}-hub", "ring": f"n{number}-n{number % len(MEDIA) + 1}", "bus": "bus"}[topology]


def lab_of(topology: str, medium: str) -> str:
    """The lab that a medium is in."""
    return f"bus-{medium}" if topology == "bus" else topology


def _all_media(topology: str) -> dict[str, Any]:
    links = [[link_of(topology, medium), medium] for medium in MEDIA]
    return {"name": topology, "topology": topology, "nodes": len(MEDIA), "links": links}


def _bus(medium: str) -> dict[str, Any]:
    return {"name": f"bus-{medium}", "topology": "bus", "nodes": 2, "media": medium}


def _jobs() -> list[list[dict[str, Any]]]:
    """Which labs are measured at once; the longest first."""
    slow = [name for name, medium in MEDIA.items() if medium.settings.rate < SLOW]
    impaired = {"name": "impaired", "nodes": len(IMPAIRED), "links": list(IMPAIRED.items())}
    alone = [[_bus(name)] for name in MEDIA if name not in slow]
    return [[_all_media("star")], [_all_media("ring")], [impaired], [_bus(name) for name in slow], *alone]


class Labs:
    """Measures labs in guests, from the start; a test waits for the one that it is about."""

    def __init__(self, boot: Callable[[], Guest], wanted: Iterable[str]) -> None:
        names = set(wanted)
        self._boot = boot
        self._idle: SimpleQueue[Guest] = SimpleQueue()
        self._guests = [boot() for _ in range(GUESTS)]
        for guest in self._guests:
            self._idle.put(guest)
        self._pool = ThreadPoolExecutor(GUESTS)
        self._measured: dict[str, tuple[Future[list[dict[str, Any]]], int]] = {}
        for specs in _jobs():
            if names & {spec["name"] for spec in specs}:
                future = self._pool.submit(self._measure, specs)
                self._measured |= {spec["name"]: (future, place) for place, spec in enumerate(specs)}

    def _measure(self, specs: list[dict[str, Any]]) -> list[dict[str, Any]]:
        guest = self._idle.get()
        try:
            if not guest.alive:
                guest = self._boot()
                self._guests.append(guest)
            found: list[dict[str, Any]] = guest.call("measure", SECONDS, specs=specs)
            return found
        finally:
            self._idle.put(guest)

    def __getitem__(self, name: str) -> dict[str, Any]:
        """What was measured of a lab, as `tests.kernel.cases` tells it.

        Raises:
            GuestError: it could not be measured.
        """
        future, place = self._measured[name]
        return future.result()[place]

    def close(self) -> None:
        """End the guests, whatever they do."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        for guest in self._guests:
            guest.end(orderly=False)
        self._pool.shutdown()
