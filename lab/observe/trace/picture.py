"""Drawings of a trace in SVG: the lab with the message's way on it, and the conversation in time. From the document."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape
from typing import Any

from lab.observe.trace import text

Document = dict[str, Any]
Point = tuple[float, float]
WIDTH, HEIGHT = 520, 360
BOX_WIDTH, BOX_HEIGHT = 58, 30
MOST_NODES, MOST_LABELS = 16, 6
LANES = (130, 92, 70)  # between lifelines, for up to three, up to five, and more
ROW, TOP, GUTTER = 34, 46, 84


def drawn_nodes(trace: Document) -> list[str]:
    """The nodes that are drawn: all of a small lab, of a large one those of the way and some others."""
    names = [node["name"] for node in trace["nodes"]]
    if len(names) > MOST_NODES:
        seen = text.lifelines(trace)
        names = [*seen, *(name for name in names if name not in seen)][:MOST_NODES]
        order = [node["name"] for node in trace["nodes"]]
        names.sort(key=order.index)
    return names


def topology(trace: Document) -> str:
    """The lab, and the hops of the packet that is shown, numbered."""
    names = drawn_nodes(trace)
    places = _places(trace, names)
    left = len(trace["nodes"]) - len(names)
    words = f"A {trace['topology']} of {len(trace['nodes'])} nodes. " + _way_words(trace)
    parts = [
        f'<svg class="topology" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(words)}">',
        *_cables(trace, names, places),
        *_hops(trace, places),
        *_labels(trace, places),
    ]
    for name in names:
        x, y = places[name]
        way = " way" if name in trace["way"] else ""
        parts.append(
            f'<g class="node{way}" data-node="{escape(name)}"><rect x="{x - BOX_WIDTH / 2:.1f}" '
            f'y="{y - BOX_HEIGHT / 2:.1f}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" rx="7"/>'
            f'<text x="{x:.1f}" y="{y + 4.5:.1f}">{escape(name)}</text></g>'
        )
    if left > 0:
        parts.append(f'<text class="soft" x="8" y="{HEIGHT - 8}">and {left} nodes more</text>')
    return "".join([*parts, "</svg>"])


def _way_words(trace: Document) -> str:
    hops = _shown_hops(trace)
    if not hops:
        return "No packet was seen."
    steps = ", ".join(f"{hop['from']} to {hop['to'] or 'all'} over {hop['link']}" for hop in hops)
    return f"The message went from {steps}."


def _shown_hops(trace: Document) -> list[Document]:
    if not trace["layers"]:
        return []
    hops: list[Document] = trace["packets"][trace["layers"][0]["packet"] - 1]["hops"]
    return hops


def _places(trace: Document, names: Sequence[str]) -> dict[str, Point]:
    """Where each node stands: a star's hub in the middle, others around; on a bus in a row, above and below it."""
    if trace["topology"] == "bus":
        columns = (len(names) + 1) // 2
        step = (WIDTH - 100) / max(1, columns - 1) if columns > 1 else 0
        start = 50 if columns > 1 else WIDTH / 2
        rows = (HEIGHT * 0.22, HEIGHT * 0.78)
        return {name: (start + step * (number // 2), rows[number % 2]) for number, name in enumerate(names)}
    hubs = [name for name in names if _role(trace, name) == "hub"]
    around = [name for name in names if name not in hubs]
    places = dict.fromkeys(hubs, (WIDTH / 2, HEIGHT / 2))
    for number, name in enumerate(around):
        angle = 2 * math.pi * number / len(around) - math.pi / 2 - (math.pi / len(around) if len(around) == 4 else 0)  # noqa: PLR2004
        places[name] = (WIDTH / 2 + 205 * math.cos(angle), HEIGHT / 2 + 140 * math.sin(angle))
    return places


def _role(trace: Document, name: str) -> str:
    return next(str(node["role"]) for node in trace["nodes"] if node["name"] == name)


def _cables(trace: Document, names: Sequence[str], places: dict[str, Point]) -> Iterator[str]:
    for link in trace["links"]:
        ends = [end for end in link["ends"] if end in names]
        if link["name"] == "bus":
            yield f'<path class="cable" d="M20 {HEIGHT / 2} H{WIDTH - 20}"/>'
            yield from (f'<path class="cable" d="{_path([places[end], _tap(places[end])])}"/>' for end in ends)
        elif len(ends) == 2:  # noqa: PLR2004 - both are drawn
            first, second = places[ends[0]], places[ends[1]]
            yield f'<path class="cable" d="{_path([first, second])}"/>'


def _labels(trace: Document, places: dict[str, Point]) -> Iterator[str]:
    """The links' names and media, beside their middles."""
    for link in trace["links"] if len(trace["links"]) <= MOST_LABELS else ():
        if link["name"] == "bus":
            columns = (len(places) + 1) // 2
            aside = 0.0 if columns % 2 == 0 else (WIDTH - 100) / max(2, columns - 1) / 2
            x, y, anchor = WIDTH / 2 + aside, HEIGHT / 2 - 8, "middle"
        else:
            x, y, anchor = _beside(*(places[end] for end in link["ends"]), around=trace["topology"] == "ring")
        yield f'<text class="soft" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{_label(link)}</text>'


def _beside(first: Point, second: Point, *, around: bool) -> tuple[float, float, str]:
    """Where words on a cable stand: over or under a flat one; beside another, `around` on the circle's outer side."""
    x, y = _between(first, second, 0.5)
    if abs(first[1] - second[1]) < abs(first[0] - second[0]) / 4:
        return x, y + (18 if y > HEIGHT / 2 else -10), "middle"
    low = 4 if abs(y - HEIGHT / 2) < 1 else 14 if (y < HEIGHT / 2) != around else -6
    return (x - 10, y + low, "end") if x < WIDTH / 2 else (x + 10, y + low, "start")


def _label(link: Document) -> str:
    return escape(f"{link['name']}, {link['medium']}")


def _tap(place: Point) -> Point:
    return place[0], HEIGHT / 2


def _between(first: Point, second: Point, share: float) -> Point:
    return first[0] + (second[0] - first[0]) * share, first[1] + (second[1] - first[1]) * share


def _path(points: Sequence[Point]) -> str:
    return "M" + " L".join(f"{x:.1f} {y:.1f}" for x, y in points)


def _hops(trace: Document, places: dict[str, Point]) -> Iterator[str]:
    for number, hop in enumerate(_shown_hops(trace)):
        if hop["from"] not in places or hop["to"] not in places:
            continue
        first, last = places[hop["from"]], places[hop["to"]]
        lost = " lost" if hop["copies"] == 0 else ""
        bus = trace["topology"] == "bus"
        points = [first, _tap(first), _tap(last), last] if bus else [first, last]
        x, y = _between(_tap(first), _tap(last), 0.5) if bus else _between(first, last, 0.3)
        yield (
            f'<g class="hop{lost}" data-hop="{number}"><path d="{_path(points)}"/>'
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="10"/><text x="{x:.1f}" y="{y + 4:.1f}">{number + 1}</text></g>'
        )


def sequence(trace: Document) -> str:
    """The conversation in time, downwards: a lifeline for each node, an arrow for each hop of each packet."""
    names = text.lifelines(trace)
    rows = list(text.shown(trace["packets"]))
    lane = LANES[(len(names) > 3) + (len(names) > 5)]  # noqa: PLR2004 - as LANES says
    places = {name: GUTTER + 40 + number * lane for number, name in enumerate(names)}
    height = TOP + len(rows) * ROW + 12
    width = GUTTER + 80 + (len(names) - 1) * lane
    label = "Sequence diagram; the table that follows says the same in words."
    size = f"min-width:{min(width, 320)}px;max-width:{width * 1.2:.0f}px"
    box = f'class="sequence" viewBox="0 0 {width} {height}" style="{size}"'
    parts = [f'<svg {box} role="img" aria-label="{label}">']
    for name, x in places.items():
        parts.append(f'<path class="life" d="M{x} 26 V{height - 6}"/>')
        parts.append(f'<text x="{x}" y="16" text-anchor="middle" font-weight="600">{escape(name)}</text>')
    for number, packet in enumerate(rows):
        y = TOP + number * ROW
        if packet is None:
            parts.append(f'<text class="soft" x="{GUTTER + 52}" y="{y + 4}">… more of the same</text>')
        else:
            moment = text.say_moment(packet["time"])
            parts.append(f'<text class="soft" x="{GUTTER}" y="{y + 1}" text-anchor="end">{moment}</text>')
            parts += _arrows(packet, places, y)
    return "".join([*parts, "</svg>"])


def _arrows(packet: Document, places: dict[str, int], y: int) -> Iterator[str]:
    bad = "" if packet["fate"] == "arrived" else " bad"
    slope = 10 / max(1, len(packet["hops"]))
    top = float(y)
    for hop in packet["hops"]:
        start = places.get(hop["from"])
        end = places.get(hop["to"] or "")
        if start is None:
            continue
        if end is None:
            yield f'<circle class="dot{bad}" cx="{start}" cy="{top:.1f}" r="3.5"/>'
            continue
        lost = hop["copies"] == 0
        stop, low = ((start + end) / 2, top + slope / 2) if lost else (float(end), top + slope)
        way = 1 if end > start else -1
        yield f'<path class="arrow{bad}" d="M{start} {top:.1f} L{stop - 5 * way:.1f} {low:.1f}"/>'
        yield f'<circle class="dot{bad}" cx="{start}" cy="{top:.1f}" r="3.5"/>'
        if lost:
            yield _cross(stop, low)
        else:
            yield f'<path class="dot{bad}" d="M{stop} {low:.1f} l{-9 * way} -4.5 v9 z"/>'
        for name in hop["heard_by"]:
            if name in places:
                yield f'<circle class="heard" cx="{places[name]}" cy="{low:.1f}" r="4"/>'
        top = low
    first = packet["hops"][0]
    if first["from"] in places:
        ends = [places.get(hop["to"] or "", places[first["from"]]) for hop in packet["hops"]]
        middle = (places[first["from"]] + ends[0]) / 2
        yield f'<text class="soft" x="{middle:.1f}" y="{y - 5}" text-anchor="middle">{escape(_short(packet))}</text>'


def _short(packet: Document) -> str:
    return f"{packet['number']} {packet['words']}"[:24]


def _cross(x: float, y: float) -> str:
    return f'<path class="cross" d="M{x - 5:.1f} {y - 5:.1f} l10 10 m0 -10 l-10 10"/>'
