"""The seam between a lab and what it runs on: what an engine must do, and the records that it hands back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any, Protocol

from lab.engine.owner import Owner
from lab.model.plan import LabPlan, LabSpec


class Say(Protocol):
    """Takes one line that says what is being done; `passing` lines matter only to somebody who looks on."""

    def __call__(self, line: str, *, passing: bool = False) -> None:
        """Say it."""


def unheard(line: str, *, passing: bool = False) -> None:
    """Say nothing."""


NEVER_STARTED = "created"
"""The state of a node whose `up` was killed before it ran: it may not be on all its links yet."""


@dataclass(frozen=True, slots=True)
class EngineFacts:
    """What an engine says of itself. `api` is empty where there is none."""

    name: str
    version: str
    api: str = ""


@dataclass(frozen=True, slots=True)
class LabRecord:
    """What is there of a lab.

    Attributes:
        spec: the words that it was made with, or None where no remains carry them.
        nodes: state by node: `running`, `NEVER_STARTED`, or the engine's word for what it is instead.
        links: the links whose network is there.
        owner: the process that it belongs to; None where it has none, as a lab that was typed.
    """

    name: str
    spec: LabSpec | None
    nodes: dict[str, str] = field(default_factory=dict)
    links: frozenset[str] = frozenset()
    owner: Owner | None = None

    @property
    def stale(self) -> bool:
        """Whether it belonged to a process that is gone."""
        return self.owner is not None and self.owner.gone


class Process(Protocol):
    """A program that runs on a node."""

    def lines(self) -> Iterator[tuple[str, str]]:
        """Each line as it comes, with where it comes from: `stdout` or `stderr`. Ends when the program does."""

    def wait(self) -> int:
        """The exit code; 128 and the signal's number where a signal ended it. To be called after `lines` ended."""

    def stop(self) -> None:
        """End the program, and what it started; does not wait."""

    def send_signal(self, number: int) -> None:
        """Send a signal to the program; does nothing if it has ended."""


class Helper(Protocol):
    """A program of ours that runs for a lab outside its nodes, and ends when we go away."""

    def pieces(self) -> Iterator[tuple[str, bytes]]:
        """What it writes, as it comes, with where it comes from: `stdout` or `stderr`. Ends when the program does."""

    def tell(self, text: bytes) -> None:
        """Write to its stdin; what one that has ended is told is lost."""

    def stop(self) -> None:
        """Close its stdin, by which it knows that it shall end; does not wait."""


class Beside(Protocol):
    """A place beside a node, on the same interfaces, with other programs."""

    def start(self, argv: Sequence[str]) -> Process:
        """Start a program there; when the caller goes away, it is ended."""


