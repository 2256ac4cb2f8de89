"""A frame as it was seen at one place: what captures hand out, and traces read. Dissects nothing."""

from __future__ import annotations

from dataclasses import dataclass

from lab.model.plan import LabPlan

SIDES = ("node", "port")


@dataclass(frozen=True, slots=True)
class Frame:
    """A whole Ethernet frame, as the kernel saw it at one place.

    Attributes:
        node: the node at whose end of the link it was seen.
        link: the link.
        side: `node`, at the node's interface, or `port`, at the other end of its cable, in the fabric.
        time_ns: when it was seen, CLOCK_REALTIME of the one kernel that all nodes share. A frame that a node or port
            sends is stamped as it leaves the queue, one that comes in as it leaves the cable.
        data: the frame from its Ethernet header on, without the checksum, which a veth does not carry.
        length: bytes of it on the wire; more than `data` has if it was cut.
    """

    node: str
    link: str
    side: str
    time_ns: int
    data: bytes
    length: int

    @property
    def target(self) -> str:
        """The hardware address that it is sent to, as the plan writes it."""
        return self.data[:6].hex(":")

    @property
    def source(self) -> str:
        """The hardware address that sent it."""
        return self.data[6:12].hex(":")


def is_own(frame: Frame, plan: LabPlan) -> bool:
    """Whether the node itself sent a frame: its source is the node's own hardware address on that link.

    On the node's side the frame then goes out, and at the port it comes in.
    """
    return frame.source == mac(plan, frame.node, frame.link)


def mac(plan: LabPlan, node: str, link: str) -> str:
    """A node's hardware address on a link.

    Raises:
        StopIteration: it is not on that link.
    """
    return next(face.mac for face in plan.node(node).interfaces if face.link == link)
