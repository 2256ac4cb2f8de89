"""What is captured where, how the tap's records are put together, and a frame in one line."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.errors import LabError
from lab.fabric.tap import HEADER
from lab.model.plan import LabSpec, decide
from lab.observe.capture import records
from lab.observe.frames import Frame, is_own
from lab.observe.line import line, names
from lab.observe.record import duration, places_named

STAR = decide(LabSpec(nodes=2))
RING = decide(LabSpec(topology="ring", nodes=3))


@pytest.mark.parametrize(
    ("nodes", "links", "places"),
    [
        (["h1"], [], ["h1:h1-hub"]),
        (["hub"], [], ["hub:h1-hub", "hub:h2-hub"]),
        (["h2", "h1", "h2"], [], ["h2:h2-hub", "h1:h1-hub"]),
        ([], ["h1-hub"], ["h1:h1-hub", "hub:h1-hub"]),
        ([], ["h1"], ["h1:h1-hub", "hub:h1-hub"]),
        (["hub"], ["h2"], ["hub:h2-hub"]),
    ],
)
def test_places_are_named_by_nodes_and_links(nodes: list[str], links: list[str], places: list[str]) -> None:
    """A node means all its interfaces, a link all its ends, both mean where they meet; nothing comes twice."""
    assert [":".join(place) for place in places_named(STAR, nodes, links)] == places


@pytest.mark.parametrize(
    ("nodes", "links", "what"),
    [
        ([], [], "no node and no link is named"),
        (["h7"], [], "no node is called 'h7'"),
        ([], ["h7"], "no link is called 'h7'"),
        (["h1"], ["h2"], "h1 is not on h2-hub"),
    ],
)
def test_places_that_are_not_there(nodes: list[str], links: list[str], what: str) -> None:
    """One error, with exit code 2 and what there is."""
    with pytest.raises(LabError, match=what) as caught:
        places_named(STAR, nodes, links)
    assert caught.value.exit_code == 2
    assert caught.value.remedy


@pytest.mark.parametrize(("text", "seconds"), [("0", 0.0), ("10", 10.0), ("0.5", 0.5)])
def test_seconds_are_a_plain_number(text: str, seconds: float) -> None:
    """Whole or not."""
    assert duration(text) == seconds


@pytest.mark.parametrize("text", ["", "x", "-1", "1e9", "inf", "5s"])
def test_other_seconds_are_refused(text: str) -> None:
    """Nothing else is taken for a number."""
    with pytest.raises(LabError, match="is not a number of seconds"):
        duration(text)


RECORD = st.tuples(st.integers(0, 9), st.integers(0, 2**32 - 1), st.integers(0, 2**63), st.binary(max_size=40))


@given(st.lists(RECORD), st.lists(st.integers(0, 400)), st.integers(0, 20))
def test_records_come_whole_however_the_stream_is_cut(
    wanted: list[tuple[int, int, int, bytes]], cuts: list[int], lost: int
) -> None:
    """They are put together from pieces; the last is left out if its end is not there."""
    text = b"".join(HEADER.pack(number, len(data), length, stamp) + data for number, length, stamp, data in wanted)
    text = text[: len(text) - lost] if lost and lost <= HEADER.size else text
    edges = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    pieces = (text[begin:end] for begin, end in itertools.pairwise(edges))
    whole = wanted[:-1] if lost and lost <= HEADER.size else wanted
    assert [each for batch in records(pieces) for each in batch] == whole


PING = bytes.fromhex("45000054000040003f01000000000000000000000800f7ff00000000" + "00" * 56)


def ping(source: str, target: str, sender: str, receiver: str) -> bytes:
    """A frame with an echo request, its sums as they should be."""
    packet = bytearray(PING)
    packet[12:16], packet[16:20] = (bytes(int(part) for part in each.split(".")) for each in (source, target))
    total = sum(int.from_bytes(packet[at : at + 2]) for at in range(0, 20, 2))
    packet[10:12] = (0xFFFF - (total % 0xFFFF)).to_bytes(2)
    return bytes.fromhex(receiver.replace(":", "") + sender.replace(":", "") + "0800") + bytes(packet)


def test_a_frame_in_one_line() -> None:
    """Time, place, direction, length, both nodes by name, what it is, and how many hops it may still make."""
    h1, hub = STAR.node("h1").interfaces[0], STAR.node("hub").interfaces[0]
    data = ping(h1.ip, STAR.node("h2").address, h1.mac, hub.mac)
    at_h1 = Frame("h1", "h1-hub", "node", 1_795_446_571_000_000_042, data, 98)
    at_hub = Frame("hub", "h1-hub", "node", 1_795_446_571_000_000_042, data, 98)
    assert is_own(at_h1, STAR)
    assert not is_own(at_hub, STAR)
    shown = line(at_h1, STAR, names(STAR))
    assert shown.split(".", 1)[1] == "000000042 h1:h1-hub out   98 bytes  h1 > h2  ICMP echo request, TTL 63"
    assert " in " in line(at_hub, STAR, names(STAR))
    assert ", damaged" in line(Frame("h1", "h1-hub", "node", 0, data[:-3] + b"x" + data[-2:], 98), STAR, names(STAR))


def test_what_is_no_ip_has_a_line_too() -> None:
    """ARP, and frames that cannot be read: between whom, by hardware addresses where they are nobody's."""
    frame = Frame("n1", "n1-n2", "node", 0, bytes.fromhex("ffffffffffff" + "020000000001" + "88b5") + b"x", 15)
    assert line(frame, RING, names(RING)).endswith("02:00:00:00:00:01 > ff:ff:ff:ff:ff:ff")
