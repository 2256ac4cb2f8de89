"""Proves that packets pass: echo requests (RFC 792) from several namespaces at once, each awaited."""

from __future__ import annotations

import selectors
import socket
import struct
import time
from dataclasses import dataclass
from typing import Any

from .namespaces import inside

ECHO_REPLY, ECHO_REQUEST = 0, 8
AGAIN_AFTER = 0.25  # seconds; a first packet may meet a bridge port that does not forward yet


@dataclass(slots=True)
class _Waiting:
    handle: socket.socket
    number: int
    probe: dict[str, str]


def run(probes: list[dict[str, str]], namespaces: dict[str, str], patience: float = 3.0) -> list[dict[str, str]]:
    """Send every probe until it is answered.

    Args:
        probes: as in the wiring document: `from` (a node), `to` (an address), `why`.
        namespaces: by node.
        patience: seconds after which a probe has failed.

    Returns:
        The probes that were not answered.
    """
    waiting: dict[socket.socket, _Waiting] = {}
    with selectors.DefaultSelector() as selector:
        try:
            for number, probe in enumerate(probes):
                with inside(namespaces[probe["from"]]):
                    handle = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
                handle.setblocking(False)
                waiting[handle] = _Waiting(handle, number, probe)
                selector.register(handle, selectors.EVENT_READ)
            _await(waiting, selector, time.monotonic() + patience)
            return [entry.probe for entry in waiting.values()]
        finally:
            for key in list(selector.get_map().values()):
                _close(key.fileobj)


def _await(waiting: dict[socket.socket, _Waiting], selector: selectors.BaseSelector, deadline: float) -> None:
    while waiting and time.monotonic() < deadline:
        for entry in waiting.values():
            _send(entry)
        again = time.monotonic() + AGAIN_AFTER
        while waiting and (left := again - time.monotonic()) > 0:
            for key, _ in selector.select(left):
                handle = key.fileobj
                if isinstance(handle, socket.socket) and handle in waiting and _answered(waiting[handle]):
                    del waiting[handle]


def _send(entry: _Waiting) -> None:
    body = struct.pack("!BBHHH", ECHO_REQUEST, 0, 0, entry.number & 0xFFFF, entry.number >> 16)
    request = body[:2] + struct.pack("!H", _checksum(body)) + body[4:]
    try:
        entry.handle.sendto(request, (entry.probe["to"], 0))
    except OSError:
        return  # no route, or refused here: it stays unanswered, and that is the finding


def _answered(entry: _Waiting) -> bool:
    while True:
        try:
            packet = entry.handle.recv(256)
        except OSError:
            return False
        header = (packet[0] & 15) * 4
        kind, _, _, low, high = struct.unpack_from("!BBHHH", packet, header)
        if kind == ECHO_REPLY and low | high << 16 == entry.number:
            return True


def _checksum(body: bytes) -> int:
    """The ones' complement sum of RFC 1071."""
    total: int = sum(struct.unpack(f"!{len(body) // 2}H", body))
    while total > 0xFFFF:  # noqa: PLR2004 - carry into 16 bits
        total = (total >> 16) + (total & 0xFFFF)
    return ~total & 0xFFFF


def _close(handle: Any) -> None:
    handle.close()
