"""Eight labs side by side: brought up at once, and taken down in two halves, the second while it is watched."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, combinations

from bench.left import left
from lab.engine.select import select
from lab.errors import LabError
from lab.lab import Lab, remove
from lab.model.plan import LabSpec

LABS = 8
SHAPES = (("star", 3), ("ring", 3), ("bus", 3), ("star", 2))
MEDIA = ("coax", "fibre", "coax,delay=5ms")
PINGS = ("ping", "-c", "2", "-i", "0.2", "-W", "5")


def side_by_side(engine: str, say: Callable[[str], None]) -> list[str]:
    """Bring eight labs up at once, take four down, look at the others, take those down.

    Args:
        engine: the engine.
        say: takes a line for each step.

    Returns:
        Everything that went wrong; nothing where no lab met another.
    """
    run = f"t{os.getpid()}-{secrets.token_hex(2)}"
    specs = [_spec(f"{run}-{number}", number) for number in range(LABS)]
    with ThreadPoolExecutor(LABS) as pool:
        try:
            made = list(pool.map(lambda spec: _up(spec, engine), specs))
            labs = [lab for lab in made if isinstance(lab, Lab)]
            trouble = [each for each in made if isinstance(each, str)] + _clashes(labs)
            say(f"{len(labs)} of {LABS} up on {engine}")
            trouble += chain.from_iterable(pool.map(_look, labs))
            first, second = labs[::2], labs[1::2]
            list(pool.map(Lab.down, first))
            say(f"{len(first)} down")
            trouble += [f"{lab.name} left {each}" for lab in first for each in left(engine, lab.name)]
            trouble += chain.from_iterable(pool.map(_look, second))
        finally:
            list(pool.map(lambda spec: remove(select(engine), spec.name), specs))
    say("all down")
    return trouble + [f"{spec.name} left {each}" for spec in specs for each in left(engine, spec.name)]


def _spec(name: str, number: int) -> LabSpec:
    topology, nodes = SHAPES[number % len(SHAPES)]
    return LabSpec(name=name, topology=topology, nodes=nodes, media=MEDIA[number % len(MEDIA)])


def _up(spec: LabSpec, engine: str) -> Lab | str:
    try:
        return Lab.up(spec, engine)
    except LabError as error:
        return str(error)


def _clashes(labs: list[Lab]) -> list[str]:
    """Labs whose addresses, or devices' names, are another one's as well."""
    return [
        f"{one.name} and {other.name} have the same addresses"
        for one, other in combinations(labs, 2)
        if one.plan.addresses.block.overlaps(other.plan.addresses.block)
    ] + [
        f"{one.name} and {other.name} have the same devices"
        for one, other in combinations(labs, 2)
        if {link.device for link in one.plan.links} & {link.device for link in other.plan.links}
    ]


def _look(lab: Lab) -> list[str]:
    """What is not as declared in a lab, or does not answer: from its last node to the first, all the way."""
    trouble = [f"{lab.name}: {difference}" for difference in lab.status().differences]
    ends = [node.name for node in lab.plan.nodes if node.role != "hub"]
    process = lab.start(ends[-1], [*PINGS, ends[0]])
    said = [text for _, text in process.lines()]
    return trouble if process.wait() == 0 else [*trouble, f"{lab.name}: {' '.join(said)}"]