class Engine(Protocol):
    """Makes nodes and links real, and says what is there. Holds no state of its own.

    Attributes:
        name: what `--engine` calls it.
    """

    name: str

    def facts(self) -> EngineFacts:
        """Who it is.

        Raises:
            EngineError: it does not answer.
        """

    def labs(self) -> dict[str, LabRecord]:
        """Every lab that left anything, by name."""

    def knows(self, name: str) -> bool:
        """Whether anything bears a lab's name, the claim of one who is at work on it too; looks only.

        Where a look cannot tell that nobody is at work, it is True: the claim itself tells then.
        """

    def taken(self) -> list[IPv4Network]:
        """The networks whose addresses are in use here."""

    def prepare(self, say: Say) -> str:
        """Make what nodes are made of, if it is not there.

        Returns:
            What it is: an image's tag.

        Raises:
            ImageError: it could not be made.
        """

    def claim(
        self, name: str, doing: str, say: Say = unheard, *, patience: float = 0.0
    ) -> AbstractContextManager[bool]:
        """Have a lab's name to oneself, to make, mend or remove the lab. It ends with the one who holds it.

        Args:
            name: the lab.
            doing: what it is for, in a word: `up`, `down`, `heal`, `link`, `cut`.
            say: is told whom it waits for.
            patience: seconds to wait for somebody else who is at it.

        Returns:
            Whether the one who had it before was killed at it: then what it asked for may still turn up.

        Raises:
            BusyError: somebody else is at it.
        """

    def create(self, plan: LabPlan, say: Say, owner: Owner | None = None) -> None:
        """Make a plan's nodes and links, not yet wired. To be called while one has the claim.

        Args:
            plan: the plan.
            say: takes a line for each step.
            owner: the process that the lab belongs to; written down with it.

        Raises:
            NameTakenError: something of that name is there.
            PoolError: its addresses are taken.
            EngineError: the engine refused. In every case, what was made is removed again.
        """

    def revive(self, name: str, nodes: Sequence[str]) -> bool:
        """Start nodes that were made and do not run.

        Returns:
            Whether there was anything to start; what the agent did to them is lost in any case.

        Raises:
            EngineError: it refused.
        """

    def remove(self, name: str, *, abandoned: bool = False) -> int:
        """Remove everything of a lab, whatever state it is in: nodes, links, and what the agent and the wire made.

        Args:
            name: the lab.
            abandoned: whether somebody was killed at work on it, so that more may turn up for a while.

        Returns:
            How many objects there were.
        """

    def agent(self, name: str, document: dict[str, Any]) -> dict[str, Any]:
        """Run the agent on a wiring document, with the nodes' namespaces and the software wire's socket put in.

        Raises:
            EngineError: the agent could not be run, or failed; the error names the node or link.
        """

    def attend(self, name: str) -> None:
        """Keep an agent for a lab from now on, which `agent` and `ask_wire` then ask: for whoever asks often.

        It ends with the lab, and with this process. Costs a helper's memory; calling it again changes nothing.

        Raises:
            EngineError: it could not be started.
        """

    def start_wire(self, name: str, document: dict[str, Any]) -> None:
        """Start the software wire of a lab, in the place of one that runs; returns when it carries frames.

        Args:
            name: the lab.
            document: as `fabric.wire` reads it.

        Raises:
            EngineError: it did not start.
        """

    def ask_wire(self, name: str, request: dict[str, Any]) -> dict[str, Any] | None:
        """Send one request to the lab's software wire.

        Returns:
            Its answer, or None where none runs.
        """

    def start_tap(self, name: str, document: dict[str, Any]) -> Helper:
        """Start the tap on some interfaces and ports of a lab, with the nodes' namespaces put in.

        Args:
            name: the lab.
            document: as `fabric.tap` reads it; what it writes is told there too.

        Raises:
            EngineError: it could not be started.
        """

    def start(self, name: str, node: str, argv: Sequence[str], env: Mapping[str, str] | None = None) -> Process:
        """Start a program on a node. When the caller goes away, the program is ended.

        Args:
            name: the lab.
            node: the node.
            argv: the program and its arguments; it runs under `lab.apps.supervise`.
            env: variables on top of the node's own.

        Raises:
            EngineError: the node does not run.
        """

    def serve(self, name: str, node: str, service: str, say: Say) -> Beside:
        """Start a server beside a node: it shares the node's interfaces and names, and is gone with the lab.

        Args:
            name: the lab.
            node: the node.
            service: which, an image's name.
            say: takes a line for each step.

        Returns:
            The server's place.

        Raises:
            EngineError: the node does not run, or this engine has no images.
            ImageError: its image could not be made.
        """

    def beside(self, name: str, node: str, service: str) -> AbstractContextManager[Beside]:
        """A place beside a node where a service's programs are: the server's own, or one for as long as it is held.

        Raises:
            EngineError: the node does not run, or this engine has no images.
            ImageError: its image could not be made.
        """

    def shell(self, name: str, node: str, argv: Sequence[str]) -> list[str]:
        """The local command that runs `argv` on a node with the caller's terminal."""

    def put(self, name: str, node: str, source: Path, target: str) -> None:
        """Copy a file onto a node. A `target` that ends in `/` is a folder."""

    def get(self, name: str, node: str, source: str) -> bytes:
        """The content of a file on a node.

        Raises:
            EngineError: there is no such file.
        """

    def logs(self, name: str, node: str, *, follow: bool) -> Iterator[str]:
        """What programs on the node said, line by line."""
