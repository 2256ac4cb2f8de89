"""By what a link is to be shaped here, and what the kernel can do."""

from __future__ import annotations

from typing import Any

from . import ports
from .namespaces import throw_away
from .tools import AgentError, works

NETEM = ("tc", "qdisc", "replace", "dev", "lo", "root", "netem", "limit", "10", "delay", "1ms")


def choose(link: dict[str, Any], shaper: str, *, netem: bool) -> str:
    """How a link is to be shaped here: by `netem`, `tbf` or the software `wire`.

    Raises:
        AgentError: netem was asked for, and the kernel has none, or it cannot make this link true.
    """
    if netem and shaper != "wire" and link["by_netem"]:
        return "netem"
    if shaper == "netem" and not link["by_netem"]:
        raise AgentError("netem cannot keep a correlation of delays", link["name"], "leave --shaper out")
    if shaper == "netem":
        remedy = "leave --shaper out: the software wire makes such links on any kernel"
        raise AgentError("this kernel has no netem (sch_netem)", link["name"], remedy)
    return "wire" if link["by_wire"] else "tbf"


def has_netem() -> bool:
    """Whether the kernel has netem: the one of the `abilities` that a running link's change may need to know."""
    with throw_away():
        return works(*NETEM)


def abilities() -> set[str]:
    """What the kernel can do, found by trying it where it disturbs nobody.

    Returns:
        `netem`; `seed` where kernel and tc know netem's (both from 6.6 on); the names in `ports.DROPS` that work.
    """
    into = ("tc", "filter", "replace", "dev", "lo", "ingress", "protocol", "all", "prio", "1")
    with throw_away():
        works("tc", "qdisc", "add", "dev", "lo", "ingress")
        tried = {
            "netem": NETEM,
            "seed": (*NETEM, "seed", "1"),
            **{name: (*into, *(word.strip('"') for word in words)) for name, words in ports.DROPS.items()},
        }
        return {name for name, command in tried.items() if works(*command)}
