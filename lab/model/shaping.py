"""From a medium to the tc commands that make a link behave like it. Returns commands; other code runs them.

A link is shaped at the fabric's end, where a frame leaves toward a node: each end of a link has a *port*,
and the port's root qdisc is the direction toward that end. A shared link has one qdisc for all, on a
*medium* device (IFB) into which every port's ingress is redirected.

Devices have names only once they are there, so commands hold tokens: `h1@h1-hub` is the port of h1 on that
link, `medium@bus` the medium device. `fill` puts the names in.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from itertools import pairwise
from typing import Any

from lab.model.media import Settings
from lab.model.topology import Link

Command = tuple[str, ...]

NO_BUCKET = ("exact", "wire")
SHAPERS = ("auto", "exact", "netem", "wire")
BURST_SECONDS = 1e-3  # how late the kernel may be with a frame without the link falling behind
LONGEST_UNSEEN = 2e-3  # seconds: coax's frame of 1.2 ms may pass an idle bucket at once, a modem's may not
LONGEST_KEPT = 5e-3  # seconds: a link that a bucket shapes keeps it up to here when it is changed, and loses nothing
SHORTEST_PACED = 1e-4  # seconds: the wire is woken within this, so it paces 100 Mbit/s, and not 1 Gbit/s
IN_FLIGHT_MARGIN = 1.5  # netem's limit counts what is in flight too; frames smaller than the largest need room
LARGEST_LIMIT = 2**32 - 1  # packets: the kernel counts them in 32 bits (linux/pkt_sched.h, tc_netem_qopt)


def tbf(settings: Settings, device: str) -> Command:
    """A token bucket for a pure rate (tc-tbf(8)).

    The bucket holds one frame and a millisecond of the link: with one frame alone, a link would lose whatever time
    the kernel is late with the next one. What waits is bounded in bytes.
    """
    burst = settings.frame + round(settings.rate / 8 * BURST_SECONDS)
    return (
        *("qdisc", "replace", "dev", device, "root", "handle", "1:", "tbf"),
        *("rate", f"{settings.rate}bit", "burst", f"{burst}b", "limit", f"{settings.queue}b"),
    )


def netem(settings: Settings, device: str, seed: int | None = None) -> Command:
    """One netem for the whole direction (tc-netem(8)): rate, delay, jitter, loss, limit.

    Options that are zero are left out: some versions of tc refuse them. With a rate, netem keeps frames in order
    under jitter by itself, for it counts each frame's time from the last one's.

    Args:
        settings: the direction's figures.
        device: the port, or a token for it.
        seed: for netem's generator; needs Linux 6.6 and iproute2 6.6.
    """
    options: list[str] = ["limit", str(netem_limit(settings))]
    if settings.delay:
        options += ["delay", _time(settings.delay)]
        if settings.jitter:
            options += [_time(settings.jitter), "distribution", "normal"]
    if settings.loss and settings.loss_correlation:
        options += ["loss", "gemodel", *map(_percent, bursts(settings))]
    elif settings.loss:
        options += ["loss", _percent(settings.loss)]
    for name in ("duplicate", "corrupt", "reorder"):
        if value := getattr(settings, name):
            options += [name, _percent(value)]
    options += ["rate", f"{settings.rate}bit"]
    if seed is not None:
        options += ["seed", str(seed)]
    return ("qdisc", "replace", "dev", device, "root", "handle", "1:", "netem", *options)


def bursts(settings: Settings) -> tuple[float, float]:
    """The two chances of a simple Gilbert model: that losing begins with a frame, and that it ends with one.

    With loss L and correlation c: L x (1 - c) and (1 - L) x (1 - c). So a share L is lost in the long run, and a frame
    after a lost one with the chance L + c x (1 - L) (Gilbert 1960; Salsano et al. 2009, `loss gemodel` of netem). The
    other way that tc-netem(8) offers, `loss PERCENT CORRELATION`, loses far fewer than it says.
    """
    return settings.loss * (1 - settings.loss_correlation), (1 - settings.loss) * (1 - settings.loss_correlation)


def netem_suffices(link: Link) -> bool:
    """Whether netem makes a link true.

    It takes a correlation of delays, and loses it: it looks a delay up by the last bits of a random number, and only
    the first ones are correlated (sch_netem.c, tabledist).
    """
    ways = (link.spec.forward.settings, link.spec.back.settings)
    return not any(way.jitter and way.delay_correlation for way in ways)


def netem_limit(settings: Settings) -> int:
    """Packets that netem may hold: the queue, and what is in flight."""
    in_flight = IN_FLIGHT_MARGIN * settings.rate * (settings.delay + 3 * settings.jitter) / 8 / settings.frame
    return min(math.ceil(in_flight) + math.ceil(settings.queue / settings.frame), LARGEST_LIMIT)


def bucket_suffices(settings: Settings) -> bool:
    """Whether a token bucket alone makes a direction true.

    A bucket keeps a rate, but lets a frame that comes to an idle link pass at once: it is short of that frame's
    time on the link. On a slow link that is most of what there is to see.
    """
    return not settings.impaired and settings.frame_time <= LONGEST_UNSEEN


def outgrown(link: Link) -> bool:
    """Whether a link that a token bucket shapes has to leave it: for the software wire, where there is no netem.

    The way there costs frames, so a bucket is kept for somewhat longer than it would be taken in the first place.
    """
    ways = (link.spec.forward.settings, link.spec.back.settings)
    return any(way.impaired or way.frame_time > LONGEST_KEPT for way in ways)


def wire_paces(settings: Settings) -> bool:
    """Whether the software wire keeps the rate by itself; on the fastest links a bucket at the port does it better."""
    return settings.frame_time > SHORTEST_PACED


def by_wire(link: Link) -> bool:
    """Whether a link is carried by the software wire where there is no netem."""
    return not all(bucket_suffices(way.settings) for way in (link.spec.forward, link.spec.back))


def wire_directions(link: Link) -> list[dict[str, Any]]:
    """A link's directions as the software wire reads them; a `rate` of None is kept by a bucket at the far port."""
    ways = [link.spec.forward] if link.shared else [link.spec.forward, link.spec.back]
    return [_wire_direction(way.settings, paced=link.shared or wire_paces(way.settings)) for way in ways]


