"""What passes on every link while one looks on: rates, queues and what does not arrive, from one look to the next."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from threading import Event

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from lab.lab import Lab, Status
from lab.model.readback import Figures
from lab.model.units import say_rate, say_size
from lab.observe.report import link_state, live_figures

BITS = 8


@dataclass(frozen=True, slots=True)
class Flow:
    """One direction of a link between two looks.

    Attributes:
        link: its name.
        way: `h1 → hub`; `all` on a shared link.
        rate: bit/s that left the link's queue; None at the first look, or where the link was set up anew.
        declared: bit/s; None where nothing limits it.
        backlog: bytes that wait.
        gone: frames that did not arrive, by reason, since the look before.
        state: as `status` has it.
    """

    link: str
    way: str
    rate: float | None
    declared: float | None
    backlog: int
    gone: dict[str, int]
    state: str

    @property
    def busy(self) -> float:
        """The share of the rate that is in use."""
        return self.rate / self.declared if self.rate and self.declared else 0.0


def watch(lab: Lab, interval: float, looks: int = 0) -> Iterator[list[Flow]]:
    """Look at a lab again and again.

    Args:
        lab: the lab.
        interval: seconds from one look to the next.
        looks: how many; 0: until the caller has seen enough.

    Raises:
        EngineError: the lab went down.
    """
    lab.engine.attend(lab.name)
    before: dict[tuple[str, int], Figures] = {}
    then, pause, count = time.monotonic(), Event(), 0
    while True:
        status = lab.status()
        now = time.monotonic()
        figures = {
            (link.name, way): each for link in status.plan.links for way, each in enumerate(live_figures(status, link))
        }
        yield [_flow(status, key, each, before.get(key), now - then) for key, each in figures.items()]
        before, then = figures, now
        count += 1
        if count == looks:
            return
        pause.wait(max(0.0, interval - (time.monotonic() - now)))


def _flow(status: Status, key: tuple[str, int], now: Figures, before: Figures | None, seconds: float) -> Flow:
    name, number = key
    link = status.plan.link(name)
    first, second = link.link.ends[0], link.link.ends[-1]
    way = "all" if link.link.shared else f"{first} → {second}" if number == 0 else f"{second} → {first}"
    same = before is not None and before.sent_bytes <= now.sent_bytes
    then = before if before is not None and same else now
    rate = (now.sent_bytes - then.sent_bytes) * BITS / seconds if same and seconds else None
    gone = {reason: count - then.gone.get(reason, 0) for reason, count in now.gone.items()}
    lost = {reason: count for reason, count in gone.items() if count > 0}
    return Flow(name, way, rate, now.rate, now.backlog, lost, link_state(status, link))


def table(name: str, flows: list[Flow]) -> RenderableType:
    """A row for each direction."""
    made = Table(title=f"lab {name}", title_justify="left", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for head in ("link", "direction", "rate now", "of", "busy", "waits", "did not arrive", "state"):
        made.add_column(head, justify="right" if head in ("rate now", "of", "busy", "waits") else "left", no_wrap=True)
    for flow in flows:
        made.add_row(*_cells(flow))
    return made


def _cells(flow: Flow) -> tuple[Text | str, ...]:
    style = "bold red" if flow.gone else "green" if flow.rate else "dim"
    return (
        flow.link,
        flow.way,
        Text("-" if flow.rate is None else say_rate(round(flow.rate)), style=style),
        say_rate(flow.declared) if flow.declared else "no limit",
        f"{flow.busy:.0%}",
        say_size(flow.backlog),
        ", ".join(f"{reason} {count}" for reason, count in flow.gone.items()) or "-",
        Text(flow.state, style="" if flow.state == "up" else "bold red"),
    )


def lines(flows: list[Flow]) -> Iterator[str]:
    """A line for each direction that carries or loses something, where nobody sits at a terminal."""
    for flow in flows:
        if flow.rate or flow.gone or flow.state != "up":
            gone = ", ".join(f"{reason} {count}" for reason, count in flow.gone.items())
            rate = "-" if flow.rate is None else say_rate(round(flow.rate))
            yield f"{flow.link} {flow.way}: {rate}, {say_size(flow.backlog)} wait" + (f", {gone}" if gone else "")
