"""The tap: sends what passes some interfaces and ports to whoever asked, in the order of time, as long as they listen.

    python3 -m fabric.tap

Its first line of stdin is a JSON document:

{"nodes": [{"name": "h1", "namespace": "/proc/123/ns/net",           as in the wiring document
            "interfaces": [{"link": "h1-hub", "address": "198.18.0.2/29", "mac": "02:42:…"}]}],
 "places": [{"node": "h1", "link": "h1-hub", "side": "node",         `port`: at the port in the fabric
             "program": [[40, 0, 0, 12], …]}]}                       a filter for the kernel; none takes all

The end of stdin is the end of the capture: what was seen until then is still sent. stdout is a row of records,
`HEADER` and so many bytes: frames, by the number of their place, and messages of the tap's own, as JSON:

{"ready": true}                every place is open
{"dropped": [0, 12]}           what the kernel had no room for, by place, so far
{"gone": 1}                    a place has ended, for its node or its cable has
{"end": true}                  all has been sent
{"error": {"what": …, "where": …}}

When every place is open, the tap gives up all its capabilities, for good.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import select
import signal
import socket
import struct
import sys
import time
from bisect import bisect_right
from pathlib import Path
from typing import Any

from . import nodes
from .namespaces import inside
from .ring import Ring, blocks_each
from .tools import AgentError

HEADER = struct.Struct("!HIIQ")
"""Place, bytes that follow, bytes on the wire, time (ns, CLOCK_REALTIME)."""
MESSAGE = 0xFFFF  # in the place's place

STDIN, STDOUT = 0, 1
WINDOW_SECONDS = 0.2
"""How late a frame may come out of its ring and still be sent in order: a busy kernel takes its time with some."""
DROPS_EVERY_SECONDS = 1.0

PR_SET_NO_NEW_PRIVS = 38  # linux/prctl.h
CAPABILITY_VERSION_3 = 0x20080522  # linux/capability.h

Held = tuple[int, int, int, bytes]  # time, place, bytes on the wire, frame


class Gone(Exception):  # noqa: N818 - no error
    """Nobody listens any more."""


class Place:
    """One open ring, and its node's first process, which it must not outlast."""

    def __init__(self, ring: Ring, keeper: int | None) -> None:
        self.ring = ring
        self.keeper = keeper

    def close(self) -> None:
        """Let go of both."""
        self.ring.close()
        if self.keeper is not None:
            os.close(self.keeper)


class Tap:
    """Some open places, and what was seen there but not yet sent."""

    def __init__(self, document: dict[str, Any]) -> None:
        wanted = {node["name"]: node for node in document["nodes"]}
        blocks = blocks_each(len(document["places"]))
        self._places: dict[int, Place] = {}
        self._dropped = [0] * len(document["places"])
        self._drops_at = 0.0
        self._held: list[Held] = []
        self._poll = select.poll()
        self._poll.register(STDIN, select.POLLIN)
        for number, place in enumerate(document["places"]):
            opened = open_place(place, wanted[place["node"]], blocks)
            self._places[number] = opened
            self._poll.register(opened.ring, select.POLLIN)
            if opened.keeper is not None:
                self._poll.register(opened.keeper, select.POLLIN)

    def run(self) -> None:
        """Send what is seen, until stdin or all places end."""
        tell({"ready": True})
        while self._places:
            happened = dict(self._poll.poll(self._pause_ms()))
            if STDIN in happened and not os.read(STDIN, 4096):
                break
            due = time.time_ns() - int(WINDOW_SECONDS * 1e9)
            for number, place in list(self._places.items()):
                self._take(number, place)
                ended = place.keeper in happened
                if ended or (happened.get(place.ring.fileno(), 0) & select.POLLERR and place.ring.gone):
                    self._end(number, place)
            self._send(due)
            self._tell_drops()
        self._finish()

    def _pause_ms(self) -> float | None:
        """How long nothing becomes due, if nothing is seen."""
        if not self._held:
            return None
        return max(0.0, WINDOW_SECONDS * 1e3 - (time.time_ns() - self._held[0][0]) / 1e6) + 1

    def _take(self, number: int, place: Place) -> None:
        self._held += [(stamp, number, length, data) for stamp, length, data in place.ring.take()]

    def _send(self, due: int | None = None) -> None:
        """Send what was seen up to a time (ns), or all."""
        self._held.sort()
        count = len(self._held) if due is None else bisect_right(self._held, due, key=lambda each: each[0])
        records = bytearray()
        for stamp, number, length, data in self._held[:count]:
            records += HEADER.pack(number, len(data), length, stamp)
            records += data
        del self._held[:count]
        write(records)

    def _tell_drops(self, *, now: bool = False) -> None:
        if not now and time.monotonic() < self._drops_at:
            return
        self._drops_at = time.monotonic() + DROPS_EVERY_SECONDS
        found = {number: place.ring.dropped() for number, place in self._places.items()}
        for number, count in found.items():
            self._dropped[number] += count
        if any(found.values()):
            tell({"dropped": self._dropped})

    def _end(self, number: int, place: Place) -> None:
        """A place is no more: take what it has still seen."""
        self._drain({number: place})
        self._tell_drops(now=True)
        self._poll.unregister(place.ring)
        if place.keeper is not None:
            self._poll.unregister(place.keeper)
        place.close()
        del self._places[number]
        self._send()
        tell({"gone": number})

    def _drain(self, places: dict[int, Place]) -> None:
        """Let nothing more in, and take all that is in: the kernel hands its last block over when it is old enough."""
        for place in places.values():
            place.ring.stop()
        waiting = dict(places)
        while waiting:
            for number, place in list(waiting.items()):
                self._take(number, place)
                if place.ring.empty:
                    del waiting[number]
            select.select([place.ring for place in waiting.values()], [], [], 0.01)

    def _finish(self) -> None:
        self._drain(self._places)
        self._send()
        self._tell_drops(now=True)
        tell({"end": True})


