"""How long a conversation over TCP takes where nothing is lost, worked out frame by frame. Pure; nothing is measured.

A message goes from a client to a server: the handshake, then the segments, as many at once as TCP's window allows, and
one more for each that was acknowledged (slow start, RFC 5681, 3.1). How frames pass the links: `passing`. What the
machine itself takes is added where it is known (`machine`).

Left out: loss, and with it everything that TCP does about it; chance, of which the mean is taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lab.model import predict
from lab.model.passing import NO_TIME, OPENING, Machine, Passing, Step, steps
from lab.model.plan import LabPlan
from lab.model.predict import TCP_HEADERS
from lab.model.tables import FIRST_FLIGHT, first_flight

FIRST_TIMEOUT_SECONDS = 1.0  # RFC 6298, 2.1: an opening that is not answered by then is sent again
QUICK_ACKS = 16  # segments at the beginning that Linux acknowledges one by one (net/ipv4/tcp_input.c)
SHORTEST_TIMEOUT_SECONDS = 0.2  # Linux's TCP_RTO_MIN
SHORTEST_PROBE_SECONDS = 0.008  # two of the kernel's ticks (TCP_TIMEOUT_MIN), of which it has 250 in a second
LONGEST_ACK_DELAY_SECONDS = 0.04  # Linux's TCP_DELACK_MIN, else


@dataclass(frozen=True, slots=True)
class Exchange:
    """What a conversation takes, in seconds from the client's first segment on.

    Attributes:
        connect: until the server's answer is back.
        first_byte: until the first of the message's bytes is with the server.
        whole: until the last of them is.
        repeated: segments that are sent again because no answer could be there in time.
        sure: whether this is what happens. Not so where a link's queue has no room for what waits, or TCP's time-out
            comes before an answer can: what it does then is not worked out here.
    """

    connect: float
    first_byte: float
    whole: float
    repeated: int = 0
    sure: bool = True


def over_tcp(plan: LabPlan, client: str, server: str, size: int, machine: Machine = NO_TIME) -> Exchange:
    """What it takes to connect, and to bring a message of `size` bytes from one node to another.

    Args:
        plan: the lab.
        client: who calls, and sends.
        server: who is called.
        size: bytes of the message, 1 or more.
        machine: what the machine adds to the media.
    """
    return _Conversation(steps(plan, client, server), steps(plan, server, client), size, machine).hold()


class _Timer:
    """How long TCP waits for an answer, from how long answers took (RFC 6298, with Linux's shortest of 200 ms)."""

    def __init__(self) -> None:
        self._mean = self._variation = 0.0
        self._number = 0

    def heed(self, sample: float) -> None:
        """Learn how long an answer took."""
        if not self._mean:
            self._mean, self._variation = sample, sample / 2
            return
        error = sample - self._mean
        self._mean += error / 8
        self._variation += (abs(error) - self._variation) / 4

    @property
    def time_out(self) -> float:
        """After how long a segment counts as lost."""
        return self._mean + max(4 * self._variation, SHORTEST_TIMEOUT_SECONDS)

    def probe(self, in_flight: int) -> float:
        """After how long a probe is sent; a single segment's acknowledgement may be held back."""
        held_back = SHORTEST_TIMEOUT_SECONDS if in_flight == 1 else 0.0
        return max(min(2 * self._mean + held_back, self.time_out), SHORTEST_PROBE_SECONDS)

    def start(self) -> int:
        """Start once more; returns the number of this time."""
        self._number += 1
        return self._number

    def runs(self, number: int) -> bool:
        """Whether it was not started again since."""
        return number == self._number


class _Conversation:
    """One conversation, as a queue of what happens when."""

    def __init__(self, way: Sequence[Step], back: Sequence[Step], size: int, machine: Machine) -> None:
        self._way, self._back = way, back
        self._machine = machine
        self._passing = Passing(machine)
        self._at, self._send = self._passing.at, self._passing.send
        rate, mtu = (min(getattr(step.settings, name) for step in way) for name in ("rate", "mtu"))
        whole, rest = divmod(size, mtu - TCP_HEADERS)
        self._segments = [mtu] * whole + ([rest + TCP_HEADERS] if rest else [])
        self._window = first_flight(rate, mtu) or FIRST_FLIGHT
        self._sent_at: list[float] = []
        self._sent = self._acknowledged = self._arrived = self._told = 0
        self._connected = self._first = self._last = 0.0
        self._repeated = 0
        self._sure = True
        self._timer = _Timer()

    def hold(self) -> Exchange:
        """Let everything happen in its order."""
        self._open(0.0)
        self._passing.run()
        first = self._first + self._machine.first
        last = max(first, self._last + self._machine.program)  # no message is whole before its first byte
        return Exchange(self._connected, first, last, self._repeated, self._sure and self._passing.roomy)

    def _open(self, time: float, patience: float = FIRST_TIMEOUT_SECONDS) -> None:
        """The client calls; where no answer is there in time, it calls again, and waits twice as long."""
        self._send(time, self._way, OPENING, lambda now: self._send(now, self._back, OPENING, self._be_connected))
        self._at(time + patience, lambda now: self._open_again(now, 2 * patience))

    def _open_again(self, time: float, patience: float) -> None:
        if not self._connected:
            self._repeated += 1
            self._open(time, patience)

    def _be_connected(self, time: float) -> None:
        """The answer is back: it is acknowledged, and the first flight follows."""
        if self._connected:
            return
        self._connected = time
        self._timer.heed(time)
        self._send(time, self._way, TCP_HEADERS, lambda _: None)
        self._fill_window(time)

    def _fill_window(self, time: float) -> None:
        while self._sent < len(self._segments) and self._sent - self._acknowledged < self._window:
            self._send_next(time)
        self._watch(time)

    def _send_next(self, time: float) -> None:
        self._send(time, self._way, self._segments[self._sent], self._take)
        self._sent_at.append(time)
        self._sent += 1

    def _watch(self, time: float) -> None:
        """Where no answer comes for long, one more segment is sent to ask for one (RFC 8985, 7)."""
        in_flight = self._sent - self._acknowledged
        number = self._timer.start()
        if in_flight:
            self._at(time + self._timer.probe(in_flight), lambda now: self._probe(now, number))

    def _probe(self, time: float, number: int) -> None:
        if not self._timer.runs(number):
            return
        if self._sent < len(self._segments):
            self._send_next(time)
        else:
            self._repeated += 1
            self._send(time, self._way, self._segments[-1], lambda _: None)
        self._at(time + self._timer.time_out, lambda _: self._give_up(number))

    def _give_up(self, number: int) -> None:
        self._sure = self._sure and not self._timer.runs(number)

    def _take(self, time: float) -> None:
        """A segment is with the server, which acknowledges it: at first each, then two, or one that stays alone."""
        self._arrived += 1
        self._first = self._first or time
        self._last = time
        count = self._arrived
        if count <= QUICK_ACKS or count - self._told >= predict.SEGMENTS_PER_ACK:
            self._tell(time, count)
        else:
            self._at(time + LONGEST_ACK_DELAY_SECONDS, lambda now: self._tell(now, count))

    def _tell(self, time: float, count: int) -> None:
        if count > self._told:
            self._told = count
            self._send(time, self._back, TCP_HEADERS, lambda now: self._hear(now, count))

    def _hear(self, time: float, count: int) -> None:
        """The client learns what has arrived; its window grows by as much."""
        self._timer.heed(time - self._sent_at[count - 1])
        self._window += count - self._acknowledged
        self._acknowledged = count
        self._fill_window(time)
