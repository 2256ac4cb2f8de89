"""`LiveLink`: a link of a running lab to hold in your hand: change it, cut it, heal it, read it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import Any

from lab.engine.base import Engine, Say, unheard
from lab.errors import BusyError, EngineError, UnknownLabError
from lab.model import readback, steering, wiring
from lab.model.change import UNCHANGED, Change
from lab.model.plan import LabPlan, LinkPlan
from lab.model.readback import Figures

Alter = Callable[[LinkPlan, Change], Change]
TRIES = 32  # others may change the same lab at the same time: of so many, the last one has its turn, too
PATIENCE_SECONDS = 10.0  # with who is at work on the lab: a change, or a `heal`, takes less


@dataclass(frozen=True, slots=True)
class LiveLink:
    """A link of a lab that is up. What is done to it holds at once, and is remembered by the link itself.

    Attributes:
        lines: what all links of the lab are believed to remember; kept up to date by whoever shares it.
        say: takes a line where something is lost by a change.
        claimed: whether the caller has the claim on the lab's name.
    """

    engine: Engine
    plan: LabPlan
    name: str
    lines: dict[str, str] = field(default_factory=dict)
    say: Say = unheard
    claimed: bool = False

    def set(self, spec: str = "", *, direction: str | None = None, **settings: str) -> None:
        """Change settings; what is not named stays as it is now, and what waits in the link stays in it.

        Args:
            spec: a SPEC, as `loss=5%`, `satellite,rate=2mbit`, or two with `/` between for the two directions.
            direction: the node from which the direction leads that is meant; None: both.
            **settings: the same, each by its key: `rate="5mbit"`.

        Raises:
            WordsError: they cannot be read, or do not fit this link; nothing is changed.
            EngineError: the lab does not run.
        """
        text = ",".join(filter(None, (spec, *(f"{key}={value}" for key, value in settings.items()))))
        self._alter(lambda link, before: steering.altered(link.link, before, text, direction))

    def cut(self, end: str | None = None, *, sender: str | None = None) -> None:
        """Pull the cable: its nodes lose their carrier, and nothing passes.

        Args:
            end: on a bus, the node whose tap is pulled; None: all.
            sender: the node whose frames are dropped, while it keeps its carrier and hears the others: a cut one way.
        """
        self._alter(lambda link, before: steering.cut(link.link, before, end, sender))

    def heal(self) -> None:
        """Put the cable together again; settings stay."""
        self._alter(lambda link, before: steering.healed(link.link, before))

    def reset(self) -> None:
        """Go back to what `up` declared: settings, what shapes it, and no cut.

        Where that means to leave the software wire, what comes in meanwhile is lost; of an idle link, nothing.
        """
        self._alter(settle(UNCHANGED))

    def stats(self) -> tuple[Figures, ...]:
        """Settings and counters of each direction as they are now, from the first end first; one of a shared link."""
        link = self.plan.link(self.name)
        document = wiring.document(self.plan, "read")
        document["nodes"] = [node for node in document["nodes"] if node["name"] in link.link.ends]
        document["links"] = [each for each in document["links"] if each["name"] == link.name]
        live = self.engine.agent(self.plan.name, document)
        here = live["links"][link.name]
        now = steering.in_force(self.plan, steering.recall(self.plan, live["lines"]))
        live = look(self.engine, now, live)
        return tuple(readback.link_figures(here, live["wire"].get(link.name)))

    def _alter(self, alter: Alter) -> None:
        steer(self.engine, self.plan, {self.name: alter}, self.lines, self.say, claimed=self.claimed)


def cut(
    engine: Engine,
    plan: LabPlan,
    word: str,
    *,
    sender: str | None = None,
    reroute: bool = False,
    claimed: bool = False,
) -> LabPlan:
    """Cut all links that a word means: a link, a node, a tap of a bus, or the links between two sides.

    Args:
        engine: what the lab is on.
        plan: what is declared.
        word: as `steering.links_of` reads it.
        sender: the node whose frames alone are dropped.
        reroute: whether the nodes go round the cut, where there is a way.
        claimed: whether the caller has the claim on the lab's name.

    Returns:
        The plan in force now.

    Raises:
        WordsError: the word means no link.
        EngineError: the lab does not run.
    """

    def by(tap: str | None) -> Alter:
        return lambda link, before: replace(steering.cut(link.link, before, tap, sender), reroute=reroute)

    alter = {name: by(tap) for name, tap in steering.links_of(plan, word).items()}
    return steer(engine, plan, alter, {}, claimed=claimed)


def joining(plan: LabPlan, word: str = "") -> dict[str, Alter]:
    """What puts together again what is cut, by link; settings stay.

    Args:
        plan: what is declared.
        word: a link, a node, or sides; empty: all.
    """

    def by(tap: str | None) -> Alter:
        return lambda link, before: steering.healed(link.link, before, tap)

    meant = steering.links_of(plan, word) if word else dict.fromkeys(link.name for link in plan.links)
    return {name: by(tap) for name, tap in meant.items()}


def settle(change: Change) -> Alter:
    """What makes a link's change this one, whatever it was."""
    return lambda _link, _before: change


