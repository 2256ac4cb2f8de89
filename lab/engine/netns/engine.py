"""`NetnsEngine`: what `lab.engine.base.Engine` asks, by Linux namespaces and the programs of the host."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any, NoReturn

from lab.engine import archive, stream
from lab.engine.attendant import Attendant
from lab.engine.base import EngineFacts, LabRecord, Say, unheard
from lab.engine.netns import claims, commands, folder, limits, marks, order, wire
from lab.engine.netns.folder import Folder
from lab.engine.netns.process import PIECE, NetnsProcess
from lab.engine.netns.root import LOG
from lab.engine.owner import Owner
from lab.errors import EngineError, PoolError
from lab.model.plan import NAME, LabPlan
from lab.model.units import counted

BIRTH_SECONDS = 120


# What the caller has open, a node could follow out (/proc/self/fd/N/..): pty.spawn closes nothing.
OWN_TERMINAL = """\
import os, pty, sys
os.closerange(3, os.sysconf("SC_OPEN_MAX"))
sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))
"""


class NetnsEngine:
    """Makes labs of this machine's own namespaces. Needs root."""

    name = marks.ENGINE

    def __init__(self) -> None:
        self._attendants: dict[str, Attendant] = {}

    def facts(self) -> EngineFacts:
        """The kernel's version; it is all that the engine is made of."""
        commands.check_machine()
        return EngineFacts(self.name, commands.kernel())

    def labs(self) -> dict[str, LabRecord]:
        """Every lab that has a folder or a process."""
        found: dict[str, list[marks.Found]] = {name: [] for name in folder.names()}
        for process in marks.processes():
            if NAME.fullmatch(process.lab):
                found.setdefault(process.lab, []).append(process)
        return {name: _record(name, processes) for name, processes in found.items()}

    def knows(self, name: str) -> bool:  # noqa: ARG002 - the same for all
        """Leave it to the claim, which takes no longer than a look."""
        return True

    def taken(self) -> list[IPv4Network]:
        """The blocks of the labs that are there; they would not collide, but be mistaken for one another."""
        described = (Folder(name).description() for name in folder.names())
        return [each.block for each in described if each]

    def prepare(self, say: Say) -> str:  # noqa: ARG002 - there is nothing to say
        """Nodes run the host's programs; that they can be had is all there is to see to."""
        commands.check_machine()
        return "the host's own programs"

    @contextmanager
    def claim(
        self,
        name: str,
        doing: str,  # noqa: ARG002 - a lock cannot tell
        say: Say = unheard,
        *,
        patience: float = 0.0,
    ) -> Iterator[bool]:
        """Hold a lock. What one who was killed left running is known by its environment: nothing turns up later."""
        with claims.claim(folder.STATE, name, say, patience):
            yield False

    def create(self, plan: LabPlan, say: Say, owner: Owner | None = None) -> None:
        """Make the fabric, all nodes at once, and the cables between them."""
        commands.check_machine()
        if plan.spec.image:
            what = "the embedded engine has no images: its nodes run the host's programs"
            raise EngineError(what, where=plan.spec.image, remedy="--engine docker")
        place = Folder(plan.name)
        say(f"making {counted(len(plan.nodes), 'node')} and {counted(len(plan.links), 'link')}")

        def take_back() -> None:
            say("removing what was made")
            _remove(place)

        with place.made(take_back):
            with claims.alone_with_blocks(folder.STATE):
                _check_block(plan, self.taken())
                place.describe(plan, order.bridges(plan), owner.to_json() if owner else "")
            self._make(plan, place)

    def _make(self, plan: LabPlan, place: Folder) -> None:
        limits.make(plan.name, [node.name for node in plan.nodes])
        _raise_error(self._run(plan.name, commands.module("lab.engine.netns.birth"), order.birth(plan, place.path)))
        lay = commands.in_fabric(
            _there(place.fabric(), plan.name, "the fabric"), commands.module("lab.fabric.cables", "-")
        )
        keepers = {node.name: _there(place.node(node.name), plan.name, node.name) for node in plan.nodes}
        _raise_error(self._run(plan.name, lay, order.cables(plan, keepers)))

    def revive(self, name: str, nodes: Sequence[str]) -> bool:  # noqa: ARG002 - there is nothing left of them
        """A node whose processes ended is gone with its namespaces."""
        return False

    def remove(self, name: str, *, abandoned: bool = False) -> int:  # noqa: ARG002 - nothing turns up later
        """End a lab's processes, with which its namespaces and cables go, and remove its folder."""
        if attendant := self._attendants.pop(name, None):
            attendant.close()
        return _remove(Folder(name))

    def agent(self, name: str, document: dict[str, Any]) -> dict[str, Any]:
        """Run the agent in the fabric's network namespace."""
        place = Folder(name)
        fabric = place.fabric()
        process_of = place.nodes()
        for node in document["nodes"]:
            node["namespace"] = f"/proc/{process_of.get(node['name'], 'gone')}/ns/net"
        document["wire_socket"] = wire.socket_of(place)
        answer = self._attendants[name].ask(document) if name in self._attendants else None
        if answer is None:
            self._attendants.pop(name, None)
            agent = commands.module("lab.fabric.agent", "-")
            answer = self._run(name, commands.in_fabric(_there(fabric, name, "the fabric"), agent), document)
        _raise_error(answer)
        return answer

    @staticmethod
    def _run(name: str, argv: Sequence[str], document: dict[str, Any]) -> dict[str, Any]:
        """Run a helper that takes a JSON document and prints one."""
        try:
            done = subprocess.run(
                argv,
                input=json.dumps(document),
                capture_output=True,
                text=True,
                check=False,
                timeout=BIRTH_SECONDS,
                env=commands.helper_environment(name, marks.HELPER),
                cwd="/",
                start_new_session=True,  # what it leaves behind shall not hear our Ctrl-C
            )
        except subprocess.TimeoutExpired:
            raise EngineError(f"{argv[-1]} took more than {BIRTH_SECONDS} s", where=name) from None
        if not done.stdout:
            said = done.stderr.strip()[-400:]
            raise EngineError(f"a helper failed with status {done.returncode}: {said}", where=name)
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    def attend(self, name: str) -> None:
        """Start an agent in the fabric's network namespace, and hold its pipes."""
        if name not in self._attendants:
            fabric = _there(Folder(name).fabric(), name, "the fabric")
            argv = commands.in_fabric(fabric, commands.module("lab.fabric.attend"))
            helper = NetnsProcess(argv, commands.helper_environment(name, marks.HELPER))
            self._attendants[name] = Attendant(helper)

    def start_tap(self, name: str, document: dict[str, Any]) -> NetnsProcess:
        """Start the tap in the fabric's network namespace."""
        place = Folder(name)
        for node in document["nodes"]:
            node["namespace"] = f"/proc/{_there(place.node(node['name']), name, node['name'])}/ns/net"
        argv = commands.in_fabric(_there(place.fabric(), name, "the fabric"), commands.module("lab.fabric.tap"))
        tap = NetnsProcess(argv, commands.helper_environment(name, marks.HELPER))
        tap.tell(json.dumps(document).encode() + b"\n")
        return tap

    def start(self, name: str, node: str, argv: Sequence[str], env: Mapping[str, str] | None = None) -> NetnsProcess:
        """Start a program under the supervisor, which logs what it says and ends it when we go away."""
        program = self._on_node(name, node, commands.supervised(argv), env)
        return NetnsProcess(program, commands.plain_environment())

    def serve(self, name: str, node: str, service: str, say: Say) -> NoReturn:
        """Refuse: see `beside`."""
        del say
        self.beside(name, node, service)

    def beside(self, name: str, node: str, service: str) -> NoReturn:
        """Refuse: this engine's nodes have the machine's own programs, and there are no images.

        Raises:
            EngineError: always.
        """
        what = f"the embedded engine has no image of {service!r} to put beside {node}"
        raise EngineError(what, where=name, remedy="services need Docker: ./inv up --engine docker, and another --name")

    def _on_node(self, name: str, node: str, argv: Sequence[str], env: Mapping[str, str] | None = None) -> list[str]:
        keeper = _there(Folder(name).node(node), name, node)
        return commands.on_node(name, node, keeper, argv, env)

    def shell(self, name: str, node: str, argv: Sequence[str]) -> list[str]:
        """nsenter(1) into the node, on a terminal of its own: into the caller's, a node could type (TIOCSTI)."""
        return [sys.executable, "-c", OWN_TERMINAL, *self._on_node(name, node, argv, order.terminal())]

    def put(self, name: str, node: str, source: Path, target: str) -> None:
        """Copy a file, owned by root, with its permissions.

        It is done by a program on the node, for a node's links lead elsewhere when they are followed on the host. It
        gets the content by a pipe: the file itself could be opened once more by any program there, to write.
        """
        place, given = archive.target_of(source, target)
        path = f"{place}/{given}"
        mode = f"{source.stat().st_mode & 0o777:o}"
        copy = ["install", f"--mode={mode}", "--no-target-directory", "--", "/dev/stdin", path]
        argv = self._on_node(name, node, copy)
        done = subprocess.run(argv, input=source.read_bytes(), capture_output=True, check=False)
        if done.returncode:
            remedy = f"does {place} exist there? ./inv exec {node} 'ls -ld {place}'"
            said = done.stderr.decode(errors="replace").strip()
            raise EngineError(said or "could not copy", where=f"{name}-{node}", remedy=remedy)

    def get(self, name: str, node: str, source: str) -> bytes:
        """Read a file, by a program on the node, for the same reason."""
        argv = self._on_node(name, node, ["cat", "--", source])
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, check=False)
        if done.returncode:
            remedy = f"what is there? ./inv exec {node} 'ls -l {source}' --name {name}"
            said = done.stderr.decode(errors="replace").strip()
            raise EngineError(said or "could not read", where=f"{name}-{node}", remedy=remedy)
        return done.stdout

    def logs(self, name: str, node: str, *, follow: bool) -> Iterator[str]:
        """What the supervisor wrote down."""
        tail = ["tail", "--lines=+1", *(["--follow=name", "--sleep-interval=0.2"] if follow else []), LOG]
        argv = self._on_node(name, node, tail)
        with subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # not the caller's: on that terminal, the whole node could write and read
            start_new_session=True,
        ) as reader:
            try:
                made = stream.Lines("replace")
                while reader.stdout and (piece := os.read(reader.stdout.fileno(), PIECE)):
                    yield from made.feed(piece)
                yield from made.feed(b"", final=True)
            finally:
                _stop_reader(reader)

    def start_wire(self, name: str, document: dict[str, Any]) -> None:
        """Start, or replace, the lab's one wire process.

        Raises:
            EngineError: it did not get ready; with what it said.
        """
        place = Folder(name)
        wire.start(place, _there(place.fabric(), name, "the fabric"), document)

    def ask_wire(self, name: str, request: dict[str, Any]) -> dict[str, Any] | None:
        """One request to the wire's control socket; None where no wire runs."""
        return wire.ask(Folder(name), request)


