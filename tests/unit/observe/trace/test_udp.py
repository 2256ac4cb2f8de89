"""Datagrams, whole and in fragments, and the news of those that could not be delivered."""

from __future__ import annotations

import struct
from typing import Any

from lab.observe.trace.document import document
from lab.observe.trace.story import Story
from tests.made import Tape, checksum, ip_packet, tape


def told(made: Tape, message: str) -> dict[str, Any]:
    """The trace of what was made."""
    return document(made.scene, Story(protocol="udp", sender="h2", to="h1", message=message, port=11267), made.frames)


def test_a_datagram_and_what_is_not_there() -> None:
    """One packet, no answer, and the document says what UDP does without."""
    made = tape("star")
    made.udp("h2", "h1", b"hello there!")
    trace = told(made, "hello there!")
    assert [packet["words"] for packet in trace["packets"]] == ["data 1-12"]
    assert trace["ended"]["verdict"] == "delivered"
    assert not trace["ended"]["confirmed"]
    assert [line.split(":")[0] for line in trace["missing"]] == [
        "no handshake",
        "no sequence number",
        "no acknowledgement",
        "no retransmission",
        "no closing",
    ]


def test_fragments_are_put_together() -> None:
    """Three fragments: each says which bytes it has, and together they are the message."""
    made = tape("star")
    made.udp("h2", "h1", b"x" * 3000)
    trace = told(made, "x" * 3000)
    assert [packet["words"] for packet in trace["packets"]] == [
        "fragment 1 of 3, data 1-1472",
        "fragment 2 of 3, data 1473-2952",
        "fragment 3 of 3, data 2953-3000",
    ]
    assert trace["message"]["received_bytes"] == 3000


def test_one_lost_fragment_loses_the_message() -> None:
    """Two of three come, and the message does not; nobody tells the sender."""
    made = tape("star")
    made.udp("h2", "h1", b"x" * 3000, lose_fragment=1)
    trace = told(made, "x" * 3000)
    assert [packet["fate"] for packet in trace["packets"]] == ["arrived", "lost", "arrived"]
    assert trace["message"]["received_bytes"] is None
    assert trace["ended"]["words"] == "1 of 3 packets did not arrive: number 2 was lost on h2-hub; nobody tells h2"


def test_a_closed_port_is_told_of() -> None:
    """ICMP port unreachable belongs to the message that it complains of."""
    made = tape("star")
    made.udp("h2", "h1", b"anybody?")
    ends = (made.address("h1", "h2"), made.address("h2", "h1"))
    quoted = made.frames[0].data[14:42]
    message = struct.pack("!BBHI", 3, 3, checksum(struct.pack("!BBHI", 3, 3, 0, 0) + quoted), 0) + quoted
    made.send("h1", "h2", ip_packet(*ends, 1, message, identity=9))
    trace = told(made, "anybody?!")
    assert trace["packets"][1]["words"] == "ICMP port unreachable"
    assert trace["ended"]["verdict"] == "refused"


def test_nothing_left_the_node() -> None:
    """Where no packet was sent at all, the sender knew no way."""
    assert told(tape("star"), "x")["ended"]["verdict"] == "unreachable"


def test_an_empty_datagram_is_a_message() -> None:
    """A datagram of no bytes arrives as such."""
    made = tape("star")
    made.udp("h2", "h1", b"")
    assert told(made, "")["ended"]["verdict"] == "delivered"