def altered(plan: LabPlan, now: LabPlan, alter: Mapping[str, Alter]) -> dict[str, Change]:
    """What the links' changes become.

    Args:
        plan: what is declared.
        now: what is in force.
        alter: by link, what its change becomes from what it is.
    """
    before = {link.name: link.change for link in now.links if link.change != UNCHANGED}
    return before | {name: each(plan.link(name), before[name]) for name, each in alter.items() if name in before}


def look(engine: Engine, now: LabPlan, live: dict[str, Any]) -> dict[str, Any]:
    """What the agent read, and with it what the software wire says, and which links that carries."""
    for link in now.links:
        if link.name in live["links"]:
            live["links"][link.name]["by_wire"] = link.by_wire
    carried = any(not port["bridge"] for link in live["links"].values() for port in link["ports"].values())
    stats = engine.ask_wire(now.name, {"op": "stats"}) if carried else None
    return live | {"wire": {link["name"]: link for link in stats["links"]} if stats else {}}


def steer(
    engine: Engine,
    plan: LabPlan,
    alter: Mapping[str, Alter],
    lines: dict[str, str],
    say: Say = unheard,
    *,
    claimed: bool = False,
) -> LabPlan:
    """Change some links of a running lab. Each change is made whole, or not at all, whoever else is at it (ADR 13).

    Args:
        engine: what the lab is on.
        plan: what is declared.
        alter: by link, what its change becomes from what it is.
        lines: what the bridges are believed to carry, and afterwards do carry; if they do not, they are asked.
        say: takes a line for each step.
        claimed: whether the caller has the claim on the lab's name.

    Returns:
        The plan in force now.

    Raises:
        BusyError: it cannot be done, for somebody else makes, mends or removes the lab just now.
        EngineError: the lab does not run, or others change it all the time.
    """
    try:
        return _steer(engine, plan, alter, lines, say, claimed=claimed)
    except EngineError as error:
        if not claimed:
            _ask_who_is_at_work(engine, plan.name, error)
        raise


def _ask_who_is_at_work(engine: Engine, name: str, error: EngineError) -> None:
    """Say who makes, mends or removes the lab just now, if somebody does: that explains why a change failed."""
    try:
        with engine.claim(name, "link"):
            pass
    except BusyError as busy:
        raise busy from error


def _steer(
    engine: Engine, plan: LabPlan, alter: Mapping[str, Alter], lines: dict[str, str], say: Say, *, claimed: bool
) -> LabPlan:
    for _ in range(TRIES):
        before = steering.recall(plan, lines)
        after = before | {name: each(plan.link(name), before.get(name, UNCHANGED)) for name, each in alter.items()}
        old, new = steering.in_force(plan, before), steering.in_force(plan, after)
        answer = engine.agent(plan.name, wiring.steering(old, new, alter))
        if "lacks" in answer:
            _start_wire(engine, plan, say, claimed=claimed)
            continue
        believed = answer.get("stale", {link.name: link.line for link in new.links if link.line})
        lines.clear()
        lines.update(believed)
        if "stale" not in answer:
            for name, crossed in answer["crossed"].items():
                say(f"{name}: {_crossing(crossed)}")
            return new
    raise EngineError("somebody else is changing it all the time", where=plan.name, remedy="try again")


def _crossing(crossed: Mapping[str, Any]) -> str:
    """What it means that a link went over to the software wire, or back."""
    what = "the software wire takes over" if crossed["to"] == "wire" else f"back to {crossed['to']}"
    left = ", and what still waited," if crossed["left"] else ""
    return f"{what}; what came in meanwhile ({crossed['seconds'] * 1e3:.0f} ms){left} is lost"


def _start_wire(engine: Engine, plan: LabPlan, say: Say, *, claimed: bool) -> None:
    """Start the software wire with nothing to carry yet; of several who find that there is none, one does.

    Raises:
        UnknownLabError: somebody removed the lab meanwhile.
    """
    with nullcontext() if claimed else engine.claim(plan.name, "link", say, patience=PATIENCE_SECONDS):
        record = engine.labs().get(plan.name)
        if record is None or not record.nodes:  # a wire would be left of a lab that is gone
            why = f"no lab is called {plan.name!r} any more: somebody removed it meanwhile"
            raise UnknownLabError(why, remedy=f"./inv up --name {plan.name}")
        if engine.ask_wire(plan.name, {"op": "stats"}) is None:
            say("starting the software wire")
            engine.start_wire(plan.name, {"lab": plan.name, "seed": plan.spec.seed, "links": []})


def carries(stats: dict[str, Any] | None, wanted: dict[str, Any]) -> bool:
    """Whether a running wire carries just what it should, between ports that are there.

    The port of a link that is cut is down, which says nothing of the wire.
    """
    if stats is None:
        return False
    there, asked = (sorted(told["links"], key=lambda link: str(link["name"])) for told in (stats, wanted))
    running = [
        (link["name"], [(port["node"], port["device"], port["mute"]) for port in link["ports"]]) for link in there
    ]
    declared = [
        (link["name"], [(port["node"], port["device"], port["node"] in link["mute"]) for port in link["ports"]])
        for link in asked
    ]
    lost = any(port["state"] == "lost" for link in there for port in link["ports"])
    settings = [[way["settings"] for way in link["directions"]] for link in there]
    same = all(
        is_now[key] == value
        for ways, link in zip(settings, asked, strict=False)
        for is_now, way in zip(ways, link["directions"], strict=False)
        for key, value in way.items()
    )
    return running == declared and same and not lost