def _record(name: str, processes: list[marks.Found]) -> LabRecord:
    """What is there of a lab; a node or link counts only if it is whole."""
    place = Folder(name)
    description = place.description()
    words = description.words if description else next((each.words for each in processes if each.words), "")
    nodes = dict.fromkeys(sorted({*place.nodes(), *(each.node for each in processes if each.node)}), "running")
    owner = Owner.read(description.owner) if description else None
    return LabRecord(name, folder.read_words(words), nodes, _links(place, description), owner)


def _links(place: Folder, description: folder.Description | None) -> frozenset[str]:
    """The links whose bridge is in the fabric."""
    fabric = place.fabric()
    if fabric is None or description is None:
        return frozenset()
    try:
        rows = Path(f"/proc/{fabric}/net/dev").read_text().splitlines()[2:]
    except OSError:  # it ended just now
        return frozenset()
    devices = {row.partition(":")[0].strip() for row in rows}
    return frozenset(link for link, bridge in description.bridges.items() if bridge in devices)


def _remove(place: Folder) -> int:
    """Kill until nothing is left to kill: what is just being made may fork between a look and a kill."""
    record = _record(place.name, found := marks.processes(place.name))
    while found or (found := marks.processes(place.name)):  # one may hide from a look: a child born meanwhile
        marks.end(each.process for each in found)
        found = marks.processes(place.name)
    limits.remove(place.name)
    place.remove()
    return len(record.nodes) + len(record.links)


def _check_block(plan: LabPlan, taken: list[IPv4Network]) -> None:
    """Make sure that nobody has taken the plan's addresses since it was made."""
    block = plan.addresses.block
    if any(block.overlaps(other) for other in taken):
        raise PoolError(f"{block} is another lab's by now", where=plan.name, remedy="again, or give another --pool")


def _there(process: int | None, name: str, what: str) -> int:
    if process is None:
        raise EngineError(f"{what} does not run", where=name, remedy=f"./inv up --name {name} makes it anew")
    return process


def _raise_error(answer: dict[str, Any]) -> None:
    if not answer["ok"]:
        raise EngineError(**answer["error"])


def _stop_reader(reader: subprocess.Popen[bytes]) -> None:
    """End it and its child on the node: they are one process group, though in two PID namespaces."""
    with suppress(ProcessLookupError):
        os.killpg(reader.pid, signal.SIGTERM)
