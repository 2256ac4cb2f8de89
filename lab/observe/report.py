"""Shows what is there: tables for people, documents for programs. Prints nothing; returns what is to be printed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict
from itertools import cycle
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from lab.engine.base import LabRecord
from lab.errors import LabError, plain, typed
from lab.lab import Status
from lab.model import readback, shaping, steering
from lab.model.media import Settings
from lab.model.plan import LabPlan, LinkPlan, declared, summary
from lab.model.readback import Figures
from lab.model.units import counted, say_rate, say_share, say_size, say_time
from lab.observe.conversation import Conversation, Outcome

THERE = "→"  # from the first of a link's ends to the other


def error(failure: LabError) -> str:
    """What failed, where, and what to type next. Further lines of what failed are marked: a node may have said them."""
    place = f"{failure.where}: " if failure.where else ""
    advice = f"\n  next: {failure.remedy}" if failure.remedy else ""
    what = failure.what.replace("\n", "\n  │ ")
    return plain(f"error: {place}{what}{advice}")


def settings(way: Settings | Figures) -> str:
    """A direction's figures in a few words: `10 Mbit/s, 270 ms, 1 % loss`."""
    words = [say_rate(way.rate) if way.rate else "no limit"]
    if way.delay:
        words.append(say_time(way.delay) + (f" ± {say_time(way.jitter)}" if way.jitter else ""))
    if way.jitter and way.delay_correlation:
        words[-1] += f" correlated by {say_share(way.delay_correlation)}"
    if way.loss:
        bursts = f" in bursts (correlation {say_share(way.loss_correlation)})" if way.loss_correlation else ""
        words.append(f"{say_share(way.loss)} lost{bursts}")
    words += [
        f"{say_share(getattr(way, name))} {word}"
        for name, word in (
            ("duplicate", "doubled"),
            ("corrupt", "corrupt"),
            ("reorder", "reordered"),
        )
        if getattr(way, name)
    ]
    return ", ".join(words)


def _both(first: str, second: str) -> str:
    return first if first == second else f"{THERE} {first} · ← {second}"


def _declared(link: LinkPlan) -> str:
    return _both(settings(link.link.spec.forward.settings), settings(link.link.spec.back.settings))


def status_document(status: Status) -> dict[str, Any]:
    """The status as one JSON document."""
    return {
        "lab": status.plan.name,
        "engine": status.engine,
        "topology": status.plan.topology.kind,
        "nodes": [
            {
                "name": node.name,
                "address": node.address,
                "addresses": {face.link: face.address for face in node.interfaces},
                "state": status.record.nodes.get(node.name, "missing"),
            }
            for node in status.plan.nodes
        ],
        "links": [
            {
                "name": link.name,
                "ends": list(link.link.ends),
                "medium": link.link.spec.medium,
                "declared": declared(link.link),
                "set": declared(now.link) if now.change.is_set else None,
                "cut": sorted(now.change.cut),
                "mute": sorted(now.change.mute),
                "live": [asdict(figures) for figures in live_figures(status, link)],
                "state": link_state(status, link),
            }
            for link, now in zip(status.plan.links, status.now.links, strict=True)
        ],
        "differences": [asdict(difference) for difference in status.differences],
    }


def live_figures(status: Status, link: LinkPlan) -> list[Figures]:
    """How each direction of a link is shaped now; none where nothing of it is there."""
    here = status.live["links"].get(link.name)
    return readback.link_figures(here, status.live["wire"].get(link.name)) if here else []


def link_state(status: Status, link: LinkPlan) -> str:
    """`up`, `changed`, `cut`, `cut at h2`, `cut from h1`; where that is not how it is, `differs` or `missing`."""
    if link.name not in status.record.links:
        return "missing"
    where = (f"{link.name} (", f"{link.name}:")
    differs = any(d.where == link.name or f"{d.where}:".startswith(where) for d in status.differences)
    now = status.now.link(link.name)
    if differs:
        return "differs"
    return steering.cut_text(now) or ("changed" if now.change.is_set else "up")


