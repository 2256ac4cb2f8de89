"""A trace for people at a terminal, by rich: the conversation in time, the way down and up, and the bytes.

Renders the document, and knows nothing else. Colours help; nothing is told by them alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from lab.model.units import counted, say_rate, say_share, say_time
from lab.observe.trace.layers import short

Document = dict[str, Any]
COLOURS = {"application": "magenta", "transport": "cyan", "network": "green", "link": "yellow"}
DIRECTIONS = {"down": "↓", "up": "↑", "gone": "✕"}
FIRST, LAST = 16, 6  # packets that are shown of a long conversation
WIDEST = 9  # lifelines that are drawn
ROW = 16  # bytes
PRINTABLE = range(32, 127)


def render(trace: Document) -> RenderableType:
    """The whole trace."""
    parts: list[RenderableType] = [*heading(trace)]
    if trace["packets"]:
        parts += [Text(), sequence(trace)]
    parts += [Text(f"  {line}", style="dim") for line in remarks(trace)]
    return Group(*parts, *layers(trace), *hex_view(trace), *hops(trace), *summary(trace))


def heading(trace: Document) -> Iterator[Text]:
    """Who says what to whom, and how it ended."""
    size = counted(trace["message"]["bytes"], "byte")
    words = f" says “{short(trace['message']['text'])}” ({size}) to "
    who = f", port {trace['port']}, by {trace['protocol'].upper()}"
    yield Text.assemble((trace["from"], "bold"), words, (trace["to"], "bold"), who)
    if trace["loss"]:
        yield Text(
            f"{trace['loss']['link']} loses {say_share(trace['loss']['share'])} of the frames for the time of it"
        )
    good = trace["ended"]["verdict"] == "delivered"
    yield Text.assemble(
        (trace["ended"]["verdict"], "bold green" if good else "bold red"), f": {trace['ended']['words']}"
    )


def lifelines(trace: Document) -> list[str]:
    """The nodes that are drawn, from the sender to the receiver: those of the way, then others that heard something."""
    seen: set[str] = set()
    for hop in (hop for packet in trace["packets"] for hop in packet["hops"]):
        seen |= {hop["from"], hop["to"], *hop["heard_by"]}
    others = [node["name"] for node in trace["nodes"] if node["name"] in seen]
    return list(dict.fromkeys([*trace["way"], *others]))[:WIDEST]


def sequence(trace: Document) -> Table:
    """One row for each packet, in the order in which they were sent: time, lifelines with the way on them, words."""
    names = lifelines(trace)
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    table.add_column("time", justify="right", no_wrap=True)
    table.add_column("#", justify="right", no_wrap=True)
    width = 10 if len(names) <= 5 else 7  # noqa: PLR2004 - what fits a terminal of 100 columns
    table.add_column("".join(f"{name:<{width}}" for name in names[:-1]) + "".join(names[-1:]), no_wrap=True)
    table.add_column("says", overflow="fold")
    phase = ""
    for packet in shown(trace["packets"]):
        if packet is None:
            table.add_row("", "", "", Text("… more of the same, all arrived", style="dim"))
            continue
        if packet["phase"] != phase:
            phase = packet["phase"]
            table.add_row("", "", Text(PHASES[phase], style="dim italic"), "")
        number = str(packet["number"])
        table.add_row(say_moment(packet["time"]), number, arrow(packet, names, width), words(packet))
    return table


PHASES = {
    "handshake": "— handshake —",
    "data": "— data —",
    "closing": "— closing —",
    "news": "— the network says —",
}


def shown(packets: Sequence[Document]) -> Iterator[Document | None]:
    """All packets of a short conversation; of a long one the first, the last, and all that went wrong. None: a gap."""
    again = {number for packet in packets for number in packet["repeats"]}
    gap = False
    for index, packet in enumerate(packets):
        wrong = packet["fate"] != "arrived" or packet["repeats"] or packet["number"] in again or packet["unsure"]
        if index < FIRST or index >= len(packets) - LAST or wrong:
            gap = False
            yield packet
        elif not gap:
            gap = True
            yield None


def say_moment(seconds: float) -> str:
    """A moment, from the first packet on, always to the microsecond."""
    return f"{seconds * 1e3:,.3f} ms" if seconds < 10 else f"{seconds:,.3f} s"  # noqa: PLR2004


def arrow(packet: Document, names: Sequence[str], width: int) -> Text:
    """A packet's way on the lifelines: `●────→●────→●`; ✕ where it was lost, ○ for who heard it and let it pass."""
    places = {name: number * width for number, name in enumerate(names)}
    cells = [" "] * ((len(names) - 1) * width + 1)
    for name in names:
        cells[places[name]] = "│"
    style = "" if packet["fate"] == "arrived" else "red"
    for hop in packet["hops"]:
        start = places.get(hop["from"])
        end = places.get(hop["to"] or "")
        if start is None:
            continue
        if end is None:
            end = start
        step = 1 if end >= start else -1
        lost = hop["copies"] == 0 and hop["to"] is not None
        stop = start + step * max(1, abs(end - start) // 2) if lost else end
        for place in range(start + step, stop, step) if stop != start else ():
            cells[place] = "─"
        cells[start] = "●"
        if lost:
            cells[stop] = "✕"
        elif stop != start:
            cells[stop - step] = "▶" if step > 0 else "◀"
            cells[stop] = "✕" if hop["damaged"] else "●"
        for name in hop["heard_by"]:
            if name in places:
                cells[places[name]] = "○"
    return Text("".join(cells), style=style)


def words(packet: Document) -> Text:
    """What a packet says, what it acknowledges or repeats, and why."""
    text = Text(packet["words"], style="" if packet["fate"] == "arrived" else "red")
    if packet["acknowledges"]:
        text.append(f"  has {numbers(packet['acknowledges'])}", style="dim")
    if packet["repeats"]:
        text.append(f"  #{packet['repeats'][0]} again", style="yellow")
    if packet["copies"] > 1:
        text.append(f"  came {packet['copies']} times", style="yellow")
    if packet["fate"] != "arrived":
        text.append(f"  {packet['fate_words']}")
    if packet["why"]:
        text.append(f"\n  {packet['why']}", style="dim")
    return text


def numbers(found: Sequence[int]) -> str:
    """Numbers of packets in a few words: `4`, `4 and 5`, `4, 5 and 3 more`."""
    if len(found) > 3:  # noqa: PLR2004
        return f"{', '.join(f'#{each}' for each in found[:2])} and {len(found) - 2} more"
    return " and ".join(filter(None, (", ".join(f"#{each}" for each in found[:-1]), f"#{found[-1]}")))


def remarks(trace: Document) -> Iterator[str]:
    """What is to be said of the whole: what UDP does without, who heard what, how far the captures can be trusted."""
    yield from trace["missing"]
    own = [packet for packet in trace["packets"] if packet["ip"]]
    heard = {name for packet in own for hop in packet["hops"] for name in hop["heard_by"]}
    if heard:
        yield f"○ {', '.join(sorted(heard))} heard it too, for the medium is shared; it was not for them"
    elif own:
        on_way = {name for packet in own for hop in packet["hops"] for name in (hop["from"], hop["to"])}
        listening = {place[0] for place in trace["capture"]["places"]}
        if silent := sorted(listening - on_way):
            yield f"{', '.join(silent)} listened, and heard nothing of it"
    if any(packet["unsure"] for packet in trace["packets"]):
        yield "some frames were equal to the last byte: which of them was lost, nothing tells"
    if trace["capture"]["dropped"]:
        yield f"the captures themselves lost {counted(trace['capture']['dropped'], 'frame')}: do not trust this trace"


def layers(trace: Document) -> Iterator[RenderableType]:
    """The way down and up, for the packet that carried the message."""
    if not trace["layers"]:
        return
    number = trace["layers"][0]["packet"]
    title = f"#{number} through the layers"
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, show_header=False)
    for _ in range(3):
        table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    before = ""
    for step in trace["layers"]:
        colour = COLOURS[step["layer"]]
        node = step["node"] if step["node"] != before else ""
        before = step["node"]
        layer = Text(step["layer"], style=colour)
        # As Text: rich would take `:ab:` in an address for a picture's name, and brackets in a message for a style.
        table.add_row(Text(node, style="bold"), DIRECTIONS[step["direction"]], layer, Text(step["text"]))
    yield Text()
    yield table


