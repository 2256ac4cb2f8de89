#!/usr/bin/env python3
"""Writes the output in `follow-a-message.md`, from labs that it brings up; and compares it with another run's.

    .venv/bin/python docs/follow.py

Needs Linux and root: the labs are the embedded engine's. `tests/integration/test_trace.py` holds the page against runs
of its own. No two runs are the same: times, ports and identities are masked, and a busy kernel may send an
acknowledgement more. What is left must be the same.
"""

from __future__ import annotations

import io
import re
import shlex
import sys
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path

from rich.console import Console

from lab.lab import Lab
from lab.model.plan import LabPlan, LabSpec
from lab.observe.trace import run, text

PAGE = Path(__file__).resolve().parent / "follow-a-message.md"
BLOCK = re.compile(
    r"(?P<head><!-- trace (?P<shape>star|ring|bus), (?P<parts>\d) parts -->\n```\n\$ \./inv trace ?(?P<words>[^\n]*)\n)"
    r"(?P<body>.*?)(?P<tail>```\n)",
    re.DOTALL,
)
WIDTH = 110
FIRST = IPv4Address("198.18.0.0")  # where the default lab's addresses begin


@dataclass(frozen=True, slots=True)
class Block:
    """A command of the page and what the page says that it prints.

    Attributes:
        shape: of the lab that it is typed in.
        parts: how many of the output's parts are shown; an empty line ends each.
    """

    shape: str
    parts: int
    words: tuple[str, ...]
    body: str


def blocks() -> list[Block]:
    """Every command of the page."""
    return [_block(found) for found in BLOCK.finditer(PAGE.read_text(encoding="utf-8"))]


def _block(found: re.Match[str]) -> Block:
    return Block(found["shape"], int(found["parts"]), tuple(shlex.split(found["words"])), found["body"])


def output(lab: Lab, block: Block) -> str:
    """What the command prints in a lab, as far as the page shows it, with the default lab's addresses."""
    given = dict(zip(block.words[::2], block.words[1::2], strict=False))
    sender, receiver = run.ends(lab.plan, given.get("--from", ""), given.get("--to", ""))
    wanted = run.Wanted(
        protocol=given.get("--protocol", "tcp"),
        sender=sender,
        to=receiver,
        message=run.message_of(given.get("--message", ""), given.get("--size", "")),
        served="--no-server" not in block.words,
    )
    printed = io.StringIO()
    Console(file=printed, width=WIDTH, highlight=False).print(text.render(run.trace(lab, wanted)))
    lines = "\n".join(line.rstrip() for line in printed.getvalue().splitlines())
    return renamed("\n\n".join(lines.split("\n\n")[: block.parts]), lab.plan) + "\n"


def renamed(shown: str, plan: LabPlan) -> str:
    """With the addresses that the default lab has, whatever the lab's own are."""
    apart = int(plan.addresses.block.network_address) - int(FIRST)

    def ip(found: re.Match[str]) -> str:
        return str(IPv4Address(int(IPv4Address(found[0])) - apart))

    def mac(found: re.Match[str]) -> str:
        return "02:42:" + (int(found[1].replace(":", ""), 16) - apart).to_bytes(4).hex(":")

    shown = re.sub(r"\b198\.1[89]\.\d+\.\d+\b", ip, shown)
    return re.sub(r"\b02:42:((?:[0-9a-f]{2}:){3}[0-9a-f]{2})\b", mac, shown)


ARROW = re.compile(r"^\s*[\d,.]+ m?s +\d+ (?P<row>[│●○✕].*)$")
EXTRA = re.compile(r".*  ACK \d+$")  # a kernel that is late acknowledges once more


def essence(shown: str) -> tuple[set[str], list[str]]:
    """What every run has in common: the rows of the conversation, as a set, and all other words, with a mask."""
    rows: set[str] = set()
    rest: list[str] = []
    part = ""
    for line in shown.splitlines():
        if row := ARROW.match(line):
            rows.add(re.sub(r"  has #\d+( and #\d+)?$", "", row["row"]).rstrip())
        elif bytes_ := re.match(r"^(\w*) +([0-9a-f]{4})  .*", line):
            part = bytes_[1] or part
            rest.append(line if part == "data" else f"{bytes_[1]} {bytes_[2]}")
        elif not line.lstrip().startswith("—"):
            rest.append(line)
    return rows, masked(" ".join(rest)).split()  # words, for where a line is broken depends on the addresses


def masked(words: str) -> str:
    """Words without what differs from run to run."""
    words = re.sub(r"\b\d[\d,.]* (ms|µs|s)\b(?! +to +put)", "T", words)
    words = re.sub(r"#\d+|number +\d+", "N", words)
    words = re.sub(r"', \d{5}\)", "', P)", words)
    return re.sub(r"port +\d{5} +to", "port P to", words)


def differences(page: str, seen: str) -> list[str]:
    """What a run shows that the page does not, and the other way round."""
    (page_rows, page_words), (seen_rows, seen_words) = essence(page), essence(seen)
    found = sorted(row for row in seen_rows ^ page_rows if not EXTRA.match(row))
    for at, (one, other) in enumerate(zip(page_words, seen_words, strict=False)):
        if one != other:
            return [*found, f"{' '.join(page_words[at - 5 : at + 5])!r} is {' '.join(seen_words[at - 5 : at + 5])!r}"]
    return found + ([f"{len(page_words)} words are {len(seen_words)}"] if len(page_words) != len(seen_words) else [])


def main() -> int:
    """Write the page anew."""
    page = PAGE.read_text(encoding="utf-8")
    for shape in dict.fromkeys(block.shape for block in blocks()):
        # The default lab's own addresses, so that the bytes agree with the words.
        with Lab.up(LabSpec(name=f"trace-lesson-{shape}", topology=shape, pool=f"{FIRST}/26"), "netns") as lab:

            def put(found: re.Match[str], lab: Lab = lab, shape: str = shape) -> str:
                if found["shape"] != shape:
                    return found[0]
                return found["head"] + output(lab, _block(found)) + found["tail"]

            page = BLOCK.sub(put, page)
    PAGE.write_text(page, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
