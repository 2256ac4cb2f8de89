"""Reads what tc(8) says of a queueing discipline back into a link's figures. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
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
        queue: bytes (tbf, wire) or packets (netem) that it holds at most.
        backlog: bytes that wait now.
        gone: frames that did not arrive, by reason (`queue`: there was no room; `lost`: as declared; more for the
            wire), since it was set up.
    """

    shaper: str
    rate: float | None = None
    delay: float = 0.0
    jitter: float = 0.0
    loss: float = 0.0
    duplicate: float = 0.0
    corrupt: float = 0.0
    reorder: float = 0.0
    loss_correlation: float = 0.0
    delay_correlation: float = 0.0
    queue: float = 0.0
    sent_bytes: int = 0
    sent_frames: int = 0
    backlog: int = 0
    gone: dict[str, int] = field(default_factory=dict)


def figures(qdisc: dict[str, Any]) -> Figures:
    """The figures of a root qdisc, as `tc -s -json qdisc show` prints it."""
    options = qdisc.get("options", {})
    dropped = qdisc.get("drops", 0)
    counters = {
        "sent_bytes": qdisc.get("bytes", 0),
        "sent_frames": qdisc.get("packets", 0),
        "backlog": qdisc.get("backlog", 0),
        "gone": {"queue" if qdisc["kind"] == "tbf" else "lost": dropped} if dropped else {},
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


def link_figures(link: dict[str, Any], wire: dict[str, Any] | None) -> list[Figures]:
    """The figures of each direction of a link, one for a shared link.

    Args:
        link: what the agent read of it.
        wire: what the software wire says of it, or None.
    """
    on_bridge = all(port["bridge"] for port in link["ports"].values())
    buckets = [figures(qdisc) for qdisc in link["directions"]]
    if on_bridge or not link["ports"] or not link["by_wire"]:
        return buckets
    if wire is None:
        return [Figures(shaper="wire, dead")] * len(buckets)
    return [_wire(way, bucket) for way, bucket in zip(wire["directions"], buckets, strict=False)]


def _wire(way: dict[str, Any], bucket: Figures) -> Figures:
    """A direction that the software wire carries; where it does not pace, the bucket at the far port does."""
    settings = dict(way["settings"])
    gone = {"lost": way["lost"], **way["dropped"]}
    for reason, count in bucket.gone.items():
        gone[reason] = max(gone.get(reason, 0), count)
    if settings["rate"] is None:
        settings |= {"rate": bucket.rate, "queue": bucket.queue}
    return Figures(
        shaper="wire",
        sent_bytes=way["sent_bytes"],
        sent_frames=way["sent"],
        backlog=way["queued_bytes"] + bucket.backlog,
        gone={reason: count for reason, count in gone.items() if count},
        **settings,
    )


def _netem(options: dict[str, Any], counters: dict[str, Any]) -> Figures:
    delay = options.get("delay", {})
    rate = options.get("rate", {}).get("rate", 0)
    loss, correlation = _netem_loss(options)
    return Figures(
        shaper="netem",
        rate=rate * 8 or None,
        delay=delay.get("delay", 0.0),
        jitter=delay.get("jitter", 0.0),
        delay_correlation=delay.get("correlation", 0.0),
        loss=loss,
        loss_correlation=correlation,
        duplicate=options.get("duplicate", {}).get("duplicate", 0.0),
        corrupt=options.get("corrupt", {}).get("corrupt", 0.0),
        reorder=options.get("reorder", {}).get("reorder", 0.0),
        queue=options.get("limit", 0),
        **counters,
    )


def _netem_loss(options: dict[str, Any]) -> tuple[float, float]:
    """Share and correlation, also from the chances that a burst begins and ends with (`shaping.bursts`)."""
    if "loss-gemodel" not in options:
        random = options.get("loss-random", {})
        return random.get("loss", 0.0), random.get("correlation", 0.0)
    begins, ends = (options["loss-gemodel"][name] for name in ("p", "r"))
    return begins / max(begins + ends, 1e-12), 1 - begins - ends


def departures(settings: Settings, live: Figures) -> list[tuple[str, str, str]]:
    """Where a direction is not as declared: the setting, what is declared, and what is live."""
    if live.shaper not in ("tbf", "netem", "wire"):
        return [("shaper", "tbf, netem or wire", live.shaper)]
    found = []
    if live.shaper != "wire":  # tc counts whole bytes per second
        settings = replace(settings, rate=settings.rate // 8 * 8)
    names = ["rate", "delay", "jitter", "loss", "duplicate", "corrupt", "reorder"]
    names += ["loss_correlation"] * bool(settings.loss) + ["delay_correlation"] * bool(settings.jitter)
    for name in names:
        declared, actual = getattr(settings, name), getattr(live, name) or 0.0
        if not _same(declared, actual):
            found.append((name.replace("_", "-"), f"{declared:g}", f"{actual:g}"))
    held = shaping.netem_limit(settings) if live.shaper == "netem" else settings.queue
    if not _same(held, live.queue):
        found.append(("queue", f"{held:g}", f"{live.queue:g}"))
    return found


def _same(declared: float, live: float) -> bool:
    return abs(declared - live) <= SAME * declared + 1e-6
