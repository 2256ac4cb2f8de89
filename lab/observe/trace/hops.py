"""One hop of one packet, as a part of the document: the frame, who heard it, predicted beside measured time. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from itertools import groupby
from typing import Any

from lab.model import predict
from lab.model.media import ETHERNET_HEADER
from lab.observe.trace.journey import Hop, Journey
from lab.observe.trace.match import Sighting
from lab.observe.trace.scene import Scene
from lab.observe.trace.timing import Times


def hop_document(
    scene: Scene, journey: Journey, number: int, begun: int, predicted: Mapping[Sighting, Times]
) -> dict[str, Any]:
    """One hop; `begun` is the conversation's first moment in nanoseconds."""
    hop = journey.hops[number]
    frame = hop.sent.frame
    link = scene.plan.link(hop.link)
    came = hop.taken[0].time if hop.taken else None
    way = scene.ways[hop.link, frame.node]
    return {
        "link": hop.link,
        "medium": link.link.spec.medium,
        "from": frame.node,
        "to": hop.to,
        "sent": (frame.time_ns - begun) / 1e9,
        "arrived": None if came is None else (came - begun) / 1e9,
        "measured": None if came is None else (came - frame.time_ns) / 1e9,
        "predicted": asdict(predicted[hop.sent]),
        "shaper": way.shaper,
        "on_the_wire": predict.frame_time(way.settings, frame.length - ETHERNET_HEADER),
        "mac_from": hop.sent.packet.mac_from,
        "mac_to": hop.sent.packet.mac_to,
        "size": frame.length,
        "ttl": hop.sent.packet.ip.ttl if hop.sent.packet.ip else None,
        "next_hop": next_hop(scene, hop),
        "heard_by": list(hop.overheard),
        "copies": len(hop.taken),
        "damaged": hop.damaged,
        "unsure": hop.unsure,
        "parts": [asdict(part) for part in hop.sent.packet.parts],
        "changed": _changed(journey, number),
        "hex": frame.data.hex(),
    }


def next_hop(scene: Scene, hop: Hop) -> dict[str, Any] | None:
    """What the sender chose: the route that holds for the packet's target, and the node that it leads to."""
    ip = hop.sent.packet.ip
    if ip is None:
        return None
    route = scene.route(hop.sent.node, ip.target)
    address = (route.via if route else None) or ip.target
    return {"node": hop.to, "address": address, "route": route.to if route else None, "direct": address == ip.target}


def _changed(journey: Journey, number: int) -> list[list[int]]:
    """Where a frame's bytes are others than those of the same packet on the link before: start and end of each stretch.

    Nothing for the first, and nothing for a fragment that has another length.
    """
    own = journey.hops[number].sent
    before = next((hop for hop in journey.hops[:number] if any(one.node == own.node for one in hop.taken)), None)
    if before is None or before.sent.frame.length != own.frame.length:
        return []
    pairs = zip(before.sent.frame.data, own.frame.data, strict=True)
    differs = [index for index, (old, new) in enumerate(pairs) if old != new]
    runs = groupby(enumerate(differs), key=lambda pair: pair[1] - pair[0])
    stretches = [[index for _, index in run] for _, run in runs]
    return [[run[0], run[-1] + 1] for run in stretches]