def _wire_direction(settings: Settings, *, paced: bool) -> dict[str, Any]:
    values = asdict(settings)
    del values["mtu"]
    return values | {"rate": settings.rate if paced else None}


def wire_commands(link: Link) -> tuple[Command, ...]:
    """The buckets at the ports of a link that the software wire carries but does not pace."""
    if link.shared:
        return ()
    first, second = (port_token(end, link.name) for end in link.ends)
    ways = ((link.spec.forward.settings, second), (link.spec.back.settings, first))
    return tuple(tbf(settings, port) for settings, port in ways if not wire_paces(settings))


def link_commands(link: Link, shaper: str, seed: int | None = None) -> tuple[Command, ...]:
    """The tc commands for both directions of a link, or for the one medium of a shared link.

    Args:
        link: the link.
        shaper: `netem` or `tbf`; `tbf` makes the rate only.
        seed: as for `netem`.
    """

    def qdisc(settings: Settings, device: str) -> Command:
        return netem(settings, device, seed) if shaper == "netem" else tbf(settings, device)

    if not link.shared:
        first, second = (port_token(end, link.name) for end in link.ends)
        return qdisc(link.spec.forward.settings, second), qdisc(link.spec.back.settings, first)
    medium = medium_token(link.name)
    return (
        qdisc(link.spec.forward.settings, medium),
        *(command for end in link.ends for command in redirect(port_token(end, link.name), medium)),
    )


def redirect(port: str, medium: str) -> tuple[Command, ...]:
    """Send everything that enters a port through the medium device, and on from there (tc-mirred(8))."""
    return (
        ("qdisc", "replace", "dev", port, "ingress"),
        (
            *(
                "filter",
                "replace",
                "dev",
                port,
                "ingress",
                "protocol",
                "all",
                "prio",
                "2",  # a cut (`fabric.steer`) comes before it
                "handle",
                "800::1",
            ),
            *("u32", "match", "u32", "0", "0", "action", "mirred", "egress", "redirect", "dev", medium),
        ),
    )


def port_token(node: str, link: str) -> str:
    """What stands for a node's port until it has a device name."""
    return f"{node}@{link}"


def medium_token(link: str) -> str:
    """What stands for a shared link's medium device."""
    return f"medium@{link}"


def fill(command: Iterable[str], devices: Mapping[str, str]) -> Command:
    """Put device names where the tokens are."""
    words = tuple(command)
    return (
        *words[:1],
        *(devices.get(word, word) if before == "dev" else word for before, word in pairwise(words)),
    )


def _percent(share: float) -> str:
    return f"{share * 100:.6g}%"


def _time(seconds: float) -> str:
    """A time as tc reads it: in microseconds, or nanoseconds where those would not be whole."""
    nanoseconds = round(seconds * 1e9)
    return f"{nanoseconds}ns" if nanoseconds % 1000 else f"{nanoseconds // 1000}us"
