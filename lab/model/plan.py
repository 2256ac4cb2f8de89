"""The plan: everything decided, nothing done. Frozen, complete before any I/O, the same for the same words."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, astuple, dataclass, field, replace
from ipaddress import IPv4Network
from typing import Any, Self

from lab.errors import TopologyError, WordsError
from lab.model import addressing, shaping, topology
from lab.model.addressing import Addresses
from lab.model.change import UNCHANGED, Change
from lab.model.routing import POLICIES, Routing
from lab.model.tables import NodePlan, Tables
from lab.model.topology import Link, Topology

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,30}")


@dataclass(frozen=True, slots=True, kw_only=True)
class LabSpec:
    """The words that describe a lab; all that has to be remembered of it."""

    name: str = addressing.DEFAULT_NAME
    topology: str = "star"
    nodes: int = 4
    media: str = "coax"
    links: tuple[tuple[str, str], ...] = ()
    routing: str = "clockwise"
    pool: str = ""
    shaper: str = "auto"
    seed: int = 1
    image: str = ""

    def to_json(self) -> str:
        """The words as one line."""
        return json.dumps(asdict(self), separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `to_json` wrote.

        Raises:
            ValueError, TypeError, KeyError: it is something else.
        """
        values = json.loads(text)
        values["links"] = tuple((name, spec) for name, spec in values["links"])
        words = [word for pair in values["links"] for word in pair]
        read, usual = cls(**values), cls()
        for given, known in ((words, [""] * len(words)), (astuple(read), astuple(usual))):
            if [type(value) for value in given] != [type(value) for value in known]:
                raise TypeError(text)
        return read


@dataclass(frozen=True, slots=True)
class LinkPlan:
    """A link with its subnet, and the device that stands for its medium where it is shared.

    Attributes:
        change: what was changed of it since `up`; `link` is as it is then.
        line: the same, as the link's bridge carries it.
        forced: whether the words rule a token bucket out (`--shaper exact`, `--shaper wire`).
    """

    link: Link
    subnet: str
    device: str
    change: Change = UNCHANGED
    line: str = ""
    forced: bool = False

    @property
    def name(self) -> str:
        """The link's name."""
        return self.link.name

    @property
    def mtu(self) -> int:
        """The largest IP packet on the link, in bytes."""
        return self.link.spec.forward.settings.mtu

    @property
    def by_wire(self) -> bool:
        """Whether the software wire carries it where netem does not."""
        return self.forced or self.change.moved or (not self.change.is_set and shaping.by_wire(self.link))

    def commands(self, shaper: str, seed: int | None = None) -> tuple[shaping.Command, ...]:
        """The tc commands that `shaper` (netem or tbf) needs for this link, with tokens for devices."""
        return shaping.link_commands(self.link, shaper, seed)


@dataclass(frozen=True, slots=True)
class LabPlan:
    """A lab, decided."""

    spec: LabSpec
    topology: Topology
    routing: Routing = field(repr=False, compare=False)
    addresses: Addresses
    nodes: tuple[NodePlan, ...]
    links: tuple[LinkPlan, ...]

    @property
    def name(self) -> str:
        """The lab's name."""
        return self.spec.name

    def node(self, name: str) -> NodePlan:
        """A node by its name.

        Raises:
            TopologyError: there is none.
        """
        for node in self.nodes:
            if node.name == name:
                return node
        names = [node.name for node in self.nodes]
        raise TopologyError(f"no node is called {name!r}", remedy=f"{self.name} has {topology.few(names)}")

    def link(self, word: str) -> LinkPlan:
        """A link by its name, or by its one host.

        Raises:
            TopologyError: there is none.
        """
        name = topology.find_link(word, {link.name: link.link.ends for link in self.links})
        return next(link for link in self.links if link.name == name)


def check_words(spec: LabSpec) -> Topology:
    """Find out whether words describe a lab, without deciding its addresses and routes.

    Returns:
        The nodes and links that they describe.

    Raises:
        WordsError: they do not describe a lab.
    """
    check_name(spec.name)
    for what, value, known in (
        ("routing", spec.routing, POLICIES),
        ("shaper", spec.shaper, shaping.SHAPERS),
    ):
        if value not in known:
            raise WordsError(f"no {what} is called {value!r}", remedy=f"there are {', '.join(known)}")
    graph = topology.build(spec.topology, spec.nodes, spec.media, _once(spec.links))
    if spec.pool:
        addressing.read_pool(spec.pool, addressing.block_prefix(graph))
    return graph


