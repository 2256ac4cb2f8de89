"""Records what passes the nodes of a lab, and tells which frames belong to the test that runs.

One capture lasts as long as the lab, for it takes longer to start one than most tests take. What a test before has
left on the way, as a retransmission to a program that has ended, is told apart by what it belongs to.
"""

from __future__ import annotations

import struct
import threading
import time
from contextlib import suppress
from ipaddress import IPv4Address

from lab.errors import LabError
from lab.lab import Lab
from lab.observe import capture
from lab.observe.frames import Frame

MOST_FRAMES = 200_000  # of one test; what comes after is counted, not kept

IPV4, ICMP, TCP = 0x0800, 1, 6
SYN, ACK, FLAGS = 0x02, 0x10, 13
ETHERNET = 14

Key = tuple[object, ...]


class Recorder:
    """A capture at every interface of every node of a lab."""

    def __init__(self, lab: Lab) -> None:
        """Begin.

        Raises:
            LabError: the engine refused.
        """
        places = [(node.name, face.link) for node in lab.plan.nodes for face in node.interfaces]
        self._capture = capture.start(lab, places)
        self._own = {node.name: {IPv4Address(face.ip).packed for face in node.interfaces} for node in lab.plan.nodes}
        self._lock = threading.Lock()
        self._frames: list[Frame] = []
        self._before: set[Key] = set()
        self._begun_ns = 0
        self.left_out = 0
        self._thread = threading.Thread(target=self._listen, name=f"frames of {lab.name}", daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        with suppress(LabError, OSError):  # the lab was taken down
            for frame in self._capture:
                with self._lock:
                    if len(self._frames) < MOST_FRAMES:
                        self._frames.append(frame)
                    else:
                        self.left_out += 1

    def begin(self) -> None:
        """From here on, frames belong to another test."""
        with self._lock:
            self._before = {key for frame in self._frames for key in _keys(frame.data)}
            self._frames = []
            self.left_out = 0
            self._begun_ns = time.time_ns()

    def end(self) -> list[Frame]:
        """End the capture; returns the frames of the test that runs, in the order of time."""
        self._capture.stop()
        self._thread.join(timeout=30)
        with self._lock:
            return of_test(self._frames, self._begun_ns, self._before, self._own)

    def close(self) -> None:
        """End the capture; what it has seen is lost."""
        self._capture.stop()
        self._thread.join(timeout=30)


def of_test(frames: list[Frame], begun_ns: int, before: set[Key], own: dict[str, set[bytes]]) -> list[Frame]:
    """Those frames that belong to a test, and not to the one before it.

    Args:
        frames: what was captured.
        begun_ns: when the test began.
        before: what the test before had on the way.
        own: the addresses of each node.

    A TCP conversation belongs to the test that opened it, a datagram to the test in which its node sent it, and what
    ICMP says to the test that it was said about.
    """
    frames = sorted(frames, key=lambda frame: frame.time_ns)
    before = before | {key for frame in frames if frame.time_ns < begun_ns for key in _keys(frame.data)}
    found = []
    for frame in frames:
        if frame.time_ns < begun_ns:
            continue
        keys = _keys(frame.data)
        if _opens(frame.data, own.get(frame.node, set())):
            before.difference_update(keys)
        if not keys & before:
            found.append(frame)
    return found


def _packet(data: bytes) -> tuple[int, bytes, bytes, bytes] | None:
    """Protocol, source and target, what identifies the packet, and what it carries; None if it is no whole IPv4."""
    if len(data) < ETHERNET + 20 or struct.unpack_from("!H", data, 12)[0] != IPV4:
        return None
    packet = data[ETHERNET:]
    head = (packet[0] & 15) * 4
    return packet[9], packet[12:20], packet[4:6], packet[head:]


def _keys(data: bytes) -> set[Key]:
    """What a frame belongs to: the packet itself, and the conversation that it is part of, whoever speaks."""
    packet = _packet(data)
    if packet is None:
        return {("frame", data)}
    protocol, ways, identity, content = packet
    ends = frozenset((ways[:4], ways[4:]))
    if protocol == TCP:
        return {("tcp", frozenset(((ways[:4], content[:2]), (ways[4:], content[2:4]))))}
    if protocol == ICMP and content[:1] in (b"\0", b"\x08"):
        return {("echo", ends, content[4:8])}
    if protocol == ICMP and len(content) > 8 + 20:  # an error: it answers the packet whose head it carries
        return _keys(bytes(12) + b"\x08\0" + content[8:])
    return {("packet", ways, protocol, identity, content[:8])}


def _opens(data: bytes, own: set[bytes]) -> bool:
    """Whether a frame, seen on a node of these addresses, begins something: a TCP conversation, or a datagram's way."""
    packet = _packet(data)
    if packet is None or packet[0] == ICMP:
        return False
    if packet[0] == TCP:
        return len(packet[3]) > FLAGS and packet[3][FLAGS] & (SYN | ACK) == SYN
    return packet[1][:4] in own
