"""What each segment says, and why one was sent again."""

from __future__ import annotations

from typing import Any

from lab.observe.trace.document import document
from lab.observe.trace.story import Story
from tests.made import Tape, greeting, tape


def told(made: Tape, message: str = "hello there!", **more: Any) -> dict[str, Any]:
    """The trace of what was made."""
    client, server = ("n2", "n1") if made.plan.topology.kind == "ring" else ("h2", "h1")
    story = Story(protocol="tcp", sender=client, to=server, message=message, port=11267, **more)
    return document(made.scene, story, made.frames)


def test_a_conversation_from_handshake_to_closing() -> None:
    """Three packets of handshake before the data, an acknowledgement, and a closing from both sides."""
    made = tape("ring")
    greeting(made, "n2", "n1")
    trace = told(made, codes=(0, 0))
    rows = [(packet["phase"], packet["words"], packet["acknowledges"]) for packet in trace["packets"]]
    assert rows == [
        ("handshake", "SYN", []),
        ("handshake", "SYN ACK", [1]),
        ("handshake", "ACK 1", [2]),
        ("data", "data 1-12", []),
        ("data", "ACK 13", [4]),
        ("closing", "FIN", []),
        ("closing", "FIN", [6]),
        ("closing", "ACK 2", [7]),
    ]
    assert trace["ended"]["verdict"] == "delivered"
    assert trace["ended"]["confirmed"]
    assert trace["message"]["received_text"] == "hello there!"
    assert trace["way"] == ["n2", "n3", "n4", "n1"]
    assert trace["client_port"] == 50000


def test_a_lost_segment_and_its_repetition() -> None:
    """The repetition names what it repeats, where that was lost, and how long its sender waited."""
    made = tape("star")
    made.tcp("h2 h1", 100, 0, "S")
    made.tcp("h1 h2", 900, 101, "SA")
    made.tcp("h2 h1", 101, 901, "A")
    made.tcp("h2 h1", 101, 901, "PA", b"hello there!", lose=0)
    made.tcp("h2 h1", 101, 901, "PA", b"hello there!", after=200_000_000)
    made.tcp("h1 h2", 901, 113, "A")
    trace = told(made)
    again = trace["packets"][4]
    assert again["repeats"] == [4]
    assert again["why"] == "number 4 was lost on h2-hub; no acknowledgement came for 200 ms"
    assert trace["packets"][5]["acknowledges"] == [5]
    assert trace["totals"]["sent_again"] == 1
    assert trace["ended"]["words"] == "the message arrived whole, 12 bytes; 1 packet had to be sent again"


def test_a_lost_acknowledgement_makes_its_segment_come_twice() -> None:
    """What had arrived is sent again, because its acknowledgement was lost; both are told."""
    made = tape("star")
    made.tcp("h2 h1", 100, 0, "S")
    made.tcp("h1 h2", 900, 101, "SA")
    made.tcp("h2 h1", 101, 901, "PA", b"hello there!")
    made.tcp("h1 h2", 901, 113, "A", lose=1)
    made.tcp("h2 h1", 101, 901, "PA", b"hello there!", after=300_000_000)
    made.tcp("h1 h2", 901, 113, "A")
    packets = told(made)["packets"]
    assert packets[4]["why"] == "number 3 had arrived, but its acknowledgement 4 was lost on h2-hub"
    assert packets[5]["acknowledges"] == [3, 5]


def test_repeated_acknowledgements_ask_for_what_is_missing() -> None:
    """One segment of four is lost; three acknowledgements of the same byte bring it again."""
    made = tape("star")
    made.tcp("h2 h1", 100, 0, "S")
    made.tcp("h1 h2", 900, 101, "SA")
    made.tcp("h2 h1", 101, 901, "A")
    for number in range(5):
        made.tcp("h2 h1", 101 + 10 * number, 901, "A", b"x" * 10, **({"lose": 1} if number == 1 else {}))
        if number != 1:
            made.tcp("h1 h2", 901, 111, "A")
    made.tcp("h2 h1", 111, 901, "A", b"x" * 10)
    again = told(made, "x" * 50)["packets"][-1]
    assert again["repeats"] == [6]
    assert again["why"] == "number 6 was lost on h1-hub; 3 repeated acknowledgements said that it was missing"


def test_a_refusal() -> None:
    """A RST in answer to a SYN: nobody listens."""
    made = tape("star")
    made.tcp("h2 h1", 100, 0, "S")
    made.tcp("h1 h2", 0, 101, "RA")
    assert told(made)["ended"]["verdict"] == "refused"


def test_no_answer_at_all() -> None:
    """Three times asked, and nothing comes back: said with the place where the last was lost."""
    made = tape("star")
    for _ in range(3):
        made.tcp("h2 h1", 100, 0, "S", lose=1, after=1_000_000_000)
    ended = told(made)["ended"]
    assert ended["verdict"] == "unanswered"
    assert ended["words"] == "3 packets went out, and no answer came back: number 3 was lost on h1-hub"


def test_sequence_numbers_that_run_over() -> None:
    """Numbers have 32 bits and begin anywhere; the message's first byte is 1 all the same."""
    made = tape("star")
    made.tcp("h2 h1", 2**32 - 3, 0, "S")
    made.tcp("h1 h2", 2**32 - 1, 2**32 - 2, "SA")
    made.tcp("h2 h1", 2**32 - 2, 0, "A")
    made.tcp("h2 h1", 2**32 - 2, 0, "PA", b"hello")
    made.tcp("h1 h2", 0, 3, "A")
    trace = told(made, "hello")
    assert [packet["words"] for packet in trace["packets"][2:]] == ["ACK 1", "data 1-5", "ACK 6"]
    assert trace["message"]["delivered"]


def test_other_conversations_stay_out() -> None:
    """Another client's connection between the same nodes is not the message's: the server named the port."""
    made = tape("star")
    made.tcp("h2 h1", 5000, 0, "S", client_port=40000)
    greeting(made, "h2", "h1")
    made.tcp("h2 h1", 5001, 77, "A", client_port=40000)
    said = [("h1", "stdout", "server accepted connection request from  ('198.18.0.10', 50000)")]
    trace = told(made, said=said)
    assert (trace["client_port"], len(trace["packets"])) == (50000, 8)
    assert told(made)["client_port"] == 40000


def test_every_frame_is_counted_once() -> None:
    """The totals of each link are those of the frames that its senders put on it."""
    made = tape("ring")
    greeting(made, "n2", "n1")
    links = told(made)["totals"]["links"]
    assert {link: sum(row["frames"] for row in rows.values()) for link, rows in links.items()} == {
        "n2-n3": 5,
        "n3-n4": 5,
        "n4-n1": 5,
        "n1-n2": 3,
    }
