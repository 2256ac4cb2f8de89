"""Steering: what a link becomes when it is changed, cut or healed, and the plan that is in force then. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from lab.errors import SpecError, TopologyError
from lab.model import change as changes
from lab.model import shaping, spec
from lab.model.change import UNCHANGED, Change
from lab.model.detour import Detours, parted
from lab.model.media import MEDIA
from lab.model.plan import LabPlan, LinkPlan
from lab.model.routing import Routing
from lab.model.topology import Link, few

PAIRS_SHOWN = 3


def recall(plan: LabPlan, lines: Mapping[str, str]) -> dict[str, Change]:
    """What was changed since `up`, by link.

    Args:
        plan: what is declared.
        lines: what the links' bridges carry, by link.

    Raises:
        WordsError: a line cannot be read.
    """
    return {link.name: changes.read(lines[link.name], link.link) for link in plan.links if lines.get(link.name)}


def in_force(plan: LabPlan, changed: Mapping[str, Change]) -> LabPlan:
    """The plan with what was changed since `up`. Nodes know nothing of it, but for a way round a cut.

    Args:
        plan: what is declared.
        changed: what was changed, by link.
    """
    if not changed:
        return plan
    links = tuple(_changed(link, changed.get(link.name, UNCHANGED)) for link in plan.links)
    graph = replace(plan.topology, links=tuple(link.link for link in links))
    nodes = plan.nodes
    if gone := {link.name for link in links if link.change.reroute and link.change.is_cut}:
        detours = Detours(plan.routing, plan.addresses, gone)
        nodes = tuple(replace(node, routes=(*node.routes, *detours.rows(node.name))) for node in nodes)
    return replace(plan, topology=graph, routing=Routing(graph, plan.spec.routing), nodes=nodes, links=links)


def _changed(link: LinkPlan, change: Change) -> LinkPlan:
    line = changes.write(change, link.link)
    return replace(link, link=replace(link.link, spec=change.spec(link.link.spec)), change=change, line=line)


def altered(link: Link, before: Change, text: str, sender: str | None = None) -> Change:
    """A link's change after other settings were given.

    Args:
        link: the link as `up` declared it.
        before: what was changed until now.
        text: a SPEC; what it does not name stays as it is now.
        sender: the end from which the direction leads that is meant; None: both, or the halves of the SPEC.

    Raises:
        SpecError: the SPEC cannot be read, or does not fit this link.
        TopologyError: no such end.
    """
    now = before.spec(link.spec)
    halves = [half.strip() for half in text.split("/")]
    if len(halves) > (1 if link.shared or sender else 2):
        why = "its medium is shared" if link.shared else "--from names one" if sender else "a link has two"
        raise SpecError(f"{text!r} has {len(halves)} directions, but {why}", where=link.name, remedy="give one SPEC")
    try:
        _check_medium(link, halves)
        ways = [now.forward, now.back]
        for number in _directions(link, sender):
            ways[number] = spec.over(ways[number], halves[number % len(halves)])
    except SpecError as error:
        raise SpecError(error.what, where=link.name, remedy=error.remedy) from None
    after = before.with_ways(replace(now, forward=ways[0], back=ways[-1]), link.spec)
    outgrown = shaping.outgrown(replace(link, spec=after.spec(link.spec)))
    return replace(after, moved=before.moved or outgrown or shaping.by_wire(link))


def _check_medium(link: Link, halves: list[str]) -> None:
    """Refuse a medium that would make two channels one, or one two: a bus alone is shared by its shape."""
    for half in halves:
        known = MEDIA.get(half.split(",")[0])
        if known and not link.is_bus and known.shared != link.shared:
            what = "one channel for both directions, and this link has two" if known.shared else "two channels"
            raise SpecError(
                f"{known.name} is {what}" + ("" if known.shared else ", and this link has one"),
                remedy=f"./inv up --link {link.name}={half}, in another lab",
            )


def _directions(link: Link, sender: str | None) -> tuple[int, ...]:
    if sender is None:
        return (0,) if link.shared else (0, 1)
    if link.shared:
        raise TopologyError("its one rate is for all ends", where=link.name, remedy="leave --from out")
    check_end(link, sender)
    return (link.ends.index(sender),)


def check_end(link: Link, node: str) -> str:
    """Return a node if it is on a link.

    Raises:
        TopologyError: it is not.
    """
    if node not in link.ends:
        raise TopologyError(f"{node!r} is not on it", where=link.name, remedy=f"its ends are {few(list(link.ends))}")
    return node


def cut(link: Link, before: Change, tap: str | None = None, sender: str | None = None) -> Change:
    """A link's change after it was cut.

    Args:
        link: the link.
        before: what was changed until now.
        tap: on a bus, the node whose tap is pulled; elsewhere a cut cable is cut for both ends.
        sender: the node whose frames no longer enter, while it still hears.
    """
    if sender is not None:
        return replace(before, mute=before.mute | {check_end(link, sender)})
    if tap is not None:
        check_end(link, tap)
    ends = {tap} if tap and link.is_bus else set(link.ends)
    return replace(before, cut=before.cut | ends)


def cut_text(link: LinkPlan) -> str:
    """How a link is cut, in a word or a few: `cut`, `cut at h2`, `cut from h1`."""
    change, ends = link.change, link.link.ends
    if len(change.cut) == len(ends):
        return "cut"
    at = f"cut at {few([end for end in ends if end in change.cut])}" if change.cut else ""
    of = f"cut from {few([end for end in ends if end in change.mute])}" if change.mute else ""
    return ", ".join(filter(None, (at, of)))


def parted_text(now: LabPlan) -> str:
    """Between which nodes no way is left, of many the first pairs; empty where each still reaches each.

    Args:
        now: what is in force.
    """
    pairs = parted(now.topology, {link.name: link.change.cut | link.change.mute for link in now.links})
    shown = [f"{one} and {other}" for one, other in pairs[:PAIRS_SHOWN]]
    more = [f"and {len(pairs) - PAIRS_SHOWN} more"] if len(pairs) > PAIRS_SHOWN else []
    return f"no way is left between {', '.join([*shown, *more])}" if pairs else ""


def cut_between(now: LabPlan, one: str, other: str) -> list[LinkPlan]:
    """The links that are cut on the way from one node to another, or on the way back; not those that are gone round.

    Args:
        now: what is in force.
        one: a node.
        other: another one.
    """
    hops = (*now.routing.path(one, other), *now.routing.path(other, one))
    changes = ((hop, now.link(hop.link).change) for hop in hops)
    cut = (hop for hop, change in changes if not change.reroute and (change.cut | change.mute) & {hop.node, hop.to})
    return [now.link(name) for name in dict.fromkeys(hop.link for hop in cut)]


def healed(link: Link, before: Change, tap: str | None = None) -> Change:
    """A link's change after it was put together again; settings stay."""
    ends = {check_end(link, tap)} if tap and link.is_bus else set(link.ends)
    left = replace(before, cut=before.cut - ends, mute=before.mute - ends)
    return left if left.is_cut else replace(left, reroute=False)


