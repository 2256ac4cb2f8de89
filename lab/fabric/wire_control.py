"""The software wire's control socket: a line of JSON in, a line of JSON out, and the connection is closed.

It shares the wire's loop and never blocks it: a client that is slow to ask or slow to listen waits alone.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import socket
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .wire_loop import Wire

_MOST_CLIENTS = 32  # the one that has waited longest gives way
_LONGEST_REQUEST = 64 * 1024
OPS = "stats, set, carry, drop, mute, cut, heal"
_ASK_TIMEOUT = 10.0  # seconds


class Control:
    """The listening end, on a wire's loop."""

    def __init__(self, wire: Wire, path: str) -> None:
        """Listen at a path, in the place of what a dead wire may have left there.

        Raises:
            OSError: The path cannot be used.
        """
        self._wire = wire
        self._path = path
        self._clients: dict[int, _Client] = {}
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.setblocking(False)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)  # noqa: PTH108  a path is a string all the way here
        umask = os.umask(0o177)
        try:
            self._listener.bind(path)
        finally:
            os.umask(umask)
        self._listener.listen()
        wire.watch(self._listener.fileno(), select.EPOLLIN, self._accept)

    def close(self) -> None:
        """Stop listening and remove the socket."""
        for client in list(self._clients.values()):
            client.close()
        self._wire.unwatch(self._listener.fileno())
        self._listener.close()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._path)  # noqa: PTH108

    def _accept(self, _events: int) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError:  # it has hung up already
            return
        if len(self._clients) >= _MOST_CLIENTS:
            next(iter(self._clients.values())).close()
        _Client(self._wire, connection, self._clients)


class _Client:
    """One connection: reads up to the first newline, answers, closes."""

    def __init__(self, wire: Wire, connection: socket.socket, clients: dict[int, _Client]) -> None:
        connection.setblocking(False)
        self._wire = wire
        self._connection = connection
        self._fd = connection.fileno()
        self._clients = clients
        self._request = b""
        self._answer = memoryview(b"")
        clients[self._fd] = self
        wire.watch(self._fd, select.EPOLLIN, self._read)

    def close(self) -> None:
        self._wire.unwatch(self._fd)
        self._clients.pop(self._fd, None)
        self._connection.close()

    def _read(self, _events: int) -> None:
        try:
            part = self._connection.recv(_LONGEST_REQUEST)
        except BlockingIOError:
            return
        except OSError:
            self.close()
            return
        self._request += part
        if part and b"\n" not in part and len(self._request) <= _LONGEST_REQUEST:
            return
        line = self._request.partition(b"\n")[0]
        self._answer = memoryview(json.dumps(answer(self._wire, line)).encode() + b"\n")
        self._wire.watch(self._fd, select.EPOLLOUT, self._write)

    def _write(self, _events: int) -> None:
        try:
            self._answer = self._answer[self._connection.send(self._answer) :]
        except BlockingIOError:
            return
        except OSError:
            self.close()
            return
        if not self._answer:
            self.close()


def answer(wire: Wire, line: bytes) -> dict[str, Any]:
    """Carry out one request.

    Returns:
        What was asked for, `{"ok": true}`, or `{"error": ...}`.
    """
    try:
        return _carry_out(wire, json.loads(line))
    except (RecursionError, TypeError, ValueError) as error:
        return {"error": str(error)}
    except (AttributeError, KeyError) as error:
        return {"error": f"the request is malformed: {error!r}"}
    except OSError as error:  # a port that cannot be opened
        return {"error": error.strerror or str(error)}


def _carry_out(wire: Wire, request: Any) -> dict[str, Any]:
    match request:
        case {"op": "stats"}:
            return wire.stats()
        case {"op": "set", "link": str(name), "settings": dict(settings)}:
            wire.change(name, request.get("direction"), settings)
        case {"op": "carry", "links": list(entries)}:
            wire.carry(entries)
        case {"op": "drop", "links": list(names)}:
            wire.drop(names)
        case {"op": "mute", "link": str(name)}:
            wire.link(name).silence([port.node for port in wire.link(name).ports])
        case {"op": "cut" | "heal" as op, "link": str(name)}:
            wire.link(name).cut(request.get("port"), cut=op == "cut")
        case {"op": str(op)}:
            return {"error": f"unknown request {op!r}, or not with what it needs: {OPS}"}
        case _:
            return {"error": f"a request is a JSON object with an op: {OPS}"}
    return {"ok": True}


def ask(path: str, request: str) -> dict[str, Any]:
    """Send one request to a running wire and wait for its answer.

    Raises:
        OSError: No wire answers there.
        ValueError: What answered was not a whole answer.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(_ASK_TIMEOUT)
        connection.connect(path)
        connection.sendall(" ".join(request.splitlines()).encode() + b"\n")
        with connection.makefile("rb") as lines:
            result: dict[str, Any] = json.loads(lines.readline())
            return result
