"""`Lab`: a laboratory to hold in your hand. Up, down, status, heal, and programs on its nodes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from lab import making
from lab.engine.base import NEVER_STARTED, Engine, LabRecord, Process, Say, unheard
from lab.engine.owner import Owner
from lab.engine.select import engines, holder, select
from lab.errors import EngineError, NameTakenError, UnknownLabError, WordsError
from lab.links import TRIES as CHANGES
from lab.links import LiveLink, altered, joining, look, steer
from lab.model import steering, wiring
from lab.model.drift import Difference, cut_differences, differences
from lab.model.plan import LabPlan, LabSpec, check_name, check_words, decide, pool_of, same_lab, summary
from lab.model.topology import few
from lab.model.units import counted
from lab.nodes import LiveNode
from lab.programs import Running

PATIENCE_SECONDS = 120.0  # of `down` with somebody who is at work on the lab


@dataclass(frozen=True, slots=True)
class Status:
    """Declared against live.

    Attributes:
        plan: what `up` declared.
        record: what the engine has of the lab.
        live: what the agent read; empty where no node runs.
        differences: every setting that is not as it is in force.
        now: what is in force: the plan, with what was changed on purpose since.
    """

    plan: LabPlan
    engine: str
    record: LabRecord
    live: dict[str, Any]
    differences: tuple[Difference, ...]
    now: LabPlan


class Lab:
    """A lab that is there. As a context manager, it takes itself down at the end."""

    def __init__(self, engine: Engine, plan: LabPlan) -> None:
        self.engine = engine
        self.plan = plan
        self._started: list[Running] = []
        self._lines: dict[str, str] = {}  # what the links are believed to remember; `links.steer` keeps it

    @property
    def name(self) -> str:
        """The lab's name."""
        return self.plan.name

    @classmethod
    def up(cls, spec: LabSpec, engine: str = "auto", say: Say = unheard, owner: Owner | None = None) -> Self:
        """Bring a lab up; one that is there already is healed.

        Args:
            spec: the words that describe it.
            engine: `auto`, `docker` or `netns`.
            say: takes a line for each step.
            owner: the process that the lab belongs to (`Owner.here()`), so that it can be told when nobody needs the
                lab any more: `down --stale`. None for a lab that is to stay until somebody takes it down.

        Raises:
            WordsError: the words do not describe a lab, or one of that name is another one.
            MachineError: the machine lacks something. Nothing of the lab is left then.
        """
        check_words(spec)  # wrong words need no engine to be found wrong
        chosen = holder(spec.name, engine) or select(engine, say)
        with chosen.claim(spec.name, "up", say) as abandoned:
            lab = cls._there(spec, chosen, say, abandoned=abandoned)
            if lab is None:
                return cls(chosen, making.make(chosen, spec, say, owner))
            say(f"{spec.name} is there already")
            lab.mend(say)
            return lab

    @classmethod
    def _there(cls, spec: LabSpec, engine: Engine, say: Say, *, abandoned: bool) -> Self | None:
        """The lab that is there, if it is whole and somebody's; else what is left of it is removed."""
        record = engine.labs().get(spec.name)
        if record is None and not abandoned:
            return None
        why = "what a killed command left of it is in the way"
        if record and record.stale:
            why = f"its owner, {record.owner}, is gone"
        elif record and (record.nodes or record.links):
            lab = cls(engine, decide(cls._same(record, spec)))
            if not abandoned and lab._revive(record, say):
                record = engine.labs()[spec.name]
            if not (missing := lab._missing(record)):
                return lab
            why = f"{missing[0]} is not there"
        say(f"{why}: making the lab anew")
        engine.remove(spec.name, abandoned=abandoned)
        return None

    @classmethod
    def find(cls, name: str, engine: str = "auto") -> Self:
        """The lab of a name.

        Raises:
            UnknownLabError: there is none, or none that can be read.
        """
        check_name(name)
        chosen = holder(name, engine)
        record = chosen.labs().get(name) if chosen else None
        if chosen is None or record is None:
            labs = [lab for each in engines(engine) for lab in each.labs()]
            there = f"; or --name of one that is there: {few(labs)}" if labs else ""
            raise UnknownLabError(f"no lab is called {name!r}", remedy=f"./inv up --name {name}{there}")
        if record.spec is None and not (record.nodes or record.links):  # a claim or a helper, and no more
            why = f"no lab is called {name!r} yet, or no longer: somebody is at work on it, or was killed at that"
            raise UnknownLabError(why, remedy=f"wait for them, or ./inv down --name {name}")
        if record.spec is None:
            raise UnknownLabError("another version of wirelab made it", where=name, remedy=f"./inv down --name {name}")
        return cls(chosen, decide(record.spec))

    @staticmethod
    def _same(record: LabRecord, spec: LabSpec) -> LabSpec:
        """The words of the lab that is there, if they are the ones that were asked for."""
        there = record.spec
        if there is None or not same_lab(there, replace(spec, pool=pool_of(spec) or there.pool)):
            raise NameTakenError(
                "a lab of this name is there, and it is another one" + (f" ({summary(there)})" if there else ""),
                where=spec.name,
                remedy=f"./inv down --name {spec.name}, or give another --name",
            )
        return there

    def _missing(self, record: LabRecord) -> list[str]:
        nodes = [node.name for node in self.plan.nodes if record.nodes.get(node.name) != "running"]
        return nodes + [link.name for link in self.plan.links if link.name not in record.links]

    def down(self, say: Say = unheard) -> int:
        """Remove everything of the lab, once nobody else is at work on it.

        Returns:
            How many objects of the engine that were.

        Raises:
            BusyError: somebody else still is, after two minutes.
        """
        return remove(self.engine, self.name, say)

    def status(self) -> Status:
        """Hold what is declared against what is there."""
        record = self.engine.labs().get(self.name) or LabRecord(self.name, self.plan.spec)
        running = {name for name, state in record.nodes.items() if state == "running"}
        document = wiring.document(self.plan, "read")
        document["nodes"] = [node for node in document["nodes"] if node["name"] in running]
        live = self.engine.agent(self.name, document) if running else {"nodes": {}, "links": {}, "lines": {}}
        now = steering.in_force(self.plan, steering.recall(self.plan, live["lines"]))
        live = look(self.engine, now, live)
        return Status(self.plan, self.engine.name, record, live, differences(now, record.nodes, live), now)

    def heal(self, say: Say = unheard, word: str = "") -> tuple[Difference, ...]:
        """Mend every difference, start nodes that were stopped, and put together what was cut; settings stay.

        Args:
            say: takes a line for each step.
            word: a link, a node, or sides: of what was cut, only that is put together; empty: all.

        Returns:
            What was mended.

        Raises:
            EngineError: a node is gone, or its network; the lab has to be made anew.
        """
        with self.engine.claim(self.name, "heal", say):
            return self.mend(say, word)

    def mend(self, say: Say = unheard, word: str = "") -> tuple[Difference, ...]:
        """The same as `heal`, for one who has the claim on the lab already."""
        join = joining(self.plan, word)
        for _ in range(CHANGES):
            status = self.status()
            if self._revive(status.record, say):
                status = self.status()
            if gone := self._missing(status.record):
                raise EngineError(f"{gone[0]} does not run", where=self.name, remedy="./inv up makes the lab anew")
            changed = altered(self.plan, status.now, join)
            cuts = cut_differences(status.now, changed)
            if status.differences:
                say(f"mending {counted(len(status.differences), 'difference')}")
                if not making.wire(self.engine, steering.in_force(self.plan, changed), say, was=status.live["lines"]):
                    continue
            elif cuts:
                meant = {cut.where: join[cut.where] for cut in cuts}
                steer(self.engine, self.plan, meant, self._lines, say, claimed=True)
            return (*status.differences, *cuts)
        raise EngineError("somebody else is changing it all the time", where=self.name, remedy="try again")

    def _revive(self, record: LabRecord, say: Say) -> bool:
        """Start the nodes that were stopped, where the engine can, and all of them once ran."""
        stopped = [name for name, state in record.nodes.items() if state != "running"]
        whole = len(record.nodes) == len(self.plan.nodes) and len(record.links) == len(self.plan.links)
        if not (stopped and whole) or NEVER_STARTED in record.nodes.values():
            return False
        say(f"starting {', '.join(stopped)}")
        return self.engine.revive(self.name, stopped)

    def __getitem__(self, node: str) -> LiveNode:
        """A node, to hold in your hand.

        Raises:
            TopologyError: no such node.
        """
        return LiveNode(self.engine, self.name, self.plan.node(node), self._started)

    def link(self, word: str) -> LiveLink:
        """A link of the lab, to change, cut, heal or read.

        Args:
            word: its name, or its one host.

        Raises:
            TopologyError: there is none.
        """
        return LiveLink(self.engine, self.plan, self.plan.link(word).name, self._lines)

    def start(self, node: str, argv: Sequence[str]) -> Process:
        """Start a program on a node.

        Raises:
            TopologyError: no such node.
            EngineError: the node does not run.
        """
        return self.engine.start(self.name, self.plan.node(node).name, argv)

    def put(self, node: str, source: Path, target: str = "/root/") -> None:
        """Copy a file onto a node; a `target` that ends in `/` is a folder.

        Raises:
            WordsError: there is no such file here, or `target` is no plain path from the node's root.
        """
        if not source.is_file():
            raise WordsError("there is no such file", where=str(source), remedy="./inv put NODE FILE")
        self.engine.put(self.name, self.plan.node(node).name, source, target)

    def shell(self, node: str, argv: Sequence[str]) -> list[str]:
        """The local command that runs `argv` on a node with the caller's terminal."""
        return self.engine.shell(self.name, self.plan.node(node).name, argv)

    def logs(self, node: str, *, follow: bool = False) -> Iterator[str]:
        """What programs on a node said, line by line."""
        return self.engine.logs(self.name, self.plan.node(node).name, follow=follow)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.down()


def remove(engine: Engine, name: str, say: Say = unheard) -> int:
    """Remove everything of a lab, whatever is left of it, once nobody else is at work on it.

    Returns:
        How many objects of the engine that were.

    Raises:
        BusyError: somebody else still is, after two minutes.
    """
    if not engine.knows(name):  # a claim may take an image, which would have to be made first
        return 0
    with engine.claim(name, "down", say, patience=PATIENCE_SECONDS) as abandoned:
        return engine.remove(name, abandoned=abandoned)