def status_table(status: Status) -> RenderableType:
    """The status for people."""
    plan = status.plan
    nodes = _table(f"lab {plan.name}: {plan.topology.kind} on {status.engine}", "node", "address", "state")
    for node in plan.nodes:
        state = status.record.nodes.get(node.name, "missing")
        nodes.add_row(node.name, "\n".join(face.address for face in node.interfaces), _state(state))
    links = _table(None, "link", "medium", "declared", "live", "by", "did not arrive", "state")
    turned: list[LinkPlan] = []  # whose directions are told apart
    for link, now in zip(plan.links, status.now.links, strict=True):
        live = live_figures(status, link)
        by = "/".join(dict.fromkeys(figures.shaper for figures in live)) or "-"
        gone = _both(*(gone_text(figures) for figures in (live[0], live[-1]))) if live else "-"
        word = _state(link_state(status, link))
        cells = _declared(link), _live(link, now, live), by, gone
        links.add_row(link.name, now.link.spec.medium, *cells, word)
        turned += [link] * (not link.link.is_bus and any(THERE in cell for cell in cells))
    notes = [
        Text(f"  {THERE} as in the link's name: on {link.name} from {' to '.join(link.link.ends)}", style="dim")
        for link in turned[:1]
    ]
    notes += [Text(f"  {difference}", style="red") for difference in status.differences]
    if status.differences:
        lacking = any(difference.live == "missing" for difference in status.differences if difference.what == "state")
        what = "./inv up, which makes it anew" if lacking else f"./inv heal --name {plan.name}"
        notes.append(Text(typed(f"  next: {what}")))
    return Group(nodes, links, *notes)


def _live(link: LinkPlan, now: LinkPlan, live: list[Figures]) -> str:
    """What a link is now, in words where it is as it was declared, or set since."""
    if not live:
        return "-"
    shown = _both(settings(live[0]), settings(live[-1]))
    if shown != _declared(now):
        return shown
    return f"as set: {shown}" if now.change.is_set and shown != _declared(link) else "as declared"


def gone_text(figures: Figures) -> str:
    """How many frames did not arrive, and why: `lost 12, queue 3`."""
    return ", ".join(f"{reason} {count}" for reason, count in figures.gone.items()) or "-"


def labs_document(labs: list[tuple[str, LabRecord]]) -> list[dict[str, Any]]:
    """Every lab with the engine that has it, as a JSON document."""
    return [
        {
            "lab": record.name,
            "engine": engine,
            "words": asdict(record.spec) if record.spec else None,
            "nodes": record.nodes,
            "links": sorted(record.links),
            "owner": asdict(record.owner) | {"gone": record.stale} if record.owner else None,
        }
        for engine, record in labs
    ]


def labs_table(labs: list[tuple[str, LabRecord]]) -> RenderableType:
    """Every lab with the engine that has it, for people."""
    table = _table(None, "lab", "what it is", "engine", "nodes running", "belongs to")
    for engine, record in labs:
        running = sum(state == "running" for state in record.nodes.values())
        what = summary(record.spec) if record.spec else "made by another version"
        owner = f"{record.owner}{', gone' if record.stale else ''}" if record.owner else "-"
        words = (record.name, what, engine, f"{running} of {len(record.nodes)}", owner)
        table.add_row(*(escape(plain(word)) for word in words))  # labels: whoever may use the engine wrote them
    return table if labs else Text("no lab is there")


def welcome(plan: LabPlan) -> RenderableType:
    """What a lab is that just came up, and what to type next."""
    ends = [node.name for node in plan.nodes if node.role != "hub"]
    count = f"{counted(len(plan.nodes), 'node')} on {counted(len(plan.links), 'link')}"
    name = "" if plan.name == "lab" else f" --name {plan.name}"
    server, client = ends[0], ends[2 if plan.topology.kind == "ring" and len(ends) > 2 else 1]  # noqa: PLR2004
    return Group(
        Text.assemble((plan.name, "bold"), f" is up: a {plan.topology.kind} of {count}, {lab_media(plan)}"),
        Text(typed(f'  next: ./inv run tcp --server {server} --client {client} --message "hello there!"{name}')),
        Text(typed(f"        ./inv status{name}    ./inv shell {server}{name}    ./inv down{name}")),
    )


