"""A trace as one JSON document: the single source of what is shown as text and as a page. Pure.

Times are seconds from the first packet on, sizes are bytes, rates bit/s. `docs/follow-a-message.md` walks through it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from lab.model.plan import LinkPlan
from lab.observe.frames import Frame
from lab.observe.trace import layers, talk, tcp, udp, verdict
from lab.observe.trace.dissect import Packet, Tcp
from lab.observe.trace.hops import hop_document
from lab.observe.trace.journey import Journey, journeys
from lab.observe.trace.match import Matched, match
from lab.observe.trace.scene import Scene
from lab.observe.trace.story import Story
from lab.observe.trace.talk import Told
from lab.observe.trace.timing import times
from lab.observe.trace.whole import received

VERSION = 1
Document = dict[str, Any]


def document(scene: Scene, story: Story, frames: Sequence[Frame]) -> Document:
    """Work out everything from the frames."""
    matched = match(frames, scene.macs, scene.names)
    every, left = journeys(matched, scene.owners, scene.names)
    told = conversation(scene, story, every)
    begun = told[0].journey.began if told else 0
    predicted = times(matched.crossings, scene.ways)
    packets = [_packet(scene, one, begun, predicted) for one in told]
    whole = received([one.journey for one in told], story.protocol, story.sender)
    ended = verdict.verdict(story, told, whole)
    return {
        "kind": "trace",
        "version": VERSION,
        "lab": scene.plan.name,
        "engine": scene.engine,
        "topology": scene.plan.topology.kind,
        "protocol": story.protocol,
        "from": story.sender,
        "to": story.to,
        "port": story.port,
        "client_port": _client_port(told, story),
        "message": _message(story, whole),
        "ended": ended,
        "said": [{"node": node, "stream": stream, "line": line} for node, stream, line in story.said],
        "loss": {"link": story.loss[0], "share": story.loss[1]} if story.loss else None,
        "began_ns": begun,
        "nodes": [_node(scene, node.name) for node in scene.plan.nodes],
        "links": [_link(scene, link) for link in scene.plan.links],
        "way": way(told, story.sender),
        "packets": packets,
        "layers": layers.layers(story, told, packets),
        "missing": list(udp.MISSING) if story.protocol == "udp" else [],
        "totals": totals(packets, len(story.sent)),
        "capture": _capture(story, matched, len(left)),
    }


def conversation(scene: Scene, story: Story, every: Sequence[Journey]) -> list[Told]:
    """The message's packets, each with what it says."""
    who = talk.Talk(story.protocol, scene.addresses(story.sender), scene.addresses(story.to), story.port)
    port = talk.client_port(every, who, verdict.named_ports(story.said))
    ours = talk.belonging(every, talk.Talk(who.protocol, who.client, who.server, who.port, port))
    numbered = list(enumerate(ours, start=1))
    own = [pair for pair in numbered if talk.is_own(pair[1], story.protocol)]
    tellings = tcp.tell(own, story.sender, story.to) if story.protocol == "tcp" else udp.tell(own)
    names = dict(scene.names)
    return [Told(number, one, tellings.get(number) or talk.news(one, names)) for number, one in numbered]


def way(told: Sequence[Told], sender: str) -> list[str]:
    """The nodes that the message passed, from the packet that came farthest."""
    best: list[str] = [sender]
    for one in told:
        if one.journey.origin == sender and one.journey.packet.ip:
            nodes = [sender, *(hop.to for hop in one.journey.hops if hop.to)]
            best = max(best, list(dict.fromkeys(nodes)), key=len)
    return best


def _packet(scene: Scene, one: Told, begun: int, predicted: dict[Any, Any]) -> Document:
    journey, telling = one.journey, one.telling
    ip = journey.packet.ip
    hops = [hop_document(scene, journey, number, begun, predicted) for number in range(len(journey.hops))]
    return {
        "number": one.number,
        "time": (journey.began - begun) / 1e9,
        "from": journey.origin,
        "to": journey.target or (ip.target if ip else "all"),
        "source": ip.source if ip else None,
        "target": ip.target if ip else None,
        "phase": telling.phase,
        "words": telling.words,
        "meaning": telling.meaning,
        "bytes": list(telling.span) if telling.span else None,
        "seq": telling.seq,
        "ack": telling.ack,
        "transport": _transport(journey.packet),
        "ip": _ip(journey.packet),
        "fate": journey.fate,
        "where": journey.where,
        "fate_words": tcp.fate(journey),
        "ended": (journey.ended - begun) / 1e9 if journey.ended else None,
        "copies": len(journey.arrivals),
        "repeats": telling.repeats,
        "why": telling.why,
        "acknowledges": telling.acknowledges,
        "unsure": any(hop.unsure for hop in journey.hops),
        "hops": hops,
    }


