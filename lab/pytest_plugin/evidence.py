"""What a failing test leaves: the frames of every node, the state of every link, and what programs said.

One folder: NODE.pcap and NODE.log for each node, status.json (declared against live), tc.json (what the agent read,
with the kernel's counters as `tc -s -json` prints them), echoes.txt (each link's round trip, predicted and measured).
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import dpkt

from lab.api import Lab
from lab.errors import LabError
from lab.lab import Status
from lab.observe import report
from lab.pytest_plugin.recorder import MOST_FRAMES, Recorder
from lab.testing import predicted_echo

ECHO_SECONDS = 3.0
ECHO = re.compile(r"time=([0-9]{1,9}(?:\.[0-9]{1,9})?) ms")  # what ping says; a node may have a ping of its own
SNAPLEN = 262_144  # bytes, as tcpdump has it


@dataclass(slots=True)
class Said:
    """What was put down: a line for each thing, and whether the lab is still as it should be."""

    lines: list[str] = field(default_factory=list)
    whole: bool = True


def write(folder: Path, lab: Lab, recorder: Recorder | None, *, begun: float) -> Said:
    """Put down all there is. What cannot be had is said, and the rest put down all the same.

    Args:
        folder: where; what an earlier run left there is removed.
        lab: the lab.
        recorder: what recorded the test's frames, if anything did; it is ended.
        begun: when the test began, in seconds since 1970.
    """
    said = Said()
    shutil.rmtree(folder, ignore_errors=True)
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        if recorder:
            recorder.close()
        return Said([f"nothing could be put down: {error}"])

    def attempt(what: str, work: Callable[[], str]) -> None:
        try:
            said.lines.append(f"{what}: {work()}")
        except (LabError, OSError) as error:
            said.whole = False
            said.lines.append(f"{what}: {error}")

    def state() -> str:
        status = lab.status()
        said.whole = said.whole and not status.differences
        return _state(folder, status)

    if recorder:
        attempt("frames", lambda: _frames(folder, lab, recorder))
    attempt("programs", lambda: _logs(folder, lab, begun))
    attempt("state", state)
    attempt("echoes", lambda: _echoes(folder, lab))
    (folder / "what.txt").write_text("\n".join(said.lines) + "\n", encoding="utf-8")
    return said


def _frames(folder: Path, lab: Lab, recorder: Recorder) -> str:
    frames = recorder.end()
    for node in lab.plan.nodes:
        with (folder / f"{node.name}.pcap").open("wb") as file:
            writer = dpkt.pcap.Writer(file, snaplen=SNAPLEN, nano=True)
            for frame in frames:
                if frame.node == node.name:
                    writer.writepkt_time(frame.data, Decimal(frame.time_ns) / 10**9)
    more = f"; {recorder.left_out} more than {MOST_FRAMES} were left out" if recorder.left_out else ""
    return f"{len(frames)} frames since the test began, in NODE.pcap{more}"


def _logs(folder: Path, lab: Lab, begun: float) -> str:
    since = datetime.fromtimestamp(begun, UTC).isoformat(timespec="milliseconds")[:23]
    count = 0
    for node in lab.plan.nodes:
        lines = [line for line in lab.logs(node.name) if line >= since]
        count += len(lines)
        (folder / f"{node.name}.log").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return f"{count} lines since then, in NODE.log"


def _state(folder: Path, status: Status) -> str:
    (folder / "status.json").write_text(json.dumps(report.status_document(status), indent=2))
    (folder / "tc.json").write_text(json.dumps(status.live, indent=2))
    found = "; ".join(map(str, status.differences[:3])) or "nothing differs from what is in force"
    return f"{found}; status.json, tc.json"


def _echoes(folder: Path, lab: Lab) -> str:
    """Ping along every link, all at once."""
    rows = []
    running = []
    for link in lab.plan.links:
        near, far = lab.plan.addresses.ports[link.name][:2]
        argv = ["ping", "-c", "1", "-W", f"{ECHO_SECONDS:g}", str(far.address)]
        running.append((link.name, near.node, far.node, lab[near.node].start(argv)))
    for name, first, second, ping in running:
        answer = ECHO.search(ping.wait(ECHO_SECONDS + 10).stdout)
        measured = f"{float(answer[1]):.2f} ms" if answer else f"no answer within {ECHO_SECONDS:g} s"
        value = predicted_echo(lab, first, second).value or 0.0
        rows.append(f"{name}: {first} to {second} and back: predicted {value * 1e3:.2f} ms, measured {measured}")
    (folder / "echoes.txt").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return f"{rows[0]}{', …' if len(rows) > 1 else ''}; echoes.txt"