def unset(link: Link, before: Change) -> Change:
    """A link as `up` declared it, but that one that went over to the software wire stays there: that costs nothing."""
    return replace(UNCHANGED, moved=before.moved and not shaping.by_wire(link))


def links_of(plan: LabPlan, word: str) -> dict[str, str | None]:
    """The links that a word means, each with the tap that is meant: a link's name, `h2-bus`, a node, or a partition.

    Raises:
        TopologyError: there is none.
    """
    if "|" in word:
        return _between(plan, word)
    if any(node.name == word for node in plan.nodes):
        return {link.name: word if link.is_bus else None for link in plan.topology.links_of(word)}
    bus = next((link for link in plan.topology.links if link.is_bus), None)
    if bus and (tap := _tap(word, bus)):
        return {bus.name: tap}
    return {plan.link(word).name: None}


def _tap(word: str, bus: Link) -> str | None:
    """The node of `h2-bus` or `bus-h2`."""
    match = re.fullmatch(rf"{bus.name}-(\w+)|(\w+)-{bus.name}", word)
    return check_end(bus, match[1] or match[2]) if match else None


def _between(plan: LabPlan, word: str) -> dict[str, str | None]:
    """The links between two or more groups of nodes: `h1,h2 | h3,h4`."""
    side: dict[str, int] = {}
    for number, group in enumerate(word.split("|")):
        for name in filter(None, (each.strip() for each in group.split(","))):
            if side.setdefault(plan.node(name).name, number) != number:
                raise TopologyError(f"{name} is on both sides", where=word, remedy="name it once")
    if missing := [node.name for node in plan.nodes if node.name not in side]:
        raise TopologyError(
            f"{few(missing)}: on which side?", where=word, remedy="name every node once, sides with | between them"
        )
    crossing = [link for link in plan.topology.links if len({side[end] for end in link.ends}) > 1]
    if any(link.is_bus for link in crossing):
        raise TopologyError(
            "a bus is one medium: it cannot be parted between its taps",
            where=word,
            remedy="pull taps: ./inv cut h3-bus",
        )
    if not crossing:
        raise TopologyError("no link leads from one side to another", where=word, remedy="name two sides: n1,n2 | n3")
    return {link.name: None for link in crossing}
