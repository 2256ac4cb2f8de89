"""Which frames belong to a test: those that it caused, and nothing that the one before had left on the way."""

from __future__ import annotations

from ipaddress import IPv4Address

from lab.observe.frames import Frame
from lab.pytest_plugin.recorder import of_test

H1, H2 = IPv4Address("198.18.0.2").packed, IPv4Address("198.18.0.10").packed
OWN = {"h1": {H1}, "h2": {H2}}
BEGUN = 1000
SYN, ACK = 2, 16


def _frame(node: str, at: int, protocol: int, content: bytes, ways: bytes = H1 + H2) -> Frame:
    head = bytes([0x45, 0, 0, 0, 0, 0, 0, 0, 64, protocol, 0, 0]) + ways
    data = bytes(12) + b"\x08\0" + head + content
    return Frame(node, "h1-hub", "node", at, data, len(data))


def _tcp(at: int, port: int, flags: int, node: str = "h1") -> Frame:
    return _frame(node, at, 6, port.to_bytes(2) + (80).to_bytes(2) + bytes(9) + bytes([flags]) + bytes(6))


def _udp(node: str, at: int, text: bytes) -> Frame:
    return _frame(node, at, 17, (5000).to_bytes(2) + (7000).to_bytes(2) + bytes(4) + text)


def test_time_comes_first() -> None:
    """What was seen before the test is not its own; the rest comes in the order of time."""
    frames = [_udp("h1", 1200, b"c"), _udp("h1", 900, b"a"), _udp("h1", 1100, b"b")]
    assert [frame.time_ns for frame in of_test(frames, BEGUN, set(), OWN)] == [1100, 1200]


def test_a_datagram_on_the_way_is_the_earlier_tests() -> None:
    """Sent before and arriving after: not this test's. The same words, sent anew: this test's."""
    late = [_udp("h1", 990, b"x"), _udp("h2", 1010, b"x")]
    again = [_udp("h1", 1020, b"x"), _udp("h2", 1030, b"x")]
    assert of_test([*late, *again], BEGUN, set(), OWN) == again


def test_a_conversation_belongs_to_the_test_that_opened_it() -> None:
    """What TCP repeats for a program that has ended is not this test's; a new conversation from the same port is."""
    before = [_tcp(900, 4000, SYN), _tcp(950, 4000, ACK)]
    late = [_tcp(1050, 4000, ACK)]
    own = [_tcp(1060, 4001, SYN), _tcp(1070, 4001, ACK)]
    reused = [_tcp(1100, 4000, SYN), _tcp(1110, 4000, ACK)]
    assert of_test([*before, *late, *own, *reused], BEGUN, set(), OWN) == [*own, *reused]


def test_what_icmp_says_is_about_something() -> None:
    """An answer to an echo of before, and a complaint about a datagram of before, are not this test's."""
    echo, answer = b"\x08\0\0\0\0\x07\0\x01", b"\0\0\0\0\0\x07\0\x01"
    datagram = _udp("h1", 980, b"y")
    complaint = b"\x03\x03\0\0\0\0\0\0" + datagram.data[14:]
    before = [_frame("h1", 970, 1, echo), datagram]
    after = [_frame("h2", 1010, 1, answer, H2 + H1), _frame("h2", 1020, 1, complaint, H2 + H1)]
    own = [_frame("h1", 1030, 1, b"\x08\0\0\0\0\x08\0\x01"), _frame("h2", 1040, 1, b"\0\0\0\0\0\x08\0\x01", H2 + H1)]
    assert of_test([*before, *after, *own], BEGUN, set(), OWN) == own


def test_what_is_no_ipv4_counts_by_time() -> None:
    """A frame that cannot be read is kept rather than lost."""
    odd = Frame("h1", "h1-hub", "node", 1001, b"\xff" * 20, 20)
    assert of_test([odd], BEGUN, set(), OWN) == [odd]