def hex_view(trace: Document) -> Iterator[RenderableType]:
    """The bytes of that packet on its first link, header by header; then what was changed on each further link."""
    if not trace["layers"]:
        return
    packet = trace["packets"][trace["layers"][0]["packet"] - 1]
    first, *further = packet["hops"]
    yield Text()
    yield Text(f"its {first['size']} bytes on {first['link']}", style="bold")
    data = bytes.fromhex(first["hex"])
    for part in first["parts"]:
        yield from _rows(data, part)
    for hop in further:
        if hop["changed"]:
            yield Text(f"on {hop['link']} other bytes stand at {changed(hop)}", style="dim")


def _rows(data: bytes, part: Document, most: int = 6) -> Iterator[Text]:
    colour = COLOURS[part["layer"]]
    rows = range(part["start"], part["end"], ROW)
    for count, start in enumerate(rows):
        if count == most:
            yield Text(f"{'':11}…     {part['end'] - start} bytes more", style="dim")
            return
        piece = data[start : min(start + ROW, part["end"])]
        name = part["name"] if not count else ""
        chars = "".join(chr(byte) if byte in PRINTABLE else "·" for byte in piece)
        yield Text.assemble(
            (f"{name:<9}", colour), (f"{start:04x}  ", "dim"), (f"{piece.hex(' '):<{3 * ROW}}", colour), f" {chars}"
        )