def pool_of(spec: LabSpec) -> str:
    """The block that words ask for, or nothing where they leave it open.

    Raises:
        WordsError: it cannot be had.
    """
    prefix = addressing.block_prefix(check_words(spec))
    return str(addressing.read_pool(spec.pool, prefix)) if spec.pool else ""


def decide(spec: LabSpec, taken: list[IPv4Network] | None = None) -> LabPlan:
    """Decide everything.

    Args:
        spec: the words.
        taken: networks that the lab's addresses must not overlap; they matter only where the words name no pool.

    Raises:
        WordsError: the words do not describe a lab.
        PoolError: no addresses are left.
    """
    graph = check_words(spec)
    prefix = addressing.block_prefix(graph)
    block = (
        addressing.read_pool(spec.pool, prefix) if spec.pool else addressing.free_block(spec.name, prefix, taken or [])
    )
    addresses = addressing.assign(graph, block)
    routing = Routing(graph, spec.routing)
    tables = Tables(routing, addresses)
    return LabPlan(
        spec=spec,
        topology=graph,
        routing=routing,
        addresses=addresses,
        nodes=tuple(tables.node(node.name) for node in graph.nodes),
        links=tuple(
            LinkPlan(
                link,
                str(addresses.subnets[link.name]),
                medium_device(spec.name, number),
                forced=spec.shaper in shaping.NO_BUCKET,
            )
            for number, link in enumerate(graph.links)
        ),
    )


def _once(links: tuple[tuple[str, str], ...]) -> dict[str, str]:
    """The SPECs of single links by the words that were given; a word that comes twice is refused."""
    found: dict[str, str] = {}
    for word, text in links:
        if word in found:
            raise TopologyError(f"{word} is given twice", remedy="give one --link for it")
        found[word] = text
    return found


def check_name(name: str) -> str:
    """Return a lab's name if it can be one.

    Raises:
        WordsError: it cannot.
    """
    if not NAME.fullmatch(name):
        raise WordsError(
            f"{name!r} cannot be a lab's name",
            remedy="lower-case letters, digits and hyphens, at most 31 of them",
        )
    return name


def medium_device(name: str, number: int) -> str:
    """The name of the device that carries a shared medium: at most 15 characters (IFNAMSIZ), the same each time."""
    return f"{device_prefix(name)}-{number}"


def device_prefix(name: str) -> str:
    """What the names of all devices of a lab begin with."""
    return f"wl{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def as_document(plan: LabPlan) -> dict[str, Any]:
    """The plan as one JSON document, tc commands included."""
    return {
        "lab": plan.name,
        "words": asdict(plan.spec),
        "topology": plan.topology.kind,
        "block": str(plan.addresses.block),
        "nodes": [asdict(node) for node in plan.nodes],
        "links": [_link_document(link, plan.spec.seed) for link in plan.links],
    }


def _link_document(link: LinkPlan, seed: int) -> dict[str, Any]:
    tc = {}
    if shaping.netem_suffices(link.link):
        tc["netem"] = [("tc", *command) for command in link.commands("netem", seed)]
    if link.by_wire:
        tc["wire"] = [("tc", *command) for command in shaping.wire_commands(link.link)]
    else:
        tc["tbf"] = [("tc", *command) for command in link.commands("tbf")]
    return {
        "name": link.name,
        "ends": link.link.ends,
        "subnet": link.subnet,
        "medium": link.link.spec.medium,
        "shared": link.link.shared,
        "directions": declared(link.link),
        "tc": tc,
    }


def declared(link: Link) -> list[dict[str, Any]]:
    """Both directions of a link as the words declare them (one for a shared link), in bit/s, seconds, shares, bytes."""
    first, second = link.ends[0], link.ends[-1]
    if link.shared:
        return [{"from": "all", "to": "all", "medium": link.spec.medium} | asdict(link.spec.forward.settings)]
    return [
        {"from": a, "to": b, "medium": way.medium} | asdict(way.settings)
        for a, b, way in ((first, second, link.spec.forward), (second, first, link.spec.back))
    ]


def same_lab(one: LabSpec, other: LabSpec) -> bool:
    """Whether two descriptions mean the same lab, in whichever order and by whichever names they give its links."""
    if replace(one, media="", links=()) != replace(other, media="", links=()):
        return False
    return check_words(one) == check_words(other)


def summary(spec: LabSpec) -> str:
    """A lab in a few words: `star of 4, coax`."""
    words = [f"{spec.topology} of {spec.nodes}", spec.media, *(f"{name}={text}" for name, text in spec.links)]
    return ", ".join(words)
