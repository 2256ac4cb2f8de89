"""Makes a lab: nodes and links by the engine, wired and shaped by the agent, and proved by what is read back."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Network
from typing import Any

from lab.engine.base import Engine, Say
from lab.engine.owner import Owner
from lab.errors import EngineError, PoolError, TransitError
from lab.links import carries, look
from lab.model import wiring
from lab.model.drift import differences
from lab.model.plan import LabPlan, LabSpec, decide
from lab.model.units import counted

TRIES = 8  # of blocks of addresses that others took while we looked


def make(engine: Engine, spec: LabSpec, say: Say, owner: Owner | None) -> LabPlan:
    """Make nodes and links, then wire them. Another block of addresses is tried where somebody took ours.

    Returns:
        What was made: the plan with its block of addresses.

    Raises:
        MachineError: the machine lacks something. Nothing of the lab is left then.
    """
    refused: list[IPv4Network] = []
    for attempt in range(TRIES):
        taken = engine.taken()
        plan = decide(spec, [*taken, *refused])
        _check_pool(plan, taken)
        plan = replace(plan, spec=replace(spec, pool=str(plan.addresses.block)))
        try:
            engine.create(plan, say, owner)
        except PoolError:
            if spec.pool or attempt == TRIES - 1:
                raise
            refused.append(plan.addresses.block)
            continue
        try:
            wire(engine, plan, say)
        except BaseException:
            say("removing what was made")
            engine.remove(spec.name)
            raise
        return plan
    raise AssertionError  # the last attempt returns or raises


def wire(engine: Engine, plan: LabPlan, say: Say, was: dict[str, str] | None = None) -> bool:
    """Have the agent wire and shape everything, and start the software wire where links need it.

    Args:
        engine: the lab's.
        plan: what shall be in force.
        say: takes a line for each step.
        was: what the links are believed to remember, where the lab is only to be mended; else packets shall be
            seen to pass before links are shaped.

    Returns:
        Whether it was done: nothing is, where somebody has changed a link meanwhile.
    """
    say("wiring and shaping")
    document = wiring.document(plan, "wire")
    answer = engine.agent(plan.name, document if was is None else document | {"probes": [], "was": was})
    if "stale" in answer:
        return False
    if answer["unanswered"]:
        raise _no_transit(engine, plan.name, answer)
    carried = answer["wire"]
    if carried["links"] and not carries(engine.ask_wire(plan.name, {"op": "stats"}), carried):
        say(f"starting the software wire for {counted(len(carried['links']), 'link')}")
        engine.start_wire(plan.name, carried)
    _prove(engine, plan, answer)
    return True


def _prove(engine: Engine, plan: LabPlan, live: dict[str, Any]) -> None:
    """Hold what was read back after wiring against the plan.

    Raises:
        EngineError: something could not be set as it shall be.
    """
    live = look(engine, plan, live)
    running = {node.name: "running" for node in plan.nodes}
    if found := differences(plan, running, live):
        more = f", and {len(found) - 1} more" if len(found) > 1 else ""
        raise EngineError(f"it was wired, and yet: {found[0]}{more}", where=plan.name, remedy="./inv up again")


def _no_transit(engine: Engine, name: str, answer: dict[str, Any]) -> TransitError:
    ways = ", ".join(probe["why"] for probe in answer["unanswered"][:4])
    facts = engine.facts()
    if answer["bridge_firewall"]:
        cause = "bridged frames pass the host's firewall here (br_netfilter), and it seems to drop them"
        opening = "sudo iptables -I FORWARD -s 198.18.0.0/15 -d 198.18.0.0/15 -j ACCEPT"
        remedy = f"{opening}, then again; if it does not help, sudo ./inv doctor names the rule"
    else:
        cause = f"{facts.name} {facts.version} may isolate its networks in a way that we do not know"
        remedy = "--engine netns needs no Docker (Linux, as root); or try a newer Docker"
    return TransitError(f"no packet passes on {ways}: {cause}", where=name, remedy=remedy)


def _check_pool(plan: LabPlan, taken: list[IPv4Network]) -> None:
    for network in taken:
        if network.overlaps(plan.addresses.block):
            raise PoolError(
                f"{plan.addresses.block} overlaps {network}, which the engine uses already",
                where="--pool",
                remedy="leave --pool out, and a free block is found",
            )
