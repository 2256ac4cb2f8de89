"""A trace as one page that stands alone: nothing is fetched, everything is escaped, and it works without JavaScript.

Renders the document, and knows nothing else. Readable on a phone, in print, and by a screen reader.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from importlib.resources import files
from typing import Any

from lab.model.units import counted, say_share, say_time
from lab.observe.trace import picture, text
from lab.observe.trace.layers import short

Document = dict[str, Any]
MESSAGE_SHOWN = 80
LINE_SHOWN, LINES = 300, 40  # of what the programs said
ROWS = 10  # of 16 bytes, of each part of a frame
NOTHING_FROM_ELSEWHERE = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"


def page(trace: Document) -> str:
    """The whole page."""
    title = f"{trace['from']} to {trace['to']} by {trace['protocol'].upper()}"
    head = (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{NOTHING_FROM_ELSEWHERE}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}: one message through four layers</title><style>{_resource('page.css')}</style></head>"
    )
    parts = [_header(trace), "<main>", *_sections(trace), "</main>", _footer(trace)]
    return f"{head}<body>{''.join(parts)}<script>{_resource('page.js')}</script></body></html>\n"


def _resource(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def _header(trace: Document) -> str:
    ended = trace["ended"]
    bad = "" if ended["verdict"] == "delivered" else " bad"
    facts = [
        f"{trace['topology']} on {trace['engine']}",
        f"port {trace['port']}",
        counted(trace["message"]["bytes"], "byte"),
        counted(trace["totals"]["packets"], "packet"),
        say_time(trace["totals"]["seconds"]),
    ]
    if loss := trace["loss"]:
        facts.append(f"{loss['link']} lost {say_share(loss['share'])} of the frames on purpose")
    items = "".join(f"<li>{escape(fact)}</li>" for fact in facts)
    says = short(trace["message"]["text"], MESSAGE_SHOWN)
    return (
        f"<header><h1>{escape(trace['from'])} says “{escape(says)}” to {escape(trace['to'])}, "
        f'by {trace["protocol"].upper()}</h1><p class="verdict{bad}"><strong>{escape(ended["verdict"])}</strong>: '
        f'{escape(ended["words"])}</p><ul class="facts">{items}</ul></header>'
    )


def _sections(trace: Document) -> Iterator[str]:
    yield _way(trace)
    if trace["packets"]:
        yield _conversation(trace)
    if trace["layers"]:
        yield _layers(trace)
        yield _bytes(trace)
        yield _times(trace)
    yield _said(trace)


def _way(trace: Document) -> str:
    hint = (
        ""
        if not trace["layers"]
        else (
            '<div class="player"><button type="button" id="back">Back</button>'
            '<button type="button" id="on">Next step</button><output></output></div>'
        )
    )
    return f'<section><h2>The way</h2><div class="card">{picture.topology(trace)}{hint}</div></section>'


def _conversation(trace: Document) -> str:
    rows: list[str] = []
    phase = ""
    for packet in text.shown(trace["packets"]):
        if packet is None:
            rows.append('<tr><td></td><td></td><td colspan="3" class="note">… more of the same, all arrived</td></tr>')
            continue
        if packet["phase"] != phase:
            phase = packet["phase"]
            name = text.PHASES[phase].strip("— ")
            rows.append(f'<tr class="phase"><th scope="rowgroup" colspan="5">{name}</th></tr>')
        rows.append(_row(packet))
    notes = "".join(f'<li class="note">{escape(line)}</li>' for line in text.remarks(trace))
    notes = f"<ul>{notes}</ul>" if notes else ""
    return (
        '<section><h2>The conversation in time</h2><div class="card scroll" tabindex="0" role="region" '
        f'aria-label="Sequence diagram">{picture.sequence(trace)}</div>{notes}'
        '<div class="card scroll" tabindex="0" role="region" aria-label="Every packet" style="margin-top:1rem">'
        "<table><caption>Every packet, from the first on; times are from its sending.</caption><thead><tr>"
        '<th scope="col" class="figure">time</th><th scope="col" class="figure">no.</th><th scope="col">from</th>'
        f'<th scope="col">to</th><th scope="col">says</th></tr></thead><tbody>{"".join(rows)}</tbody></table></div>'
        "</section>"
    )


def _row(packet: Document) -> str:
    bad = "" if packet["fate"] == "arrived" else ' class="bad"'
    more = [f"acknowledges {text.numbers(packet['acknowledges'])}"] if packet["acknowledges"] else []
    more += [f"repeats #{packet['repeats'][0]}: {packet['why']}"] if packet["repeats"] else []
    more += [packet["fate_words"]] if bad else []
    more += [f"came {packet['copies']} times"] if packet["copies"] > 1 else []
    why = "".join(f'<span class="why">{escape(line)}</span>' for line in [packet["meaning"], *more])
    moment = text.say_moment(packet["time"])
    return (
        f'<tr{bad}><td class="figure">{moment}</td><td class="figure">{packet["number"]}</td>'
        f"<td>{escape(packet['from'])}</td><td>{escape(packet['to'])}</td><td>{escape(packet['words'])}{why}</td></tr>"
    )


def _layers(trace: Document) -> str:
    stations: list[str] = []
    node, hop = "", -1
    for step in trace["layers"]:
        if step["node"] != node:
            stations += ["</ol></li>"] if node else []
            node = step["node"]
            stations.append(f'<li class="card"><h3>{escape(node)}</h3><ol>')
        if step["layer"] == "link" and step["direction"] == "down":
            hop += 1
        sign = text.DIRECTIONS[step["direction"]]
        going = {"down": "down", "up": "up", "gone": "ends here"}[step["direction"]]
        data = f'data-node="{escape(node)}" data-layer="{step["layer"]}" data-hop="{max(hop, 0)}"'
        stations.append(
            f'<li class="{step["layer"]}" {data}>'
            f'<span class="layer">{step["layer"]} <span aria-hidden="true">{sign}</span> {going}</span>'
            f'<span class="words">{escape(step["text"])}</span></li>'
        )
    number = trace["layers"][0]["packet"]
    return (
        f"<section><h2>Through the layers</h2><p>Packet number {number}, node by node: down through the layers at the "
        "sender, up and down at each node between, up at the receiver.</p>"
        f'<ol class="stations">{"".join(stations)}</ol></li></ol></section>'
    )


def _bytes(trace: Document) -> str:
    packet = trace["packets"][trace["layers"][0]["packet"] - 1]
    frames = []
    for number, hop in enumerate(packet["hops"]):
        marks = f"; marked is what differs from the link before: {text.changed(hop)}" if hop["changed"] else ""
        open_ = " open" if number == 0 else ""
        frames.append(
            f'<details class="card"{open_}><summary>{hop["size"]} bytes on {escape(hop["link"])}, from '
            f"{escape(hop['from'])} to {escape(hop['to'] or 'all')}{escape(marks)}</summary>"
            f'<div class="scroll hex" tabindex="0" role="region" aria-label="The bytes on {escape(hop["link"])}">'
            f"{''.join(_part(hop, part) for part in hop['parts'])}</div></details>"
        )
    return f"<section><h2>Its bytes</h2>{''.join(frames)}</section>"


def _part(hop: Document, part: Document) -> str:
    data = bytes.fromhex(hop["hex"])
    differs = {index for first, last in hop["changed"] for index in range(first, last)}
    lines = []
    for start in range(part["start"], part["end"], text.ROW)[:ROWS]:
        row = range(start, min(start + text.ROW, part["end"]))
        cells = " ".join(f"<mark>{data[at]:02x}</mark>" if at in differs else f"{data[at]:02x}" for at in row)
        pad = " " * 3 * (text.ROW - len(row))
        chars = "".join(chr(data[at]) if data[at] in text.PRINTABLE else "·" for at in row)
        lines.append(f"{start:04x}  {cells}{pad}  {escape(chars)}")
    left = part["end"] - part["start"] - ROWS * text.ROW
    if left > 0:
        lines.append(f"…     {left} bytes more")
    body = "\n".join(lines)
    return (
        f'<div class="part {part["layer"]}"><span class="name">{escape(part["name"])}</span>'
        f'<span class="bytes">{body}</span></div>'
    )


def _times(trace: Document) -> str:
    packet = trace["packets"][trace["layers"][0]["packet"] - 1]
    rows = []
    for hop in packet["hops"]:
        parts = hop["predicted"]
        took = "-" if hop["measured"] is None else say_time(hop["measured"])
        figures = [*(say_time(parts[key]) for key in ("queue", "serialisation", "propagation", "total")), took]
        cells = "".join(f'<td class="figure">{escape(figure)}</td>' for figure in figures)
        link = f'<th scope="row">{escape(hop["link"])}</th><td>{escape(hop["medium"])}</td>'
        rows.append(f"<tr>{link}{cells}<td>{escape(hop['shaper'])}</td></tr>")
    heads = ("waiting", "putting it on", "travelling", "predicted", "measured")
    head = "".join(f'<th scope="col" class="figure">{name}</th>' for name in heads)
    bucket = any(hop["predicted"]["total"] < hop["predicted"]["serialisation"] for hop in packet["hops"])
    note = (
        '<p class="note">A token bucket (tbf) passes a frame at once that comes to an idle link.</p>' if bucket else ""
    )
    return (
        '<section><h2>Its time on each link</h2><div class="card scroll" tabindex="0" role="region" '
        'aria-label="Predicted beside measured time"><table><caption>Predicted beside measured.</caption><thead><tr>'
        f'<th scope="col">link</th><th scope="col">medium</th>{head}<th scope="col">shaped by</th></tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>{note}</section>"
    )


def _said(trace: Document) -> str:
    if not trace["said"]:
        return ""
    lines = "".join(
        f"<li>{escape(said['node'])} │ {escape(short(said['line'], 300))}</li>" for said in trace["said"][:40]
    )
    return f'<section><h2>What the programs said</h2><ul class="said card">{lines}</ul></section>'


def _footer(trace: Document) -> str:
    sums, capture = trace["totals"], trace["capture"]
    frames = sum(row["frames"] for rows in sums["links"].values() for row in rows.values())
    return (
        f"<footer><p>{counted(frames, 'frame')} and {sums['link_bytes']:,} bytes on the links, for a message of "
        f"{counted(sums['message_bytes'], 'byte')}. Captured at {counted(len(capture['places']), 'place')}; "
        f"the captures lost {capture['dropped']}.</p>"
        f"<p>Made by ./inv trace in the lab {escape(trace['lab'])}.</p></footer>"
    )
