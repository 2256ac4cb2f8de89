"""An agent that stays for one lab, so that a question costs milliseconds, not a program's start."""

from __future__ import annotations

import json
import threading
from typing import Any

from lab.engine.base import Helper


class Attendant:
    """Holds `fabric.attend`. It ends when it is told to, and with this process, whatever ends that."""

    def __init__(self, helper: Helper) -> None:
        self._helper = helper
        self._pieces = helper.pieces()
        self._begun = b""
        self._lock = threading.Lock()

    def ask(self, document: dict[str, Any]) -> dict[str, Any] | None:
        """Have the agent do what a document says.

        Returns:
            Its answer, or None where it is gone.
        """
        with self._lock:
            self._helper.tell(json.dumps(document).encode() + b"\n")
            while b"\n" not in self._begun:
                try:
                    stream, piece = next(self._pieces, ("", b""))
                except OSError:
                    return None
                if not stream:
                    return None
                self._begun += piece if stream == "stdout" else b""
            line, _, self._begun = self._begun.partition(b"\n")
            answer: dict[str, Any] = json.loads(line)
            return answer

    def close(self) -> None:
        """Have it end, and wait until it has."""
        self._helper.stop()
        with self._lock:
            for _ in self._pieces:
                pass
