"""Frames as they would have been captured, made by hand: for tests that need to know what truly happened to each."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address

from lab.model.plan import LabPlan, LabSpec, decide
from lab.observe.frames import Frame
from lab.observe.trace.scene import Scene, scene

FLAGS = {"F": 1, "S": 2, "R": 4, "P": 8, "A": 16}
MS = 1_000_000


def checksum(data: bytes) -> int:
    """The internet checksum (RFC 1071)."""
    padded = data + b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return int(~total & 0xFFFF)


def ip_packet(
    source: str, target: str, protocol: int, payload: bytes, *, identity: int, ttl: int = 64, cut: int = 0x4000
) -> bytes:
    """An IPv4 packet; `cut` is the field of flags and offset."""
    ends = IPv4Address(source).packed + IPv4Address(target).packed
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), identity, cut, ttl, protocol, 0) + ends
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload


def segment(
    ends: tuple[str, str], ports: tuple[int, int], numbers: tuple[int, int], flags: str, data: bytes = b""
) -> bytes:
    """A TCP segment from one end to the other, with two words of no-operation for options."""
    (source, target), (seq, ack) = ends, numbers
    bits = sum(FLAGS[flag] for flag in flags)
    head = struct.pack("!HHIIBBHHH", *ports, seq % 2**32, ack % 2**32, 6 << 4, bits, 500, 0, 0) + b"\x01" * 4
    pseudo = IPv4Address(source).packed + IPv4Address(target).packed + struct.pack("!BBH", 0, 6, len(head) + len(data))
    return head[:16] + struct.pack("!H", checksum(pseudo + head + data)) + head[18:] + data


def datagram(source: str, target: str, ports: tuple[int, int], data: bytes) -> bytes:
    """A UDP datagram."""
    head = struct.pack("!HHHH", *ports, 8 + len(data), 0)
    pseudo = IPv4Address(source).packed + IPv4Address(target).packed + struct.pack("!BBH", 0, 17, len(head) + len(data))
    return head[:6] + struct.pack("!H", checksum(pseudo + head + data) or 0xFFFF) + data


@dataclass(slots=True)
class Tape:
    """What all nodes of a lab see, as packets are sent through it.

    Attributes:
        frames: all that was seen so far.
        now: nanoseconds; `send` goes on from here by a millisecond for each packet.
    """

    plan: LabPlan
    frames: list[Frame] = field(default_factory=list)
    now: int = 1_700_000_000_000_000_000
    identity: int = 1000

    @property
    def scene(self) -> Scene:
        """The lab as a trace sees it."""
        return scene(self.plan, "made", {})

    def address(self, node: str, peer: str) -> str:
        """The address by which a node's peer knows it."""
        return next(address for address, name in self.plan.node(peer).hosts if name == node)

    def mac(self, node: str, link: str) -> str:
        """A node's hardware address."""
        return self.plan.addresses.port(node, link).mac

    def send(
        self,
        sender: str,
        receiver: str,
        packet: bytes,
        *,
        lose: int | None = None,
        double: int | None = None,
        damage: int | None = None,
        after: int = MS,
        hop_time: int = MS // 10,
    ) -> None:
        """Let a packet travel: over the n-th link of its way it may be lost, doubled, or damaged, which ends it.

        Args:
            sender: the node that made it.
            receiver: the node that it is for.
            packet: from its IP header on.
            lose: number of the hop where it is lost, from 0.
            double: where it is doubled.
            damage: where a bit is turned over.
            after: nanoseconds since the last packet was sent.
            hop_time: nanoseconds that each link takes.
        """
        self.now += after
        moments = [self.now]
        for number, hop in enumerate(self.plan.routing.path(sender, receiver)):
            macs = bytes.fromhex((self.mac(hop.to, hop.link) + self.mac(hop.node, hop.link)).replace(":", ""))
            frame = macs + b"\x08\x00" + packet
            arrivals = []
            for moment in moments:
                self._see(hop.node, hop.link, moment, frame)
                if number != lose:
                    copies = 2 if number == double else 1
                    arrivals += [moment + hop_time + copy * 1000 for copy in range(copies)]
            came = _turned(frame) if number == damage else frame
            for moment in arrivals:
                for end in next(link.link.ends for link in self.plan.links if link.name == hop.link):
                    if end != hop.node:
                        self._see(end, hop.link, moment, came)
            if number in (lose, damage):
                return
            moments = [moment + 5000 for moment in arrivals]
            packet = forwarded(packet)

    def _see(self, node: str, link: str, moment: int, data: bytes) -> None:
        self.frames.append(Frame(node, link, "node", moment, data, len(data)))

    def tcp(
        self, way: str, seq: int, ack: int, flags: str, data: bytes = b"", *, client_port: int = 50000, **fate: int
    ) -> None:
        """Send a segment along a way such as `h2 h1`; the node whose name ends in 2 is the client, at `client_port`."""
        sender, receiver = way.split()
        ports = (client_port, 11267) if sender.endswith("2") else (11267, client_port)
        ends = (self.address(sender, receiver), self.address(receiver, sender))
        self.identity += 1
        whole = segment(ends, ports, (seq, ack), flags, data)
        self.send(sender, receiver, ip_packet(*ends, 6, whole, identity=self.identity), **fate)

    def udp(
        self, sender: str, receiver: str, data: bytes, *, mtu: int = 1500, lose_fragment: int | None = None, **fate: int
    ) -> None:
        """Send a datagram, in fragments where it is too large; `lose_fragment` is lost on the first link."""
        ports = (50000, 11267) if sender.endswith("2") else (11267, 50000)
        ends = (self.address(sender, receiver), self.address(receiver, sender))
        self.identity += 1
        whole = datagram(*ends, ports, data)
        room = (mtu - 20) // 8 * 8
        pieces: Sequence[int] = range(0, len(whole), room)
        for number, start in enumerate(pieces):
            more = 0x2000 if start + room < len(whole) else 0
            cut = 0x4000 if len(pieces) == 1 else more | start // 8
            packet = ip_packet(*ends, 17, whole[start : start + room], identity=self.identity, cut=cut)
            self.send(sender, receiver, packet, **({"lose": 0} if number == lose_fragment else fate))


def tape(topology: str = "star", **words: object) -> Tape:
    """A tape of a lab that was never made."""
    return Tape(decide(LabSpec(topology=topology, **words)))  # type: ignore[arg-type]


def forwarded(packet: bytes) -> bytes:
    """A packet as a node sends it on: one less to live, and the checksum made again."""
    head = bytearray(packet[:20])
    head[8] -= 1
    head[10:12] = b"\0\0"
    head[10:12] = struct.pack("!H", checksum(bytes(head)))
    return bytes(head) + packet[20:]


def _turned(frame: bytes) -> bytes:
    """A frame with one bit of its last byte turned over."""
    return frame[:-1] + bytes([frame[-1] ^ 4])


def greeting(tape: Tape, client: str, server: str, message: bytes = b"hello there!") -> None:
    """A whole TCP conversation in which nothing goes wrong: eight packets."""
    length, out, back = len(message), f"{client} {server}", f"{server} {client}"
    tape.tcp(out, 100, 0, "S")
    tape.tcp(back, 900, 101, "SA")
    tape.tcp(out, 101, 901, "A")
    tape.tcp(out, 101, 901, "PA", message)
    tape.tcp(back, 901, 101 + length, "A")
    tape.tcp(out, 101 + length, 901, "FA")
    tape.tcp(back, 901, 102 + length, "FA")
    tape.tcp(out, 102 + length, 902, "A")
