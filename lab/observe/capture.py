"""Captures frames at the nodes' interfaces and at the links' ports, by the tap (`lab.fabric.tap`)."""

from __future__ import annotations

import json
import threading
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from types import TracebackType
from typing import Any, Self

from lab.engine.base import Helper
from lab.errors import CheckError, EngineError, MachineError, TopologyError, WordsError
from lab.fabric.tap import HEADER, MESSAGE
from lab.lab import Lab
from lab.observe.frames import SIDES, Frame

Place = tuple[str, str]
"""A node, and one of its links."""

LINK_TYPE = "EN10MB"
BPF_FIELDS = (16, 8, 8, 32)  # bits: struct sock_filter, linux/filter.h
TAIL = 300  # characters of what the tap said that go into an error


class Capture:
    """A tap that runs. Iterating gives the frames, in the order of time. As a context manager, it ends with the block.

    Attributes:
        places: where it listens.
        dropped: frames that the kernel had no room for, by place.
        gone: the places that ended before the capture did, for their node or their cable was gone.
        whole: whether the tap could say that it has sent all that it saw.
    """

    def __init__(self, helper: Helper, lab: str, places: Sequence[Place], side: str) -> None:
        self.places = tuple(places)
        self.dropped = dict.fromkeys(self.places, 0)
        self.gone: list[Place] = []
        self.whole = False
        self.lab, self._side, self._helper = lab, side, helper
        self._ready = False
        self._said = b""
        self._batches = self._read()
        self._first: list[Frame] = []
        while not self._ready and (batch := next(self._batches, None)) is not None:
            self._first = batch
        if not self._ready:
            said = self._said.decode(errors="replace").strip()[-TAIL:]
            raise EngineError(f"the tap ended at once: {said or 'it said nothing'}", where=lab, remedy="./inv status")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __iter__(self) -> Iterator[Frame]:
        return (frame for batch in self.batches() for frame in batch)

    def batches(self) -> Iterator[list[Frame]]:
        """The frames as they come, in the order of time: all that came at once, perhaps none, in one list."""
        yield self._first
        yield from self._batches

    def stop(self) -> None:
        """Ask the tap to end; what it has seen still comes. Any thread may call it."""
        self._helper.stop()

    def close(self) -> None:
        """Break the connection off; what has not come is lost."""
        self._helper.stop()
        self._batches.close()

    def _read(self) -> Generator[list[Frame]]:
        for batch in records(self._stdout()):
            frames = []
            for number, length, stamp, data in batch:
                if number == MESSAGE:
                    self._heed(json.loads(data))
                else:
                    frames.append(Frame(*self.places[number], self._side, stamp, data, length))
            yield frames

    def _stdout(self) -> Iterator[bytes]:
        for stream, piece in self._helper.pieces():
            if stream == "stdout":
                yield piece
            else:
                self._said += piece

    def _heed(self, message: dict[str, Any]) -> None:
        """Take a message of the tap's own."""
        if error := message.get("error"):
            raise EngineError(**error, remedy=f"./inv status --name {self.lab}")
        if "dropped" in message:
            self.dropped = dict(zip(self.places, message["dropped"], strict=True))
        if "gone" in message:
            self.gone.append(self.places[message["gone"]])
        self.whole = self.whole or "end" in message
        self._ready = self._ready or "ready" in message


def records(pieces: Iterator[bytes]) -> Iterator[list[tuple[int, int, int, bytes]]]:
    """The tap's records out of a stream of bytes, however it is cut; one that is cut off at the end is left out.

    Returns:
        For each piece, the records that end in it: number, bytes on the wire, time (ns) and content of each.
    """
    rest = b""
    for piece in pieces:
        rest = rest + piece if rest else piece
        at, found = 0, []
        while len(rest) - at >= HEADER.size:
            number, here, length, stamp = HEADER.unpack_from(rest, at)
            begin = at + HEADER.size
            if len(rest) < begin + here:
                break
            at = begin + here
            found.append((number, length, stamp, rest[begin:at]))
        rest = rest[at:]
        yield found


