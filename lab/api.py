"""What `from lab import …` gives: the lab to hold in your hand, whole, and the recipes that describe one.

`lab.lab.Lab` wires and runs a lab; the `Lab` here also watches it, which the rooms below may not know of.

>>> from lab import ring, star
>>> star(3, media="satellite").nodes
3
>>> ring(4, links={"n1-n2": "satellite,loss=1%"}).links
(('n1-n2', 'satellite,loss=1%'),)
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Self, TypedDict, Unpack

import lab.lab
from lab import links
from lab.engine.base import Say, unheard
from lab.engine.owner import Owner
from lab.errors import LabError, LateError, WordsError
from lab.links import LiveLink
from lab.model import steering
from lab.model.addressing import DEFAULT_NAME
from lab.model.media import MEDIA, Medium
from lab.model.plan import LabSpec
from lab.nodes import LiveNode
from lab.observe.capture import Taken, capturing
from lab.play import Play
from lab.programs import Result, Running, ended

__all__ = [
    "MEDIA",
    "Lab",
    "LabSpec",
    "LateError",
    "LiveLink",
    "LiveNode",
    "Medium",
    "Result",
    "Running",
    "bus",
    "ring",
    "star",
]

if not (Path(__file__).parents[1] / "inv").is_file():
    LabError.command = "wirelab"  # installed, not a checkout


class More(TypedDict, total=False):
    """What a recipe takes besides nodes and media, as `LabSpec` and `./inv up` have it."""

    links: Mapping[str, str | Medium]
    routing: str
    pool: str
    shaper: str
    seed: int
    image: str
    name: str


def star(nodes: int = 4, media: str | Medium = "coax", **more: Unpack[More]) -> LabSpec:
    """Describe a star: hosts h1 … hN, each with a link of its own to the hub, which forwards.

    Args:
        nodes: how many hosts, 2 to 250; the hub comes on top.
        media: what all links are made of: a SPEC, or a medium of the catalogue (`lab.MEDIA`).
        more: `links` (a SPEC for single links), `seed`, `shaper`, `pool`, `name`; `image`, of one's own, for all nodes
            on Docker: its Dockerfile begins with `FROM wirelab-node:latest`.

    Raises:
        WordsError: a medium is not of the catalogue. What else is wrong, `Lab.up` says.
    """
    return _describe("star", nodes, media, more)


def ring(nodes: int = 4, media: str | Medium = "coax", **more: Unpack[More]) -> LabSpec:
    """Describe a ring: members n1 … nN, messages circle clockwise, unless `routing="shortest"`. See `star`."""
    return _describe("ring", nodes, media, more)


def bus(nodes: int = 4, media: str | Medium = "coax", **more: Unpack[More]) -> LabSpec:
    """Describe a bus: hosts h1 … hN on one shared medium, where everybody hears everything. See `star`."""
    return _describe("bus", nodes, media, more)


def _describe(topology: str, nodes: int, media: str | Medium, more: More) -> LabSpec:
    given: dict[str, Any] = {
        **more,
        "links": tuple((link, spec_of(spec)) for link, spec in more.get("links", {}).items()),
    }
    return LabSpec(topology=topology, nodes=nodes, media=spec_of(media), **given)


def spec_of(medium: str | Medium) -> str:
    """The SPEC that stands for a medium.

    Raises:
        WordsError: it is none of the catalogue's, and could not be remembered by its name.

    >>> spec_of(MEDIA["satellite"]), spec_of("coax,loss=1%")
    ('satellite', 'coax,loss=1%')
    """
    if isinstance(medium, str):
        return medium
    if MEDIA.get(medium.name) != medium:
        raise WordsError(
            "this medium is not in the catalogue",
            where=medium.name,
            remedy='give settings over one that is: "satellite,rate=2mbit"',
        )
    return medium.name


def own_name(prefix: str = "py") -> str:
    """A name for a lab that nobody else has."""
    return f"{prefix}-{secrets.token_hex(4)}"


class Lab(lab.lab.Lab):
    """A laboratory to hold in your hand. As a context manager, it takes itself down at the end.

    ```python
    with Lab.up(star(2, media="satellite")) as lab:
        with lab["h1"].start(["python3", "-m", "lab.apps.tcp_server"]) as server:
            server.wait_for_port(11267)
            lab["h2"].run(["python3", "-m", "lab.apps.tcp_client", "--host", "h1", "--message", "hello"]).check()
            server.wait_for_line("received  hello")
    ```
    """

    @classmethod
    def up(cls, spec: LabSpec, engine: str = "auto", say: Say = unheard, owner: Owner | None = None) -> Self:
        """Bring a lab up.

        A description that names no lab gets a name that nobody else has, so that two programs do not meet; to hold
        the lab that `./inv up` made, ask for it: `Lab.find("lab")`.

        Args:
            spec: what `star`, `ring` or `bus` returned, or any `LabSpec`.
            engine: `auto` (Docker where it answers, else the embedded engine), `docker` or `netns`.
            say: takes a line for each step.
            owner: the process that the lab belongs to, this one if left out: where it was killed, and could not take
                the lab down, `./inv down --stale` does.

        Raises:
            WordsError: the words do not describe a lab, or one of that name is another one.
            MachineError: the machine lacks something. Nothing of the lab is left then.
        """
        named = replace(spec, name=own_name()) if spec.name == DEFAULT_NAME else spec
        return super().up(named, engine, say, owner or Owner.here())

    def reset(self) -> None:
        """Go back to what was declared: end the programs that were started from here, and reset every link's settings.

        Files that programs left on the nodes stay there. A link that went over to the software wire stays on it, for
        this is to be quick; `link(NAME).reset()` has it go back.

        Raises:
            EngineError: a program does not end, or a node does not run.
        """
        running, self._started[:] = list(self._started), []
        ended(running)
        changed = steering.recall(self.plan, self._lines)
        alter: dict[str, links.Alter] = {
            name: lambda link, before: steering.unset(link.link, before)
            for name, change in changed.items()
            if steering.unset(self.plan.link(name).link, change) != change
        }
        if alter:
            links.steer(self.engine, self.plan, alter, self._lines)

    def play(self, text: str, seed: int = 1, say: Say = unheard) -> Play:
        """Begin a timeline: what happens to the links and nodes, and when; `lab.model.timeline` has its words.

        Args:
            text: its lines.
            seed: decides what is left to chance: the same seed, the same times and the same lost frames.
            say: takes a line for each event.

        Returns:
            What is being played: `.wait()` for its end, or use it in a `with` block.

        Raises:
            WordsError: a line cannot be read, or does not fit the lab.
        """
        return Play(self, text, seed, say)

    def link(self, word: str) -> LiveLink:
        """A link of the lab, to change, cut, heal or read. From the first call on, an agent stays for it.

        Args:
            word: its name, or its one host.

        Raises:
            TopologyError: there is none.
        """
        self.engine.attend(self.name)
        return super().link(word)

    @contextmanager
    def capture(self, *nodes: str, side: str = "node", filter: str = "") -> Iterator[Taken]:  # noqa: A002
        """Capture what passes some nodes, at all their links, as long as the block lasts.

        Args:
            nodes: their names; none: all of them.
            side: `node`, or `port`: at the other end of the node's cables.
            filter: an expression of pcap-filter(7), as `"tcp port 80"`; names in it may be nodes.

        Returns:
            What was taken: `.frames`, in the order of time, each with `.node`, `.link`, `.time_ns` and `.data`.

        Raises:
            WordsError: no such node, or the filter cannot be read.
            EngineError: the lab does not run.
        """
        names = nodes or tuple(node.name for node in self.plan.nodes)
        places = [(name, face.link) for name in names for face in self.plan.node(name).interfaces]
        with capturing(self, places, side=side, filter=filter) as taken:
            yield taken
