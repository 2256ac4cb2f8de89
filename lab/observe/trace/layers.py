"""The way down and up: what each layer did with the packet that carried the message, node by node. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lab.apps.common import safe
from lab.model.units import counted, say_time
from lab.observe.trace.story import Story
from lab.observe.trace.talk import Told

SHOWN = 60  # characters of the message
Step = dict[str, Any]


def shown_packet(told: Sequence[Told], sender: str) -> Told | None:
    """The packet that is shown: the first that brought a part of the message, else the first that tried, else any."""
    own = [one for one in told if one.journey.origin == sender and one.journey.packet.ip]
    carrying = [one for one in own if one.telling.span] or own
    return next((one for one in carrying if one.journey.fate == "arrived"), carrying[0] if carrying else None)


def layers(story: Story, told: Sequence[Told], packets: Sequence[dict[str, Any]]) -> list[Step]:
    """The steps down at the sender, up and down at each node between, and up at the receiver, as far as it came."""
    shown = shown_packet(told, story.sender)
    if shown is None:
        return []
    packet = packets[shown.number - 1]
    steps = [_say(story), _transport_down(packet)]
    for index, hop in enumerate(packet["hops"]):
        steps.append(_network_down(packet, hop))
        steps.append(_link_down(hop))
        if hop["copies"] == 0 or hop["to"] is None:
            steps.append(_step(hop["from"], "link", "gone", f"nobody heard it: it was lost on {hop['link']}"))
            break
        steps.append(_link_up(hop))
        if hop["damaged"]:
            steps.append(_step(hop["to"], "network", "gone", "the checksum is wrong: it is thrown away"))
            break
        if hop["to"] == packet["to"]:
            steps += _up(packet, hop, story, told)
            break
        last = index == len(packet["hops"]) - 1
        end = "; it knows no way on" if last else "; it has to go on"
        text = f"{packet['target']} is not me{end}"
        steps.append(_step(hop["to"], "network", "gone" if last else "up", text))
    return [step | {"packet": shown.number} for step in steps]


def _step(node: str, layer: str, direction: str, text: str, hop: int | None = None) -> Step:
    return {"node": node, "layer": layer, "direction": direction, "text": text, "hop": hop}


def _say(story: Story) -> Step:
    size = counted(len(story.sent), "byte")
    text = f"the client says “{short(story.message)}” ({size}) to {story.to}"
    return _step(story.sender, "application", "down", text)


def short(text: str, most: int = SHOWN) -> str:
    """A text in one line that is not too long, and that drives no terminal."""
    return safe(text[:most]) + ("…" if len(text) > most else "")


def _transport_down(packet: dict[str, Any]) -> Step:
    inner = packet["transport"]
    if inner is None or inner["protocol"] not in ("TCP", "UDP"):
        return _step(packet["from"], "transport", "down", "a fragment: its ports are in the first one")
    ports = f"port {inner['source_port']} to port {inner['target_port']}"
    if inner["protocol"] == "UDP":
        return _step(
            packet["from"], "transport", "down", f"UDP from {ports}: a length of {inner['length']}, and no more"
        )
    span = packet["bytes"]
    carries = f"carries bytes {span[0]} to {span[1]}" if span else "carries no byte of the message"
    carries += f", sequence number {packet['seq']}, acknowledgement {packet['ack'] or 0}"
    flags = " ".join(inner["flags"])
    return _step(packet["from"], "transport", "down", f"TCP from {ports}: {carries}, flags {flags}")


def _network_down(packet: dict[str, Any], hop: Step) -> Step:
    chosen = hop["next_hop"]
    to = f"{hop['to'] or 'nobody'}"
    way = f"next hop {to}, on this link" if chosen["direct"] else f"next hop {to} ({chosen['address']})"
    route = f", by the route to {chosen['route']}" if chosen["route"] else ""
    text = f"{packet['source']} to {packet['target']}, TTL {hop['ttl']}; {way}{route}"
    return _step(hop["from"], "network", "down", text)


def _link_down(hop: Step) -> Step:
    text = (
        f"{hop['mac_from']} to {hop['mac_to']}: {hop['size']} bytes on {hop['link']} ({hop['medium']}), "
        f"{say_time(hop['on_the_wire'])} to put them on it"
    )
    return _step(hop["from"], "link", "down", text)


def _link_up(hop: Step) -> Step:
    others = f"; heard by {', '.join(hop['heard_by'])} too, which let it pass" if hop["heard_by"] else ""
    return _step(hop["to"], "link", "up", f"{hop['mac_to']} is mine: I keep it{others}")


def _up(packet: dict[str, Any], hop: Step, story: Story, told: Sequence[Told]) -> list[Step]:
    node = hop["to"]
    found = [_step(node, "network", "up", f"{packet['target']} is mine, TTL {hop['ttl']}: the way ends here")]
    inner = packet["transport"]
    if inner and inner["protocol"] == "TCP":
        answer = next((one.number for one in told if packet["number"] in one.telling.acknowledges), None)
        span = packet["bytes"]
        what = f"bytes {span[0]} to {span[1]} are here" if span else "no byte of the message in it"
        told_so = f"; number {answer} acknowledges it" if answer else ""
        found.append(_step(node, "transport", "up", f"{what}{told_so}"))
    else:
        found.append(_step(node, "transport", "up", "a datagram for the port; nobody is told that it came"))
    lines = [line for who, stream, line in story.said if who == node and stream == "stdout" and "received" in line]
    if lines:
        found.append(_step(node, "application", "up", short(lines[0], 2 * SHOWN)))
    return found
