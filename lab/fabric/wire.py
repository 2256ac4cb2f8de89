"""The software wire: links with delay, jitter, loss and the rest, where the kernel has no netem.

One process carries the frames of a whole lab between ports, the fabric's ends of the nodes' veth pairs.
Somebody else has taken the ports off their bridge, turned their offloads and IPv6 off, and installed a TBF
where that keeps the rate. Standard library only, and nothing of the project: the package is copied into a
helper container and runs there by itself.

Running it:
    `python3 -m fabric.wire --control SOCKETPATH` reads one JSON document from stdin until its end (or from
    `--document FILE`), opens every port, prints one line,
    `{"ready": true, "lab": ..., "links": N, "ports": N, "pid": N}`, and carries
    frames until SIGTERM or SIGINT, then exits 0. A document that is wrong ends it with `{"ready": false,
    "error": ...}` and exit code 2, a port that cannot be opened with 3.

The document:
    {"lab": "lab", "seed": 1, "links": [
      {"name": "h1-hub", "shared": false,
       "ports": [{"node": "h1", "device": "vethA"}, {"node": "hub", "device": "vethB"}],
       "directions": [DIR, DIR],                      first: ports[0] to ports[1], second: back
       "mute": []},                                   optional: nodes whose frames are dropped
      {"name": "bus", "shared": true, "ports": [...], "directions": [DIR]}]}
    DIR: {"rate", "delay", "jitter", "loss", "duplicate", "corrupt", "reorder", "queue", "loss_correlation",
    "delay_correlation"}, all optional, in bit/s, seconds, shares from 0 to 1 and bytes; what they mean is
    told by `wire_settings.Settings`. With "rate": null, a TBF on the far port does the rate, and what it
    refuses is counted as `queue`. A shared link is a hub: one serialiser for all senders, and every frame
    goes to every port but the one that it came from.

Talking to it:
    One line of JSON to the UNIX socket SOCKETPATH (mode 0600), one line back, connection closed. From a
    shell: `python3 -m fabric.wire --ask SOCKETPATH`, request on stdin (or as `--request JSON`), answer on
    stdout, exit 1 for an error, 3 where no wire answers.
    {"op": "stats"}
      gives {"lab", "links": [{"name", "shared", "directions": [...], "ports": [...]}]}. A direction has
      received, sent (and _bytes), lost, duplicated, corrupted, reordered, dropped {reason: n}, in_flight,
      queued (and _bytes), settings; a port node, device, state (up, cut, gone: it is down, lost: it is no more),
      mute, received, sent (and _bytes).
    {"op": "set", "link": NAME, "direction": 0|1|null, "settings": {part of a DIR}}
      gives {"ok": true}. Holds from the next frame on; what waits for the serialiser is sent at the new rate.
    {"op": "carry", "links": [entries of the document]}
      gives {"ok": true}. Links that are new are carried beside the others. A link that is there takes the entry's
      settings, as by "set"; only if its ports are others now, it begins anew.
    {"op": "drop", "links": [NAME, ...]}
      gives {"ok": true}. They are carried no longer; what is on its way on them is gone. Others stay as they are.
    {"op": "mute", "link": NAME}
      gives {"ok": true}. What comes from its nodes is dropped until "carry" says otherwise; what is on its way goes on.
    {"op": "cut"|"heal", "link": NAME, "port": NODE|null}
      gives {"ok": true}. Cut, all that comes from that node, or is due to it, is dropped; null: every node.
    Anything else gives {"error": ...}.

Why a frame is dropped:
    queue: the serialiser's queue, or the TBF behind the port, was full.
    flight: as many bytes were on their way as are allowed (`wire_schedule.FLIGHT_LIMIT`).
    oversize: longer than the port's MTU; an offload was left on.
    runt: nothing behind the Ethernet header.
    socket: the kernel's receive buffer was full; the wire had no time to read.
    send: the kernel refused it for another reason.
    gone: the port is down or away.
    cut: as asked.
    Lost frames are not dropped ones. On a shared link, a frame that could not be sent counts once per port.

The same seed loses the same frames: chance depends on seed, link, direction and the number of the frame, on
nothing else.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import json
import os
import resource
import select
import signal
import socket
import sys
from pathlib import Path
from typing import Any

from .wire_control import Control, ask
from .wire_loop import Wire

DONE, FAILED, WRONG, LACKING = 0, 1, 2, 3
_FIRST = -20  # the nicest to oneself (setpriority(2))


def main() -> int:
    """Carry frames until told to stop, or ask a wire that does.

    Returns:
        The exit code.
    """
    parser = argparse.ArgumentParser(prog="wire", description="Carries a lab's frames as its links would.")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--control", metavar="SOCKETPATH", help="read a wiring document from stdin and listen here")
    what.add_argument("--ask", metavar="SOCKETPATH", help="send the request on stdin to a running wire")
    parser.add_argument("--document", metavar="FILE", help="with --control: read it from there instead")
    parser.add_argument("--request", metavar="JSON", help="with --ask: the request, instead of stdin")
    options = parser.parse_args()
    if options.ask:
        return _ask(options.ask, options.request or sys.stdin.read())
    return _carry(options.control, options.document)


def _ask(path: str, request: str) -> int:
    try:
        result = ask(path, request)
    except (OSError, ValueError) as error:
        _say({"error": f"no wire answers at {path}: {error}"})
        return LACKING
    _say(result)
    return FAILED if "error" in result else DONE


def _carry(path: str, document: str | None) -> int:
    with contextlib.ExitStack() as stack:
        try:
            _take_resources()
            wire = Wire(json.loads(Path(document).read_text(encoding="utf-8") if document else sys.stdin.read()))
            stack.callback(wire.close)
            stack.callback(Control(wire, path).close)
        except ValueError as error:
            _say({"ready": False, "error": str(error)})
            return WRONG
        except OSError as error:
            _say({"ready": False, "error": error.strerror or str(error)})
            return LACKING
        _run(wire)
    return DONE


def _run(wire: Wire) -> None:
    stop, told = socket.socketpair()
    with stop, told:
        told.setblocking(False)
        signal.set_wakeup_fd(told.fileno())  # a signal during select() would only make it wait on
        stopping: list[int] = []
        wire.watch(stop.fileno(), select.EPOLLIN, stopping.append)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: None)
        gc.freeze()
        gc.disable()  # frames make no cycles, and a collection would hold them up
        _say({"ready": True, "lab": wire.lab, **wire.size(), "pid": os.getpid()})
        while not stopping:
            wire.turn()
        wire.unwatch(stop.fileno())
        signal.set_wakeup_fd(-1)


def _take_resources() -> None:
    """Be allowed files for 500 ports and be woken on time; where this is refused, the wire works less exactly."""
    with contextlib.suppress(OSError, ValueError):
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    if (os.cpu_count() or 1) > 1:  # a busy wire leaves the others a core, and the kernel keeps 5 % of its own back
        try:
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
        except OSError:  # a container's control group has no share of real time where the kernel counts shares
            with contextlib.suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, 0, _FIRST)
    with contextlib.suppress(OSError):  # 50 us of slack, where real time was refused
        Path("/proc/self/timerslack_ns").write_text("1", encoding="ascii")


def _say(document: dict[str, Any]) -> None:
    print(json.dumps(document), flush=True)


if __name__ == "__main__":
    sys.exit(main())
