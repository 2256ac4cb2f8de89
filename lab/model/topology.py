"""Topologies: a graph of nodes and links; star, ring and bus are recipes for one.

star    h1 … hN, each with its own link to the hub, which forwards
ring    n1 … nN, each with a link to the next one, all forward
bus     h1 … hN on one shared medium
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from lab.errors import SpecError, TopologyError
from lab.model import spec
from lab.model.spec import LinkSpec

FEWEST, MOST = 2, 250


@dataclass(frozen=True, slots=True)
class Node:
    """A computer.

    Attributes:
        role: `host`, `hub` or `member` (of a ring).
        forwards: whether it passes on packets that are meant for others.
    """

    name: str
    role: str
    forwards: bool = False


@dataclass(frozen=True, slots=True)
class Link:
    """What joins nodes: two ends, or all of a bus's."""

    name: str
    ends: tuple[str, ...]
    spec: LinkSpec

    @property
    def shared(self) -> bool:
        """Whether one rate holds for all ends together."""
        return self.spec.shared

    @property
    def is_bus(self) -> bool:
        """Whether everybody on the link hears everything, by the shape of it."""
        return self.name == BUS


@dataclass(frozen=True, slots=True)
class Topology:
    """Nodes and links."""

    kind: str
    nodes: tuple[Node, ...]
    links: tuple[Link, ...]

    def links_of(self, node: str) -> tuple[Link, ...]:
        """The links that a node is on, in their order."""
        return tuple(link for link in self.links if node in link.ends)


BUS = "bus"
_Shape = tuple[tuple[Node, ...], dict[str, tuple[str, ...]]]


def star(count: int) -> _Shape:
    """The nodes and link ends of a star of `count` hosts."""
    hosts = _names("h", count)
    nodes = (*(Node(name, "host") for name in hosts), Node("hub", "hub", forwards=True))
    return nodes, {f"{name}-hub": (name, "hub") for name in hosts}


def ring(count: int) -> _Shape:
    """The nodes and link ends of a ring of `count` members; the links point clockwise."""
    names = _names("n", count)
    pairs = zip(names, [*names[1:], names[0]], strict=True)
    return tuple(Node(name, "member", forwards=True) for name in names), {f"{a}-{b}": (a, b) for a, b in pairs}


def bus(count: int) -> _Shape:
    """The nodes and link ends of a bus of `count` hosts."""
    hosts = _names("h", count)
    return tuple(Node(name, "host") for name in hosts), {BUS: hosts}


SHAPES: dict[str, Callable[[int], _Shape]] = {"star": star, "ring": ring, "bus": bus}


def build(kind: str, count: int, media: str = "coax", links: Mapping[str, str] | None = None) -> Topology:
    """Make a topology from words.

    Args:
        kind: `star`, `ring` or `bus`.
        count: how many hosts or ring members, 2 to 250 (a star's hub comes on top).
        media: the SPEC of every link.
        links: SPECs of single links, by the link's name or, on a star, its host's.

    Raises:
        TopologyError: no such shape, size or link.
        SpecError: a SPEC cannot be read; `where` names the link.
    """
    if kind not in SHAPES:
        raise TopologyError(f"no topology is called {kind!r}", remedy=f"there are {', '.join(SHAPES)}")
    if not FEWEST <= count <= MOST:
        raise TopologyError(f"a {kind} of {count} cannot be made", remedy=f"--nodes takes {FEWEST} to {MOST}")
    nodes, ends = SHAPES[kind](count)
    _spec("--media", media, "coax", shared=False)  # what is wrong with it is no single link's fault
    given: dict[str, str] = {}
    for word, text in (links or {}).items():
        name = find_link(word, ends)
        if name in given:
            raise TopologyError(f"{name} is given twice", remedy="give one --link for it")
        given[name] = text
    made = tuple(
        Link(name, pair, _spec(name, given.get(name, ""), media, shared=name == BUS)) for name, pair in ends.items()
    )
    return Topology(kind, nodes, made)


def find_link(word: str, ends: Mapping[str, tuple[str, ...]]) -> str:
    """The link that a word means: its name, its name from the other end, or its one host.

    Raises:
        TopologyError: there is no such link, or the word could mean several.
    """
    if word in ends:
        return word
    turned = "-".join(reversed(word.split("-")))
    if turned in ends:
        return turned
    at = [name for name, pair in ends.items() if word in pair]
    if len(at) == 1 and at[0] != BUS:
        return at[0]
    if at:
        hint = f"a bus is one medium for all: name it, {BUS}" if at == [BUS] else f"name one: {few(at)}"
        raise TopologyError(f"{word} is a node, not a link", remedy=hint)
    close = difflib.get_close_matches(word, ends, n=1)
    raise TopologyError(
        f"no link is called {word!r}",
        remedy=f"did you mean {close[0]}?" if close else f"there are {few(list(ends))}",
    )


def _spec(name: str, text: str, media: str, *, shared: bool) -> LinkSpec:
    try:
        return spec.parse(text, default=media, shared=shared)
    except SpecError as error:
        raise SpecError(error.what, where=name if text else "--media", remedy=error.remedy) from None


def _names(letter: str, count: int) -> tuple[str, ...]:
    return tuple(f"{letter}{number}" for number in range(1, count + 1))


def few(names: list[str]) -> str:
    """Names in one line: all of a few, the first and the last of many."""
    return ", ".join(names if len(names) <= 5 else [*names[:3], "…", names[-1]])  # noqa: PLR2004
