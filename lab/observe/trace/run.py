"""Has one message sent, captures at every interface that it may pass, and hands the frames to the document."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from ipaddress import AddressValueError, IPv4Address

from lab.engine.base import Say, unheard
from lab.errors import WordsError
from lab.lab import Lab
from lab.model import predict, steering, units
from lab.model.plan import LabPlan
from lab.observe import conversation, report
from lab.observe.capture import Place, Taken, capturing
from lab.observe.conversation import Conversation, Outcome
from lab.observe.stage import Stage
from lab.observe.trace.document import Document, document
from lab.observe.trace.document import conversation as told_of
from lab.observe.trace.drain import over
from lab.observe.trace.journey import journeys
from lab.observe.trace.match import match
from lab.observe.trace.scene import Scene, scene
from lab.observe.trace.story import Story

PORT = 11267  # the lecture's
BUFFER = 80  # bytes, the lecture's
GREETING = "hello there!"
MOST_BYTES = 100_000  # what one word of a command line holds for sure: execve(2)
MOST_UDP = 65_507  # RFC 768 and RFC 791: 65,535 less both headers
MOST_PLACES = 64
NEWS_SECONDS = 5.0  # a node asks for a hardware address for 3 s before it says that nobody has it
PAUSE = 0.05  # seconds between looks at whether all has come


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to be traced.

    Attributes:
        sender: the client's node.
        to: the server's node, or any IPv4 address.
        loss: as a SPEC has it, `20%`; empty: the link stays as it is. The lab's seed decides which frames.
        on: the link that shall lose; empty: the first of the way.
        served: whether a server is started.
        patience: seconds that client and server wait for each other.
    """

    protocol: str
    sender: str
    to: str
    message: str = GREETING
    port: int = PORT
    loss: str = ""
    on: str = ""
    served: bool = True
    patience: float = 30.0


@dataclass(slots=True)
class _Heard:
    """What the programs say, as it comes."""

    lines: list[tuple[str, str, str]] = field(default_factory=list)

    def __call__(self, who: str, stream: str, line: str) -> None:
        self.lines.append((who, stream, line))


