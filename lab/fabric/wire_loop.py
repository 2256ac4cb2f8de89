"""The software wire at work: reads every port, puts frames on their links, and sends them when they are due.

One thread, one loop. Each turn waits until a socket has something or a frame is due, then reads a bounded
batch from each port and delivers a bounded batch of each link, so that a flood on one port keeps nobody else
waiting.
"""

from __future__ import annotations

import errno
import heapq
import select
import time
from typing import TYPE_CHECKING, Any

from .wire_links import Link, LinkError
from .wire_schedule import NS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from .wire_sockets import Port

_EARLIEST = 100_000  # ns: a core that is idle takes 20 to 70 µs to wake up; longer is no idle core
_STEP_EARLIER, _STEP_LATER = 4_000, 500  # ns
_SLACK_BITS = 9  # a 512th


class Agenda:
    """Which link to look at when: a heap with one valid entry for each link that has something on its way."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, str]] = []  # time, name of the link
        self._planned: dict[str, int] = {}

    def plan(self, name: str, when: int) -> None:
        """Look at a link at a time, if it is not to be looked at earlier anyway."""
        planned = self._planned.get(name)
        if planned is None or when < planned:
            self._planned[name] = when
            heapq.heappush(self._heap, (when, name))

    def next(self) -> int | None:
        """The time of the next entry."""
        return self._heap[0][0] if self._heap else None

    def take(self, now: int) -> list[str]:
        """Take off the links whose time has come."""
        due = []
        while self._heap and self._heap[0][0] <= now:
            when, name = heapq.heappop(self._heap)
            if self._planned.get(name) == when:  # else an earlier entry has replaced it
                del self._planned[name]
                due.append(name)
        return due


class Wire:
    """All links of a lab, open."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        """Open every port.

        Raises:
            LinkError: The document is not a wiring document.
            SettingsError: A setting that no link can have.
            OSError: A port cannot be opened.
        """
        self._links: dict[str, Link] = {}
        self._agenda = Agenda()
        self._handlers: dict[int, Callable[[int], None]] = {}
        self._epoll = select.epoll()
        self._early = _EARLIEST // 2  # ns before a frame is due, that the wire has itself woken
        try:
            self.lab = str(document.get("lab", ""))
            self._seed = document.get("seed", 0)
            for entry in document["links"]:
                self._add(Link(entry, self._seed))
        except (KeyError, TypeError, AttributeError) as error:
            self.close()
            raise LinkError(f"the wiring document is malformed: {error!r}") from error
        except (OSError, ValueError):
            self.close()
            raise

    def close(self) -> None:
        """Close every port; what is in flight is gone."""
        for link in self._links.values():
            link.close()
        self._epoll.close()

    def size(self) -> dict[str, int]:
        """How many links and ports there are."""
        return {"links": len(self._links), "ports": sum(len(link.ports) for link in self._links.values())}

    def watch(self, fd: int, events: int, handler: Callable[[int], None]) -> None:
        """Call `handler(events)` when a file descriptor is ready. Watching it again replaces both."""
        if fd in self._handlers:
            self._epoll.modify(fd, events)
        else:
            self._epoll.register(fd, events)
        self._handlers[fd] = handler

    def unwatch(self, fd: int) -> None:
        """Stop watching a file descriptor."""
        if self._handlers.pop(fd, None):
            self._epoll.unregister(fd)

    def turn(self) -> None:
        """Wait for something to do and do one batch of it."""
        if self._sleep():
            for fd, events in self._epoll.poll(0):
                if handler := self._handlers.get(fd):  # a handler before it may have closed it
                    handler(events)
        for name in self._agenda.take(time.monotonic_ns()):
            if link := self._links.get(name):  # it may have been dropped since
                link.deliver()
                self._plan(link)

    def _sleep(self) -> bool:
        """Wait until a file descriptor is ready, or it is nearly time for what is due next; whether one is.

        The rest of the time is spent in turns that do not wait, for who sleeps until a frame is due is late with it.
        """
        when = self._agenda.next()
        if when is None:
            patience = None
        else:
            left = when - time.monotonic_ns()
            # Without real time, the kernel may be late by a thousandth of what select() was told (fs/select.c).
            patience = max(0, left - (left >> _SLACK_BITS) - self._early)
        # epoll waits in whole milliseconds, select() in microseconds, and an epoll object can be waited for.
        ready = bool(select.select([self._epoll], [], [], patience and patience / NS)[0])
        if when and patience and not ready:
            self._learn(late=time.monotonic_ns() > when)
        return ready

    def _learn(self, *, late: bool) -> None:
        """Wake up somewhat earlier where that was too late, and somewhat less early where it was not.

        Eight steps of one to one of the other: eight times out of nine it is early enough.
        """
        change = _STEP_EARLIER if late else -_STEP_LATER
        self._early = min(max(self._early + change, 0), _EARLIEST)

    def stats(self) -> dict[str, Any]:
        """Every counter of every link."""
        return {"lab": self.lab, "links": [link.stats() for link in self._links.values()]}

    def change(self, name: str, direction: int | None, settings: Mapping[str, Any]) -> None:
        """Change settings of a link, as `Link.change` does."""
        link = self.link(name)
        link.change(direction, settings)
        self._plan(link)

    def carry(self, entries: Sequence[Mapping[str, Any]]) -> None:
        """Carry some links as their entries of the document say, beside the others.

        What is on its way on a link that is carried already stays on its way, unless its ports are others now.

        Raises:
            LinkError, SettingsError: An entry is wrong; those before it are carried.
            OSError: A port cannot be opened.
        """
        for entry in entries:
            link = self._links.get(str(entry.get("name")))
            if link is None:
                self._add(Link(entry, self._seed))
            elif link.joins(entry):
                for number, settings in enumerate(entry["directions"]):
                    link.change(number, settings)
                link.silence(entry.get("mute", ()))
                self._plan(link)
            else:
                self._drop(link)
                self._add(Link(entry, self._seed))

    def drop(self, names: Sequence[str]) -> None:
        """Carry some links no longer; what is in flight on them is gone.

        Raises:
            LinkError: There is none of that name; then all stay.
        """
        for link in [self.link(name) for name in names]:
            self._drop(link)

    def _drop(self, link: Link) -> None:
        """Carry a link no longer; what is in flight on it is gone."""
        for port in link.ports:
            self.unwatch(port.fileno())
        link.close()
        del self._links[link.name]

    def link(self, name: str) -> Link:
        """One link.

        Raises:
            LinkError: There is none of that name.
        """
        if name not in self._links:
            raise LinkError(f"no link {name!r} on this wire")
        return self._links[name]

    def _add(self, link: Link) -> None:
        if link.name in self._links:
            link.close()
            raise LinkError(f"two links are called {link.name}")
        self._links[link.name] = link
        for port in link.ports:
            self.watch(port.fileno(), select.EPOLLIN, self._reader(link, port))

    def _reader(self, link: Link, port: Port) -> Callable[[int], None]:
        def read(_events: int) -> None:
            try:
                link.read(port)
            except OSError as error:
                if error.errno != errno.ENETDOWN:  # down may come up again; the rest is for ever
                    self.unwatch(port.fileno())
            self._plan(link)

        return read

    def _plan(self, link: Link) -> None:
        when = link.wake_at()
        if when is not None:
            self._agenda.plan(link.name, when)
