"""What a machine adds to a lab's media, from short messages that were measured beside whatever else is. Pure.

What they take beyond their own prediction is the machine's share. The conversation that is to be predicted has no part
in it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from lab.model import exchange
from lab.model.exchange import Exchange
from lab.model.passing import Machine, steps
from lab.model.plan import LabPlan
from lab.model.predict import TCP_HEADERS
from lab.model.tables import FIRST_FLIGHT, first_flight

HALVINGS = 40  # of a time of a minute, to a tenth of a nanosecond
STEPS, DIGITS = 20, 9  # from 0 to the longest time; of seconds: a nanosecond makes no difference


def sizes(plan: LabPlan, client: str, server: str, size: int) -> tuple[int, ...]:
    """How many bytes the short messages have that tell of the machine beside one of `size` bytes.

    One full segment, and, where the message has more than one, as many as it has, of those that TCP's first flight
    holds: how late the first is there depends on what comes behind it. Up to there none is just as long as the message,
    but for one of one segment, or of a whole first flight: what would be predicted then is what was measured.
    """
    way = steps(plan, client, server)
    rate, mtu = (min(getattr(step.settings, name) for step in way) for name in ("rate", "mtu"))
    segment = mtu - TCP_HEADERS
    burst = min(first_flight(rate, mtu) or FIRST_FLIGHT, size // segment + 1)
    return (segment, burst * segment) if burst > 1 and size > segment else (segment,)


def share(plan: LabPlan, client: str, server: str, measured: Mapping[int, Exchange]) -> Machine:
    """What the machine takes.

    It is what has to be added for the short messages to take what they took. A call, which a kernel answers, tells how
    much later a frame is that comes alone. Several segments tell how long the machine works at each, by how much longer
    they take than one; to wake up and work is no shorter than that. What is left of one segment, and of the first of
    several, is the client's program, of which the call has some already: it wakes up to hear the answer.

    Args:
        plan: the lab.
        client: who calls, and sends.
        server: who is called.
        measured: what each of the short messages took, by their `sizes`.
    """
    one, several = min(measured), max(measured)

    def took(size: int, added: Machine) -> Exchange:
        return exchange.over_tcp(plan, client, server, size, added)

    def behind(added: Machine) -> float:
        return took(several, added).whole - took(one, added).whole

    call, more = measured[one].connect, measured[several].whole - measured[one].whole
    link = _until(lambda link: took(one, Machine(link)).connect >= call, call)
    frame = _nearest(lambda frame: behind(Machine(link, frame)), more, link)
    working = Machine(link, frame)
    return replace(
        working,
        program=measured[one].whole - took(one, working).whole,
        first=measured[several].first_byte - took(several, working).first_byte,
    )


def _until(enough: Callable[[float], bool], most: float) -> float:
    """The longest time that is not enough; 0 where that is."""
    least = 0.0
    for _ in range(HALVINGS):
        middle = (least + most) / 2
        least, most = (least, middle) if enough(middle) else (middle, most)
    return least


def _nearest(outcome: Callable[[float], float], wanted: float, most: float) -> float:
    """The time, up to `most`, whose outcome is nearest; the shortest of those as near.

    Several can be, for a little more work may change the order of frames, and much is hidden behind a slow link.
    """
    best, step = most / 2, most / STEPS
    for _ in range(2):  # first among all, then around the best of them
        times = {min(max(0.0, best + step * number), most) for number in range(-STEPS // 2, STEPS // 2 + 1)}
        best = min(times, key=lambda time: (round(abs(outcome(time) - wanted), DIGITS), time))
        step /= STEPS / 2
    return best