def message_of(text: str, size: str) -> str:
    """The message, or so many bytes of greetings.

    Raises:
        WordsError: the size cannot be had.
    """
    if not size:
        return text or GREETING
    if not re.fullmatch(r"[0-9]{1,9}", size) or not 0 < int(size) <= MOST_BYTES:
        raise WordsError(f"{size!r} is no size", where="--size", remedy=f"a number of bytes from 1 to {MOST_BYTES}")
    line = f"{text or GREETING} ".encode()
    return (line * (int(size) // len(line) + 1))[: int(size)].decode("utf-8", "replace").replace("\ufffd", "?")


def ends(plan: LabPlan, sender: str, receiver: str) -> tuple[str, str]:
    """Who sends to whom where it is not said: h2 to h1, on a ring n2 to n1, which is the long way round."""
    names = [node.name for node in plan.nodes if node.role != "hub"]
    receiver = receiver or next(name for name in names if name != sender)
    return sender or next(name for name in [*names[1:], names[0]] if name != receiver), receiver


def check(lab: Lab, wanted: Wanted) -> Wanted:
    """Find out whether a message can be traced, before anything is done.

    Returns:
        The same, with the node's name for an address that is one's.

    Raises:
        WordsError: it cannot.
        TopologyError: there is no such node or link.
    """
    if wanted.protocol not in conversation.PROTOCOLS:
        there = ", ".join(conversation.PROTOCOLS)
        raise WordsError(f"no program speaks {wanted.protocol!r}", where="--protocol", remedy=f"there are {there}")
    lab.plan.node(wanted.sender)
    owner = _owner(lab.plan, wanted.to)
    if owner == wanted.sender:
        raise WordsError("from and to are the same node", where=owner, remedy="name two nodes")
    size = len(wanted.message.encode("utf-8", "surrogateescape"))
    most = MOST_UDP if wanted.protocol == "udp" else MOST_BYTES
    if size > most:
        remedy = f"up to {most} bytes; TCP cuts what is longer than a packet into segments"
        raise WordsError(f"{size} bytes are too many for one {wanted.protocol} message", remedy=remedy)
    if wanted.loss:
        units.share(wanted.loss)
    on = lab.plan.link(wanted.on).name if wanted.on else ""
    return replace(wanted, to=owner or wanted.to, on=on)


def _owner(plan: LabPlan, word: str) -> str | None:
    """The node of a name or an address; None for an address that is nobody's."""
    try:
        address = str(IPv4Address(word))
    except AddressValueError:
        return plan.node(word).name
    ports = [port for ports in plan.addresses.ports.values() for port in ports]
    return next((port.node for port in ports if str(port.address) == address), None)


def trace(lab: Lab, wanted: Wanted, say: Say = unheard) -> Document:
    """Send a message, and follow it.

    Raises:
        WordsError: it cannot be traced.
        MachineError: the lab does not run, or the capture cannot.
        CheckError: the server ended before the client could call it.
    """
    wanted = check(lab, wanted)
    lossy = wanted.on or _first_link(lab.plan, wanted)
    heard = _Heard()
    with _losing(lab, lossy, wanted.loss) if wanted.loss else nullcontext():
        live = lab.status()
        seen = scene(lab.plan, lab.engine.name, {link.name: report.live_figures(live, link) for link in lab.plan.links})
        where = places(lab.plan, wanted)
        story = Story(
            protocol=wanted.protocol,
            sender=wanted.sender,
            to=wanted.to,
            message=wanted.message,
            port=wanted.port,
            loss=(lossy, units.share(wanted.loss)) if wanted.loss else None,
            served=wanted.served,
            places=where,
        )
        say(f"listening at {units.counted(len(where), 'place')}")
        with capturing(lab, where) as taken:
            say(f"sending {units.counted(len(story.sent), 'byte')} by {wanted.protocol}")
            outcome = _send(lab, wanted, heard)
            story = replace(story, codes=(outcome.server, outcome.client), said=tuple(heard.lines))
            say("waiting until all is quiet", passing=True)
            _wait(seen, story, taken, wanted.patience)
    story = replace(story, dropped=sum(taken.dropped.values()))
    return document(seen, story, taken.frames)


@contextmanager
def _losing(lab: Lab, link: str, loss: str) -> Iterator[None]:
    """Have a link lose frames for as long as the block lasts; then it is as it was, also after Ctrl-C."""
    held = lab.link(link)
    changed = link in steering.recall(lab.plan, lab.status().live["lines"])
    before = held.stats()
    try:
        held.set(loss=loss)
        yield
    finally:
        if changed:
            held.set("/".join(f"loss={way.loss * 100:g}%" for way in before))
        else:
            held.reset()


def _first_link(plan: LabPlan, wanted: Wanted) -> str:
    """The first link of the way; for an address that is nobody's, the sender's first."""
    if _is_node(plan, wanted.to):
        return plan.routing.path(wanted.sender, wanted.to)[0].link
    return plan.node(wanted.sender).interfaces[0].link


def _is_node(plan: LabPlan, name: str) -> bool:
    return any(node.name == name for node in plan.nodes)


def places(plan: LabPlan, wanted: Wanted) -> list[Place]:
    """Every end of every link; in a large lab those of the way and back, and some that may overhear."""
    every = [(port.node, port.link) for ports in plan.addresses.ports.values() for port in ports]
    if len(every) <= MOST_PLACES:
        return every
    ends = [wanted.sender, *([wanted.to] if _is_node(plan, wanted.to) else [])]
    paths = [plan.routing.path(*pair) for pair in (ends, ends[::-1]) if len(ends) > 1]
    links = {hop.link for path in paths for hop in path} or {face.link for face in plan.node(ends[0]).interfaces}
    on_way = [place for place in every if place[1] in links]
    first = [place for place in on_way if place[0] in ends or len(plan.link(place[1]).link.ends) == 2]  # noqa: PLR2004
    others = [place for place in (*on_way, *every) if place not in first]
    return list(dict.fromkeys([*first, *others]))[: max(MOST_PLACES, len(first))]


def _send(lab: Lab, wanted: Wanted, heard: _Heard) -> Outcome:
    """Run the programs; without a server, or to nobody's address, the client alone."""
    is_node = _is_node(lab.plan, wanted.to)
    options = ["--port", str(wanted.port)]
    client = list(options)
    alone = not (wanted.served and is_node)
    if wanted.protocol == "tcp" or alone:
        client += ["--timeout", f"{wanted.patience if wanted.protocol == 'tcp' else NEWS_SECONDS:g}"]
    size = len(wanted.message.encode("utf-8", "surrogateescape"))
    talk = Conversation(
        protocol=wanted.protocol,
        server=wanted.to,
        client=wanted.sender,
        message=wanted.message,
        patience=wanted.patience if wanted.protocol == "tcp" else _one_way(lab.plan, wanted, size) + 1.0,
        server_options=(*options, "--buffer", str(max(BUFFER, size))),
        client_options=tuple(client),
    )
    if not alone:
        return conversation.hold(lab, talk, heard)
    with Stage(lab, heard) as stage:
        side = stage.start(talk.client, talk.client, talk.client_argv())
        stage.pass_on(lambda: side.ended)
        return Outcome(None, side.code)


def _one_way(plan: LabPlan, wanted: Wanted, size: int) -> float:
    """Seconds that a datagram may take, in fragments and with every jitter."""
    if not _is_node(plan, wanted.to):
        return NEWS_SECONDS
    way = predict.along(plan, wanted.sender, wanted.to)
    return sum(predict.frame_time(hop, size + 1500) * 1.1 + hop.delay + 6 * hop.jitter for hop in way)


def _wait(seen: Scene, story: Story, taken: Taken, patience: float) -> None:
    """Wait until nothing is on its way any more, and a connection is closed; or patience is at its end."""
    pause = threading.Event()
    deadline = time.monotonic() + patience
    count, changed = -1, time.monotonic()
    while time.monotonic() < deadline:
        frames = taken.frames
        if len(frames) != count:
            count, changed = len(frames), time.monotonic()
        matched = match(frames, seen.macs, seen.names)
        every, _ = journeys(matched, seen.owners, seen.names)
        if over(seen, story, told_of(seen, story, every), time.monotonic() - changed):
            return
        pause.wait(PAUSE)
