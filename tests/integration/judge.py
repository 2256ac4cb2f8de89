"""Holds a trace against the frames that it was made from, by other means: the bytes alone, read by position.

Shares no code with `lab.observe.trace`. It knows which node has which hardware address, cuts fields out of frames, and
counts. What is equal in addresses, identity, offset and all that follows is one transmission of one packet.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from lab.model.plan import LabPlan
from lab.observe.frames import Frame

Seen = tuple[str, str, bytes]


def judge(plan: LabPlan, trace: dict[str, Any], frames: Sequence[Frame] = ()) -> list[str]:
    """Everything that is wrong with a trace; without frames only what is wrong in itself."""
    wrong = list(_itself(trace))
    return wrong + list(_against(plan, trace, frames)) if frames else wrong


def _itself(trace: dict[str, Any]) -> list[str]:
    """What the captures could not see, or what could not be placed."""
    return [f"{key}: {trace['capture'][key]}" for key in ("dropped", "strangers", "left_over") if trace["capture"][key]]


def _against(plan: LabPlan, trace: dict[str, Any], frames: Sequence[Frame]) -> list[str]:
    wrong = []
    client = trace["client_port"]
    macs = {
        (node.name, face.link): bytes.fromhex(face.mac.replace(":", ""))
        for node in plan.nodes
        for face in node.interfaces
    }
    ports = ((client, trace["port"]), (trace["port"], client))
    first = {_packet(frame.data) for frame in frames if _ports(frame.data) in ports}
    ours = [frame for frame in frames if _ports(frame.data) in ports or _is_later_part_of(frame.data, first)]
    sent = Counter((f.node, f.link, f.data) for f in ours if f.data[6:12] == macs[f.node, f.link])
    heard = Counter((f.node, f.link, f.data) for f in ours if f.data[0:6] == macs[f.node, f.link])
    owner = {(link, mac): node for (node, link), mac in macs.items()}
    said: Counter[Seen] = Counter()
    lost: Counter[tuple[str, str]] = Counter()
    for packet in trace["packets"]:
        for hop in packet["hops"]:
            said[hop["from"], hop["link"], bytes.fromhex(hop["hex"])] += 1
            lost[hop["link"], hop["from"]] += hop["copies"] == 0
    if said != sent:
        wrong.append(
            f"{sum((said - sent).values())} frames told that were not sent, {sum((sent - said).values())} not told"
        )
    truly_lost: Counter[tuple[str, str]] = Counter()
    for (node, link, data), count in sent.items():
        truly_lost[link, node] += max(0, count - heard[owner[link, data[0:6]], link, data])
    if +lost != +truly_lost:
        wrong.append(f"lost as told {dict(+lost)}, as captured {dict(+truly_lost)}")
    return wrong + _again(trace, ours, macs)


def _again(trace: dict[str, Any], frames: Sequence[Frame], macs: dict[tuple[str, str], bytes]) -> list[str]:
    """Which packets were sent again, by a second count: the same sequence numbers left the same node before."""
    if trace["protocol"] != "tcp":
        return []
    ends = {trace["from"], trace["to"]}
    first = sorted(
        (f for f in frames if f.node in ends and f.data[6:12] == macs[f.node, f.link]), key=lambda f: f.time_ns
    )
    highest: dict[str, int] = {}
    repeated = []
    for number, frame in enumerate(first, start=1):
        start, length = _stretch(frame.data)
        if length and frame.node in highest and start < highest[frame.node]:
            repeated.append(number)
        if length:
            highest[frame.node] = max(highest.get(frame.node, 0), start + length)
    told = [packet["number"] for packet in trace["packets"] if packet["repeats"]]
    return [] if told == repeated else [f"sent again as told {told}, as captured {repeated}"]


def _ports(data: bytes) -> tuple[int, int] | None:
    """The ports of a TCP or UDP packet that is no later fragment."""
    if data[12:14] != b"\x08\x00" or data[23] not in (6, 17) or int.from_bytes(data[20:22]) & 0x1FFF:
        return None
    start = 14 + (data[14] & 15) * 4
    return int.from_bytes(data[start : start + 2]), int.from_bytes(data[start + 2 : start + 4])


def _packet(data: bytes) -> bytes:
    """What all fragments of one packet have in common: identity, protocol, and both addresses."""
    return data[18:20] + data[23:24] + data[26:34]


def _is_later_part_of(data: bytes, first: set[bytes]) -> bool:
    """Whether a frame is a fragment, not the first, of one of these packets."""
    is_later = data[12:14] == b"\x08\x00" and bool(int.from_bytes(data[20:22]) & 0x1FFF)
    return is_later and _packet(data) in first


def _stretch(data: bytes) -> tuple[int, int]:
    """First sequence number of a segment, and how many it takes."""
    start = 14 + (data[14] & 15) * 4
    whole = 14 + int.from_bytes(data[16:18])
    head = (data[start + 12] >> 4) * 4
    flags = data[start + 13]
    return int.from_bytes(data[start + 4 : start + 8]), whole - start - head + (flags & 1) + (flags >> 1 & 1)
