"""What a machine adds to a lab's media, from short messages that were measured beside whatever else is. Pure.

What they take beyond their own prediction is the machine's share. The conversation that is to be predicted has no part
in it.
"""

from __future__ import annotations

from collections.abc import Mapping

from lab.model import exchange
from lab.model.exchange import Exchange
from lab.model.passing import Machine, steps
from lab.model.plan import LabPlan
from lab.model.predict import FIRST_FLIGHT, TCP_HEADERS, frame_time
from lab.model.tables import first_flight


def sizes(plan: LabPlan, client: str, server: str, size: int) -> tuple[int, ...]:
    """How many bytes the short messages have that tell of the machine beside one of `size` bytes.

    One full segment, and, where the message has more than one, as many as it has, of those that TCP's first flight
    holds: how late the first is heard depends on what comes behind it. Up to there none is just as long as the message,
    but for one of one segment, or of a whole first flight: what would be predicted then is what was measured.
    """
    way = steps(plan, client, server)
    rate, mtu = (min(getattr(step.settings, name) for step in way) for name in ("rate", "mtu"))
    segment = mtu - TCP_HEADERS
    burst = min(first_flight(rate, mtu) or FIRST_FLIGHT, size // segment + 1)
    return (segment, burst * segment) if burst > 1 and size > segment else (segment,)


def share(plan: LabPlan, client: str, server: str, measured: Mapping[int, Exchange]) -> Machine:
    """What the machine takes.

    A call is answered by a kernel: what it takes too long is its frames' on their links, with the waking of one
    program. One segment tells what a program takes, and several tell for how much longer each keeps a link busy, and
    how soon the first of them is heard.

    Args:
        plan: the lab.
        client: who calls, and sends.
        server: who is called.
        measured: what each of the short messages took, by their `sizes`.
    """
    way, back = steps(plan, client, server), steps(plan, server, client)
    beyond = [_beyond(took, exchange.over_tcp(plan, client, server, size)) for size, took in sorted(measured.items())]
    link = beyond[0].connect / (len(way) + len(back))
    on_links = beyond[0].connect + link * len(way)
    one, several = beyond[0], beyond[-1]
    more = max(measured) // min(measured) - 1  # segments behind the first
    shortest = min(frame_time(step.settings, step.settings.mtu) for step in way)  # no link takes less than nothing
    frame = max((several.whole - one.whole) / more, -shortest) if more else 0.0
    return Machine(link, frame, one.whole - on_links, several.first_byte - on_links)


def _beyond(took: Exchange, alone: Exchange) -> Exchange:
    """How much longer each step took than it does alone."""
    return Exchange(took.connect - alone.connect, took.first_byte - alone.first_byte, took.whole - alone.whole)