def open_place(place: dict[str, Any], node: dict[str, Any], blocks: int) -> Place:
    """Open one place.

    Raises:
        AgentError: there is no such interface or port.
        OSError: its namespace may not be entered, or its packets not be seen.
    """
    link = place["link"]
    with inside(node["namespace"]):
        face = nodes.find(node, nodes.interfaces()).get(link)
        if face is None:
            raise AgentError(f"the interface on {link} is missing", node["name"])
        if place["side"] == "node":
            ring = Ring(face.device, blocks, place["program"])
    if place["side"] == "port":
        devices = dict(socket.if_nameindex())
        if face.peer not in devices:
            raise AgentError(f"the port of {node['name']} is missing", link)
        ring = Ring(devices[face.peer], blocks, place["program"])
    return Place(ring, _keeper(node["namespace"]))


def _keeper(namespace: str) -> int | None:
    """The node's first process, to hear of its end: a socket of ours keeps its namespace alive: pidfd_open(2)."""
    with contextlib.suppress(OSError):  # an engine may forbid it; then the cable's end tells
        return os.pidfd_open(int(Path(namespace).parts[2]))
    return None


def give_up_capabilities() -> None:
    """Be without any capability from here on: capset(2)."""
    libc = ctypes.CDLL(None, use_errno=True)
    header, nothing = struct.pack("Ii", CAPABILITY_VERSION_3, 0), struct.pack("6I", *[0] * 6)
    if libc.capset(header, nothing) or libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "capset")


def write(records: bytes | bytearray) -> None:
    """Write all of it; waits for a slow reader, and the rings hold meanwhile what they can.

    Raises:
        Gone: nobody reads.
    """
    rest = memoryview(records)
    while rest:
        try:
            rest = rest[os.write(STDOUT, rest) :]
        except OSError:
            raise Gone from None


def tell(message: dict[str, Any]) -> None:
    """Send a message of the tap's own."""
    text = json.dumps(message).encode()
    write(HEADER.pack(MESSAGE, len(text), 0, 0) + text)


def main() -> int:
    """Capture until the end of stdin."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the caller, who then ends our stdin
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    try:
        tap = Tap(json.loads(_first_line()))
        give_up_capabilities()
        tap.run()
    except AgentError as error:
        tell({"error": {"what": error.what, "where": error.where}})
    except OSError as error:
        tell({"error": {"what": f"the tap: {error}", "where": "fabric"}})
    except Gone:
        return 1
    return 0


def _first_line() -> bytes:
    """Read stdin up to the first end of a line, and not further than poll(2) would see."""
    line = bytearray()
    while not line.endswith(b"\n"):
        piece = os.read(STDIN, 65536)
        if not piece:
            break
        line += piece
    return bytes(line)


if __name__ == "__main__":
    sys.exit(main())
