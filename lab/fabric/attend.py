"""The agent as a program that stays: one document after the other, an answer to each, as long as somebody asks.

    python3 -m fabric.attend

Each line of stdin is a document as the agent reads it (`lab.model.wiring`), each line of stdout its answer. One more
`op` is known here: {"op": "ask", "socket": PATH, "request": {…}} passes a request on to a software wire, whose answer
comes in `answer`, null where none answers. The end of stdin is the end of the program: it does not outlive its caller.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from . import agent
from .wire_control import ask


def main() -> int:
    """Answer until nobody asks any more."""
    for line in sys.stdin:
        print(json.dumps(_answer(json.loads(line))), flush=True)
    return 0


def _answer(document: dict[str, Any]) -> dict[str, Any]:
    if document["op"] != "ask":
        return agent.answer(document)
    try:
        return {"ok": True, "answer": ask(document["socket"], json.dumps(document["request"]))}
    except (OSError, ValueError):
        return {"ok": True, "answer": None}


if __name__ == "__main__":
    sys.exit(main())
