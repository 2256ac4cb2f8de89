"""Four layers by hand: what stands in the bytes of one frame."""

from __future__ import annotations

import random
import struct
from functools import partial
from pathlib import Path

from lab.exercises.exercise import Check, Exercise, Miss
from lab.exercises.trial import Trial
from lab.lab import Lab
from lab.observe import files

WORDS = ("a parcel for", "greetings to", "good news for", "a riddle for", "no reply from", "nine lives of")


def truth(lab: Lab) -> dict[str, str | int]:
    """What is in the frame: another one for each seed and each lab's addresses."""
    chance = random.Random(lab.plan.spec.seed)  # noqa: S311 - an exercise, no secret
    source, target = lab.plan.node("h1").interfaces[0], lab.plan.node("h2").interfaces[0]
    return {
        "source_mac": source.mac,
        "target_mac": target.mac,
        "ttl": chance.randrange(30, 200),
        "source_address": source.address.partition("/")[0],
        "target_address": target.address.partition("/")[0],
        "source_port": chance.randrange(32768, 60999),
        "target_port": chance.randrange(1024, 30000),
        "sequence": chance.randrange(2**31),
        "message": f"{chance.choice(WORDS)} {chance.choice(('Ada', 'Grace', 'Edsger', 'Radia', 'Vint'))}",
    }


def frame(facts: dict[str, str | int]) -> bytes:
    """The bytes of it: Ethernet II, IPv4 (RFC 791), TCP (RFC 9293), and the message."""
    body = str(facts["message"]).encode()
    ends = [bytes(map(int, str(facts[key]).split("."))) for key in ("source_address", "target_address")]
    tcp = struct.pack(
        "!HHIIBBHHH", facts["source_port"], facts["target_port"], facts["sequence"], 1, 0x50, 0x18, 501, 0, 0
    )
    pseudo = ends[0] + ends[1] + struct.pack("!BBH", 0, 6, len(tcp) + len(body))
    tcp = tcp[:16] + _checksum(pseudo + tcp + body) + tcp[18:]
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 40 + len(body), 0x1267, 0x4000, facts["ttl"], 6, 0) + ends[0] + ends[1]
    ip = ip[:10] + _checksum(ip) + ip[12:]
    macs = [bytes.fromhex(str(facts[key]).replace(":", "")) for key in ("target_mac", "source_mac")]
    return macs[0] + macs[1] + b"\x08\x00" + ip + tcp + body


def _checksum(data: bytes) -> bytes:
    """RFC 1071."""
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return struct.pack("!H", ~total & 0xFFFF)


def dump(data: bytes) -> str:
    """Sixteen bytes a line, in hexadecimal digits, with their place before them; no letters beside them."""
    rows = (data[at : at + 16] for at in range(0, len(data), 16))
    return "".join(f"{number * 16:04x}  {row.hex(' ')}\n" for number, row in enumerate(rows))


def prepare(lab: Lab, folder: Path) -> None:
    """Write the dump."""
    files.write(folder / "dump.txt", dump(frame(truth(lab))))


def _look(trial: Trial, layer: str, keys: tuple[str, ...]) -> None:
    right = truth(trial.lab)
    for key in keys:
        said = trial.answer(key)
        if (said.lower() if isinstance(said, str) and key.endswith("mac") else said) != right[key]:
            raise Miss(f"{key}: not {said!r}; count the bytes of the {layer} header once more")


LAYERS = {
    "link": ("source_mac", "target_mac"),
    "network": ("ttl", "source_address", "target_address"),
    "transport": ("source_port", "target_port", "sequence"),
    "application": ("message",),
}

EXERCISE = Exercise(
    name="four-layers",
    folder=Path(__file__).parent,
    hands_in=("answers.toml",),
    prepare=prepare,
    checks=tuple(
        Check(f"the {layer} layer", len(keys), partial(_look, layer=layer, keys=keys)) for layer, keys in LAYERS.items()
    ),
)