def lab_media(plan: LabPlan) -> str:
    """The media of a lab, each once, with its figures where there is only one."""
    media = dict.fromkeys(link.link.spec.medium for link in plan.links)
    if len(media) > 1:
        return ", ".join(media)
    declared_once = dict.fromkeys(_declared(link) for link in plan.links)
    return f"{next(iter(media))} ({next(iter(declared_once))})" if len(declared_once) == 1 else next(iter(media))


def speaker(console: Console, nodes: tuple[str, ...]) -> Callable[[str, str, str], None]:
    """Something that prints each line with the node that it comes from, each in its colour."""
    width = max(len(node) for node in nodes)
    colours = dict(zip(nodes, cycle(("cyan", "yellow", "green", "magenta", "blue")), strict=False))

    def speak(node: str, stream: str, line: str) -> None:
        style = "red" if stream == "stderr" else ""
        start = (f"{node:>{width}} │ ", colours.get(node, ""))
        console.print(Text.assemble(start, (plain(line), style)), soft_wrap=True)

    return speak


def cut_notes(now: LabPlan, server: str, client: str) -> Iterator[str]:
    """A line for each cut link that a conversation would have to pass, and how it is joined."""
    name = "" if now.name == "lab" else f" --name {now.name}"
    for link in steering.cut_between(now, client, server):
        what = f"{link.name} is {steering.cut_text(link)}, and lies between {client} and {server}"
        yield typed(f"note: {what}\n  next: ./inv heal {link.name}{name}")


def outcome(talk: Conversation, result: Outcome) -> str:
    """How a conversation failed, and what to do."""
    if result.client:
        return f"error: {talk.client}: the client ended with exit code {result.client}"
    if result.server is None:
        return typed(
            f"error: {talk.server}: the server still waited after {talk.patience:g} s, and was ended\n"
            "  next: was the message lost? ./inv status shows what the links do to it"
        )
    return f"error: {talk.server}: the server ended with exit code {result.server}"


def _state(word: str) -> Text:
    return Text(word, style="green" if word in ("running", "up") else "bold red")


def plan_tables(plan: LabPlan) -> RenderableType:
    """The plan for people, tc commands included."""
    nodes = _table(
        f"lab {plan.name}: {plan.topology.kind}, addresses from {plan.addresses.block}",
        "node",
        "on",
        "address",
        "route",
        "by way of",
    )
    for node in plan.nodes:
        nodes.add_row(
            node.name,
            "\n".join(face.link for face in node.interfaces),
            "\n".join(face.address for face in node.interfaces),
            "\n".join(route.to for route in node.routes),
            "\n".join(f"{route.via or 'the link'} on {route.link}" for route in node.routes),
        )
    links = _table(None, "link", "medium", "behaves like", "queue", "mtu", "shared")
    for link in plan.links:
        spec = link.link.spec
        queue = _both(say_size(spec.forward.settings.queue), say_size(spec.back.settings.queue))
        links.add_row(link.name, spec.medium, _declared(link), queue, str(link.mtu), "by all" if spec.shared else "no")
    return Group(nodes, links)


def plan_commands(plan: LabPlan) -> str:
    """The tc commands: netem's where the kernel has it and a link needs more than a token bucket, else the bucket's.

    A link that the software wire was asked for has those that are left: a bucket where the wire does not pace.
    """
    end = plan.links[0].link.ends[0]
    lines = [f"tc commands ({end}@{plan.links[0].name} is the port of {end} on that link)"]
    for link in plan.links:
        if plan.spec.shaper == "wire" or not shaping.netem_suffices(link.link):
            why = "" if plan.spec.shaper == "wire" else ", for netem cannot correlate delays"
            lines.append(f"# {link.name}: the software wire carries it{why}")
            lines += (f"  tc {' '.join(command)}" for command in shaping.wire_commands(link.link))
            continue
        if link.by_wire:
            lines.append(f"# {link.name}: netem; where the kernel has none, the software wire carries it")
        else:
            lines.append(f"# {link.name}: a token bucket; where there is netem, that")
        lines += (f"  tc {' '.join(command)}" for command in link.commands("netem" if link.by_wire else "tbf"))
    return "\n".join(lines)


def _table(title: str | None, *columns: str) -> Table:
    table = Table(
        title=title, title_justify="left", header_style="bold", box=None, pad_edge=False, padding=(0, 2, 0, 0)
    )
    for column in columns:
        table.add_column(column, overflow="fold")
    return table
