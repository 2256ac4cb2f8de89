"""The software wire's links: ports joined to channels, and the counters of both."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from .wire_schedule import ETHERNET_HEADER, NS, Channel, Dice
from .wire_settings import Settings, SettingsError
from .wire_sockets import Port

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

_LATEST = NS  # a frame that seems to have waited for longer was stamped before somebody set the clock
_STAMPED = 8  # frames of a batch: of more at once, it is how many that counts, and stamps cost a tenth of the speed
_BATCH = 64  # frames from one port, or out of one channel, before others have their turn


class LinkError(ValueError):
    """A link that cannot be made, or a request that it cannot carry out."""


class Link:
    """A link with its open ports and its channels: one per direction, or one for all of a shared medium."""

    def __init__(self, entry: Mapping[str, Any], seed: int) -> None:
        """Open the ports of one link of the document.

        Raises:
            LinkError: The entry does not fit together.
            SettingsError: A setting that no link can have.
            OSError: A port cannot be opened.
        """
        self.name = str(entry["name"])
        self.shared = bool(entry.get("shared", False))
        self.ports: list[Port] = []
        ends, directions = entry["ports"], entry["directions"]
        if (len(directions), min(len(ends), 3)) not in ({(1, 2), (1, 3)} if self.shared else {(2, 2)}):
            raise LinkError(f"link {self.name}: two ports and two directions, or, if shared, two or more and one")
        try:
            self.channels = [
                Channel(Settings().changed(direction), Dice(seed, self.name, number))
                for number, direction in enumerate(directions)
            ]
        except SettingsError as error:
            raise SettingsError(f"link {self.name}: {error}") from error
        for end in ends:
            self._open(end)
        self.silence(entry.get("mute", ()))

    def close(self) -> None:
        """Close every port; what is in flight is gone."""
        for port in self.ports:
            port.close()

    def read(self, port: Port) -> None:
        """Put what a port has heard, at most one batch of it, on the channel that it feeds.

        A frame is on the link from when the kernel got it, so that what the process took to be woken is no part of it.
        One that is due already does not wait for the rest of the batch.

        Raises:
            OSError: The port has gone away.
        """
        channel = port.feeds
        counters = channel.counters
        ahead = time.time_ns() - time.monotonic_ns()  # is the clock by which the kernel stamps frames
        for number in range(_BATCH):
            frame = port.receive()
            if frame is None:
                return
            counters.received += 1
            counters.received_bytes += len(frame)
            if port.cut or port.mute:
                counters.dropped["cut"] += 1
            elif len(frame) <= ETHERNET_HEADER:
                counters.dropped["runt"] += 1
            elif port.is_oversize(frame):
                counters.dropped["oversize"] += 1
            else:
                came = now = time.monotonic_ns()
                if number < _STAMPED and not now - _LATEST < (came := port.arrived() - ahead) < now:
                    came = now
                channel.offer(frame, port.number, came)
                if not channel.settings.delay:
                    self._pass_on(channel, now)

    def deliver(self) -> None:
        """Send what is due, at most one batch of each channel."""
        for channel in self.channels:
            self._pass_on(channel, time.monotonic_ns())

    def _pass_on(self, channel: Channel, now: int) -> None:
        for frame, source in channel.collect(now, _BATCH):
            self._send(channel, frame, source)

    def wake_at(self) -> int | None:
        """When to call `deliver` next (monotonic nanoseconds), or None where nothing is on its way."""
        wakes = [channel.wake_at() for channel in self.channels]
        return min((wake for wake in wakes if wake is not None), default=None)

    def change(self, direction: int | None, partial: Mapping[str, Any]) -> None:
        """Change settings of one direction, or of all, from now on.

        Raises:
            LinkError: No such direction.
            SettingsError: No such setting, or a value out of range; then nothing is changed.
        """
        if direction is not None and direction not in range(len(self.channels)):
            raise LinkError(f"link {self.name} has no direction {direction!r}")
        channels = self.channels if direction is None else [self.channels[direction]]
        changed = [channel.settings.changed(partial) for channel in channels]
        for channel, settings in zip(channels, changed, strict=True):
            channel.change(settings, time.monotonic_ns())

    def cut(self, node: str | None, *, cut: bool) -> None:
        """Cut one node's port, or all of them, or heal it. A cut port drops what comes and what is due.

        Raises:
            LinkError: No such node on this link.
        """
        ports = [port for port in self.ports if node is None or node == port.node]
        if not ports:
            raise LinkError(f"link {self.name} has no port of {node!r}")
        for port in ports:
            port.cut = cut

    def silence(self, nodes: Collection[str]) -> None:
        """Drop what comes from some nodes, and take what comes from the others; all hear as before."""
        for port in self.ports:
            port.mute = port.node in nodes

    def joins(self, entry: Mapping[str, Any]) -> bool:
        """Whether the link is between the ports that an entry of the document names, and these are what they were."""
        named = [(end["node"], end["device"]) for end in entry["ports"]]
        return named == [(port.node, port.device) for port in self.ports] and not any(
            port.is_stale() for port in self.ports
        )

    def stats(self) -> dict[str, Any]:
        """Every counter of the link."""
        for port in self.ports:
            port.feeds.counters.dropped["socket"] += port.kernel_drops()
        return {
            "name": self.name,
            "shared": self.shared,
            "directions": [channel.stats() for channel in self.channels],
            "ports": [port.stats() for port in self.ports],
        }

    def _open(self, end: Mapping[str, Any]) -> None:
        number = len(self.ports)
        feeds = self.channels[0 if self.shared else number]
        try:
            self.ports.append(Port(number, end["node"], end["device"], feeds))
        except OSError as error:
            self.close()
            message = f"link {self.name}: cannot open {end['node']}'s port {end['device']}"
            raise OSError(error.errno, f"{message}: {error.strerror or error}") from error

    def _send(self, channel: Channel, frame: bytes, source: int) -> None:
        """Send a frame to every port but its source; counted as sent once, but as dropped for each port."""
        counters = channel.counters
        sent = False
        for port in self.ports:
            if port.number != source:
                refused = port.send(frame)
                if refused:
                    counters.dropped[refused] += 1
                else:
                    sent = True
        if sent:
            counters.sent += 1
            counters.sent_bytes += len(frame)
