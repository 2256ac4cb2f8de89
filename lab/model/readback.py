"""Reads what tc(8) says of a queueing discipline back into a link's figures. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lab.model import shaping
from lab.model.media import Settings

SAME = 0.02  # tc rounds bursts and times to ticks of 64 ns; what differs by less is the same


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """How one direction of a link is shaped now.

    Attributes:
        shaper: `tbf`, `netem` or `wire`; else what is there instead, such as `noqueue`, or `gone`.
        rate: bit/s, or None where nothing limits it.
        queue: bytes (tbf) or packets (netem) that it holds at most.
        dropped: frames dropped for want of room since it was set up.
        backlog: bytes that wait now.
    """

    shaper: str
    rate: float | None = None
    delay: float = 0.0
    jitter: float = 0.0
    loss: float = 0.0
    duplicate: float = 0.0
    corrupt: float = 0.0
    reorder: float = 0.0
    queue: float = 0.0
    sent_bytes: int = 0
    sent_frames: int = 0
    dropped: int = 0
    backlog: int = 0


def figures(qdisc: dict[str, Any]) -> Figures:
    """The figures of a root qdisc, as `tc -s -json qdisc show` prints it."""
    options = qdisc.get("options", {})
    counters = {
        "sent_bytes": qdisc.get("bytes", 0),
        "sent_frames": qdisc.get("packets", 0),
        "dropped": qdisc.get("drops", 0),
        "backlog": qdisc.get("backlog", 0),
    }
    match qdisc["kind"]:
        case "tbf":
            rate = options["rate"]
            held = rate * options.get("lat", 0) / 1e6 + options["burst"]
            return Figures(shaper="tbf", rate=rate * 8, queue=options.get("limit", held), **counters)
        case "netem":
            return _netem(options, counters)
        case kind:
            return Figures(shaper=kind, **counters)


def _netem(options: dict[str, Any], counters: dict[str, int]) -> Figures:
    delay = options.get("delay", {})
    rate = options.get("rate", {}).get("rate", 0)
    return Figures(
        shaper="netem",
        rate=rate * 8 or None,
        delay=delay.get("delay", 0.0),
        jitter=delay.get("jitter", 0.0),
        loss=options.get("loss-random", {}).get("loss", 0.0),
        duplicate=options.get("duplicate", {}).get("duplicate", 0.0),
        corrupt=options.get("corrupt", {}).get("corrupt", 0.0),
        reorder=options.get("reorder", {}).get("reorder", 0.0),
        queue=options.get("limit", 0),
        **counters,
    )


def departures(settings: Settings, live: Figures) -> list[tuple[str, str, str]]:
    """Where a direction is not as declared: the setting, what is declared, and what is live."""
    if live.shaper not in ("tbf", "netem", "wire"):
        return [("shaper", "tbf, netem or the wire", live.shaper)]
    found = []
    for name in ("rate", "delay", "jitter", "loss", "duplicate", "corrupt", "reorder"):
        declared, actual = getattr(settings, name), getattr(live, name) or 0.0
        if not _same(declared, actual):
            found.append((name, f"{declared:g}", f"{actual:g}"))
    held = shaping.netem_limit(settings) if live.shaper == "netem" else settings.queue
    if not _same(held, live.queue):
        found.append(("queue", f"{held:g}", f"{live.queue:g}"))
    return found


def _same(declared: float, live: float) -> bool:
    return abs(declared - live) <= SAME * declared + 1e-6
