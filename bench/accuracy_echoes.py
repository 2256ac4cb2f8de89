"""The instruments of `lab.observe`, with round trips to the microsecond.

ping(8) says each time to three digits, so from 100 ms on to a millisecond, which is as much as a link may be wrong. Its
summary has microseconds; so each echo is a ping of its own here.
"""

from __future__ import annotations

import re

from lab.model import predict
from lab.observe.measure import ECHO_PAYLOAD, Instruments
from lab.observe.programs import Way

# In turn, and none waits for the one before it: on a link of 600 ms all are on their way before the first is back.
SCRIPT = (
    'count=$1 pause=$2; shift 2; while [ "$count" -gt 0 ]; do "$@" & count=$((count - 1)); sleep "$pause"; done; wait'
)
SUMMARY = re.compile(r"^rtt min/avg/max/mdev = ([0-9.]+)/", re.MULTILINE)


class FineInstruments(Instruments):
    """Measures round trips to the microsecond."""

    def echoes(self, way: Way, count: int, interval: float) -> list[float]:
        """As `Instruments.echoes`."""
        patience = 2 * predict.echo((way.settings,), (way.back,), ECHO_PAYLOAD) + 2
        ping = ["ping", "-n", "-c", "1", "-W", f"{patience:.2f}", "-s", str(ECHO_PAYLOAD), "-I", way.source, way.target]
        argv = ["sh", "-c", SCRIPT, "sh", str(count), f"{interval:.3f}", *ping]
        program = self.start(way, way.sender, argv, count * (interval + 1) + patience)
        try:
            _, text, _ = program.ended()
        finally:
            self.finish(program)
        return [float(found) / 1e3 for found in SUMMARY.findall(text)]