def _transport(packet: Packet) -> Document | None:
    inner = packet.inner
    if inner is None:
        return None
    values = {key: value for key, value in asdict(inner).items() if key not in ("data", "about")}
    size = len(inner.data) if hasattr(inner, "data") else 0
    kind = type(inner).__name__.upper()
    if isinstance(inner, Tcp):
        values["flags"] = list(inner.flags)
        values["sacks"] = [list(edges) for edges in inner.sacks]
    return {"protocol": kind, "size": size} | values


def _ip(packet: Packet) -> Document | None:
    ip = packet.ip
    if ip is None:
        return None
    return {
        "identity": ip.identity,
        "ttl": ip.ttl,
        "protocol": ip.protocol,
        "offset": ip.offset,
        "more_fragments": ip.more,
        "dont_fragment": ip.whole,
    }


def _message(story: Story, whole: bytes | None) -> Document:
    return {
        "text": story.message,
        "bytes": len(story.sent),
        "received_bytes": None if whole is None else len(whole),
        "received_text": None if whole is None else whole.decode("utf-8", "backslashreplace"),
        "delivered": (whole or b"") == story.sent if whole is not None or story.protocol == "tcp" else False,
    }


def _client_port(told: Sequence[Told], story: Story) -> int | None:
    for one in told:
        if one.journey.origin == story.sender and (port := getattr(one.journey.packet.inner, "source_port", None)):
            return int(port)
    return None


def _node(scene: Scene, name: str) -> Document:
    node = scene.plan.node(name)
    return {
        "name": name,
        "role": node.role,
        "address": node.address.split("/")[0],
        "addresses": {face.link: face.ip for face in node.interfaces},
        "macs": {face.link: face.mac for face in node.interfaces},
    }


def _link(scene: Scene, link: LinkPlan) -> Document:
    first, last = link.link.ends[0], link.link.ends[-1]
    ends = [("all", "all", first)] if link.link.shared else [(first, last, first), (last, first, last)]
    ways = []
    for source, target, end in ends:
        now = scene.ways[link.name, end]
        settings = now.settings
        figures = {"rate": settings.rate, "delay": settings.delay, "jitter": settings.jitter, "loss": settings.loss}
        ways.append({"from": source, "to": target, **figures, "shaper": now.shaper})
    medium = link.link.spec.medium
    return {"name": link.name, "ends": list(link.link.ends), "medium": medium, "mtu": link.mtu, "ways": ways}


def totals(packets: Sequence[Document], message: int) -> Document:
    """The sums: of packets, and of frames on each link by sender."""
    links: dict[str, dict[str, dict[str, int]]] = {}
    for hop in (hop for packet in packets for hop in packet["hops"]):
        row = links.setdefault(hop["link"], {}).setdefault(
            hop["from"], {"frames": 0, "bytes": 0, "lost": 0, "damaged": 0, "doubled": 0}
        )
        row["frames"] += 1
        row["bytes"] += hop["size"]
        row["lost"] += hop["copies"] == 0 and hop["to"] is not None
        row["damaged"] += hop["damaged"]
        row["doubled"] += hop["copies"] > 1
    return {
        "packets": len(packets),
        "arrived": sum(packet["fate"] == "arrived" for packet in packets),
        "lost": sum(packet["fate"] == "lost" for packet in packets),
        "damaged": sum(packet["fate"] == "damaged" for packet in packets),
        "dropped": sum(packet["fate"] == "dropped" for packet in packets),
        "sent_again": sum(bool(packet["repeats"]) for packet in packets),
        "acknowledgements": sum("ACK" in (packet["transport"] or {}).get("flags", ()) for packet in packets),
        "seconds": max((packet["ended"] or packet["time"] for packet in packets), default=0.0),
        "message_bytes": message,
        "link_bytes": sum(row["bytes"] for rows in links.values() for row in rows.values()),
        "links": links,
    }


def _capture(story: Story, matched: Matched, left: int) -> Document:
    """What to know of the captures themselves, so that nobody trusts a trace more than its frames."""
    return {
        "places": [list(place) for place in story.places],
        "frames": sum(1 + len(crossing.heard) for crossing in matched.crossings) + len(matched.strangers),
        "dropped": story.dropped,
        "strangers": len(matched.strangers),
        "left_over": left,
    }
