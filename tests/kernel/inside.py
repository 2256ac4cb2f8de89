"""What runs in the guest: takes requests from a serial line, one JSON document a line, and answers each.

    python3 -m tests.kernel.inside /dev/ttyS0

A request: {"operation": a name from `OPERATIONS`, "words": its arguments}. An answer: {"result": …} or {"error": a
traceback}. The first answer, unasked, tells what booted. It ends when the line does.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
import traceback
import tty
from collections.abc import Callable
from typing import Any

from lab.fabric.choice import abilities
from tests.kernel import cases


def main() -> int:
    """Answer until nobody asks any more."""
    line = os.open(sys.argv[1], os.O_RDWR | os.O_NOCTTY)
    tty.setraw(line)
    with os.fdopen(os.dup(line), "rb") as requests:
        _say(line, {"result": facts()})
        for request in requests:
            _say(line, _answer(json.loads(request)))
    return 0


def _say(line: int, answer: dict[str, Any]) -> None:
    rest = json.dumps(answer).encode() + b"\n"
    while rest:
        rest = rest[os.write(line, rest) :]


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    begun = time.monotonic()
    try:
        result = OPERATIONS[request["operation"]](**request["words"])
    except Exception:  # noqa: BLE001 - whatever it was, the host shall see it
        return {"error": traceback.format_exc()}
    print(f"{request['operation']}: {time.monotonic() - begun:.1f} s", flush=True)
    return {"result": result}


def facts() -> dict[str, Any]:
    """What booted, and what the agent finds that it can do with the tc that comes first in PATH."""
    said = subprocess.run(["tc", "-V"], capture_output=True, text=True, check=True).stdout
    return {"kernel": platform.release(), "tc": said.strip(), "able": sorted(abilities())}


def prefer(folder: str) -> dict[str, Any]:
    """Look for programs in a folder first, from now on."""
    os.environ["PATH"] = f"{folder}:{os.environ['PATH']}"
    return facts()


OPERATIONS: dict[str, Callable[..., Any]] = {
    "facts": facts,
    "prefer": prefer,
    "measure": cases.measure_all,
    "verify": cases.verified,
    "passage": cases.passage,
    "survivors": cases.survivors,
    "sample": cases.sample,
    "sequence": cases.sequence,
    "changes": cases.changes,
    "read_back": cases.read_back,
    "diagnosis": cases.diagnosis,
    "trespass": cases.trespass,
    "hang": cases.hang,
}


if __name__ == "__main__":
    sys.exit(main())