FIELDS = ((0, 6, "MAC to"), (6, 12, "MAC from"), (22, 23, "TTL"), (24, 26, "header checksum"))


def changed(hop: Document) -> str:
    """Which fields differ from the frame on the link before."""
    names = [name for start, end, name in FIELDS if any(first < end and last > start for first, last in hop["changed"])]
    known = {index for start, end, _ in FIELDS for index in range(start, end)}
    if any(index not in known for first, last in hop["changed"] for index in range(first, last)):
        names.append("the rest")
    return ", ".join(names)


def hops(trace: Document) -> Iterator[RenderableType]:
    """Predicted beside measured time of that packet, hop by hop."""
    if not trace["layers"]:
        return
    packet = trace["packets"][trace["layers"][0]["packet"] - 1]
    columns = ("link", "medium", "queue", "putting it on", "travelling", "predicted", "measured", "shaped by")
    table = Table(*columns, box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for hop in packet["hops"]:
        parts = hop["predicted"]
        took = "-" if hop["measured"] is None else say_time(hop["measured"])
        figures = (say_time(parts[key]) for key in ("queue", "serialisation", "propagation", "total"))
        table.add_row(hop["link"], hop["medium"], *figures, took, hop["shaper"])
    yield Text()
    yield table
    if any(hop["predicted"]["total"] < hop["predicted"]["serialisation"] for hop in packet["hops"]):
        yield Text("  a token bucket (tbf) passes a frame at once that comes to an idle link", style="dim")


def summary(trace: Document) -> Iterator[Text]:
    """The totals, and what the programs said."""
    sums = trace["totals"]
    yield Text()
    wrong = [f"{sums[key]} {key}" for key in ("lost", "damaged", "dropped") if sums[key]]
    wrong += [f"{sums['sent_again']} sent again"] if sums["sent_again"] else []
    line = f"{counted(sums['packets'], 'packet')} in {say_time(sums['seconds'])}: {sums['arrived']} arrived"
    yield Text(", ".join([line, *wrong]))
    frames = sum(row["frames"] for rows in sums["links"].values() for row in rows.values())
    carried = counted(sums["message_bytes"], "byte")
    yield Text(f"{counted(frames, 'frame')} and {sums['link_bytes']:,} bytes on the links, for a message of {carried}")
    for said in trace["said"]:
        yield Text(f"{said['node']} │ {short(said['line'], 100)}", style="dim")


def link_line(link: Document) -> str:
    """A link in a few words: `h1-hub: coax, 10 Mbit/s`."""
    way = link["ways"][0]
    delay = f", {say_time(way['delay'])}" if way["delay"] else ""
    return f"{link['name']}: {link['medium']}, {say_rate(way['rate'])}{delay}"