def start(lab: Lab, places: Sequence[Place], *, side: str = "node", filter: str = "") -> Capture:  # noqa: A002
    """Begin to capture; it has begun at every place when this returns.

    Args:
        lab: the lab.
        places: nodes, each with one of its links.
        side: `node`, or `port`: at the other end of the node's cable, in the fabric.
        filter: an expression of pcap-filter(7), which may name nodes; nothing takes every frame.

    Raises:
        WordsError: no such node, link or side, or the filter cannot be read.
        MachineError: the lab does not run, or a program is missing.
    """
    if side not in SIDES:
        raise WordsError(f"no side is called {side!r}", remedy=f"there are {', '.join(SIDES)}")
    if not places:
        raise WordsError("no place to capture at is named", remedy="name a node and one of its links")
    places = tuple(dict.fromkeys(places))
    faces = {name: {face.link: face for face in lab.plan.node(name).interfaces} for name, _ in places}
    for name, link in places:
        if link not in faces[name]:
            raise TopologyError(f"{name} is not on {link}", remedy=f"{name} has {', '.join(faces[name])}")
    program = {name: compiled(lab, name, filter) if filter else [] for name in faces}
    document = {
        "nodes": [
            {"name": name, "interfaces": [asdict(face) for face in mine.values()]} for name, mine in faces.items()
        ],
        "places": [{"node": name, "link": link, "side": side, "program": program[name]} for name, link in places],
    }
    return Capture(lab.engine.start_tap(lab.name, document), lab.name, places, side)


def compiled(lab: Lab, node: str, filter: str) -> list[list[int]]:  # noqa: A002
    """A filter as the kernel's program, made by tcpdump(8) on a node, where names are what they are for that node.

    So nothing with a privilege reads the words, and the kernel checks the program once more.

    Raises:
        WordsError: tcpdump cannot read it.
        MachineError: there is no tcpdump.
        CheckError: what is called tcpdump there says something else.
    """
    process = lab.start(node, ["tcpdump", "-ddd", "-y", LINK_TYPE, "--", filter])
    said = list(process.lines())
    code = process.wait()
    if code == 127:  # noqa: PLR2004 - not found: lab.apps.supervise
        raise MachineError(
            f"a filter needs tcpdump, and {node} has none", where="--filter", remedy="apt install tcpdump"
        )
    if code:
        why = next((line for stream, line in said if stream == "stderr" and "warning" not in line), f"exit code {code}")
        remedy = "as in pcap-filter(7): --filter 'tcp port 11267', or 'host h2 and udp'"
        raise WordsError(f"{filter!r}: {why.removeprefix('tcpdump: ')}", where="--filter", remedy=remedy)
    try:
        rows = [[int(word) for word in line.split()] for stream, line in said if stream == "stdout"]
    except ValueError:
        rows = []
    if rows[:1] != [[len(rows) - 1]] or not all(map(_is_step, rows[1:])):
        raise CheckError(
            "its tcpdump does not say a filter", where=node, remedy=f"./inv exec {node} 'tcpdump --version'"
        )
    return rows[1:]  # the first says how many follow


def _is_step(row: Sequence[int]) -> bool:
    fits = [0 <= value < 1 << bits for value, bits in zip(row, BPF_FIELDS, strict=False)]
    return len(row) == len(BPF_FIELDS) and all(fits)


class Taken:
    """What `capturing` takes: frames and drops, so far while it runs, and all afterwards."""

    def __init__(self, capture: Capture) -> None:
        self._capture = capture
        self._frames: list[Frame] = []
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        with suppress(EngineError):  # the connection was lost: `whole` tells
            for batch in self._capture.batches():
                self._frames += batch

    @property
    def frames(self) -> list[Frame]:
        """All frames so far, in the order of time."""
        return sorted(self._frames, key=lambda frame: frame.time_ns)

    @property
    def dropped(self) -> dict[Place, int]:
        """Frames that the kernel had no room for, by place."""
        return self._capture.dropped

    def end(self) -> None:
        """End the capture, and wait for what it has seen.

        Raises:
            CheckError: the tap ended before it could send all.
        """
        self._capture.stop()
        self._thread.join()
        if not self._capture.whole:
            raise CheckError("a capture broke off before its end", where=self._capture.lab, remedy="./inv status")


@contextmanager
def capturing(
    lab: Lab,
    places: Sequence[Place],
    *,
    side: str = "node",
    filter: str = "",  # noqa: A002
) -> Iterator[Taken]:
    """Capture as long as the block lasts. Arguments and errors as for `start`.

    It has begun at every place when the block begins; after the block, `frames` has every frame that passed in it.

    Raises:
        CheckError: the capture broke off, for the lab was taken down.
    """
    capture = start(lab, places, side=side, filter=filter)
    taken = Taken(capture)
    try:
        yield taken
    except BaseException:
        capture.stop()
        raise
    taken.end()
