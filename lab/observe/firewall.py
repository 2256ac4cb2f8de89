"""Whether a machine's firewall lets a lab's frames cross a Docker network: rules come in, a verdict goes out.

Only bridged frames that pass the firewall at all are of interest: `br_netfilter`, or a table of the family `bridge`.
What the rules leave open is told as such: `up` proves it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

OK, NOTE, LACK = "ok", "note", "lack"
BOTH = "-s 198.18.0.0/15 -d 198.18.0.0/15 -j ACCEPT"
OPEN_IT = f"sudo iptables -I DOCKER-USER {BOTH}"
OPEN_FORWARD = f"sudo iptables -I FORWARD {BOTH}"
ELSEWHERE = re.compile(r"(?<!! )-i (?!br|podman|docker)\S+")
"""In a rule that is about what comes in by an interface that is no bridge, so not about a lab's frames."""
EXCEPTION = re.compile(r"^(?!.*--ctstate).*-j (ACCEPT|RETURN)")
"""A rule that may let a lab's frames pass before another one drops them."""


REFUSED = "over more than one link, a refused connection times out"


@dataclass(frozen=True, slots=True)
class Chain:
    """A chain of nftables that sees forwarded packets, but for iptables' own. `rules` are as `nft` prints them."""

    family: str
    table: str
    name: str
    policy: str = "accept"
    rules: tuple[str, ...] = ()

    def __str__(self) -> str:
        """By what name `nft` knows it."""
        return f"{self.family} {self.table} {self.name}"

    @property
    def is_closed(self) -> bool:
        """Whether it drops what no rule lets pass."""
        return self.policy == "drop" or (bool(self.rules) and self.rules[-1].split()[0] in {"drop", "reject"})

    @property
    def is_opened(self) -> bool:
        """Whether somebody has opened it for labs."""
        return any("198.18.0.0/15" in rule and rule.endswith("accept") for rule in self.rules)

    @property
    def is_intricate(self) -> bool:
        """Whether it may let a lab's frames pass for a reason that cannot be seen here."""
        return any(re.search(r"\b(jump|goto|vmap)\b|^(?!ct stat).*\baccept\b", rule) for rule in self.rules)

    @property
    def remedy(self) -> str:
        """What opens it."""
        return f"sudo nft insert rule {self} ip saddr 198.18.0.0/15 ip daddr 198.18.0.0/15 accept"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to be told, and what to do about it."""

    level: str
    text: str
    remedy: str = ""


def verdict(rules: tuple[str, ...] | None, chains: tuple[Chain, ...], *, podman: bool) -> Verdict:
    """Whether forwarded frames pass.

    Args:
        rules: of `iptables -S`, chains FORWARD and DOCKER-USER; None where they cannot be seen.
        chains: of nftables.
        podman: whether the engine is Podman, which opens iptables for no network that is internal, as a lab's are.
    """
    closed = [chain for chain in chains if chain.is_closed and not chain.is_opened]
    for chain in closed:
        if not chain.is_intricate:
            return Verdict(LACK, f"the firewall drops forwarded frames: nft chain {chain}", chain.remedy)
    by_iptables = _by_iptables(rules, podman=podman)
    if by_iptables.level == LACK:
        return by_iptables
    if closed:
        text = f"nft chain {closed[0]} drops what none of its rules lets pass; up proves that packets do"
        return Verdict(NOTE, text, closed[0].remedy)
    return by_iptables


def _by_iptables(rules: tuple[str, ...] | None, *, podman: bool) -> Verdict:
    if rules is None:
        return Verdict(NOTE, "the firewall cannot be seen from here; up proves that packets pass")
    guarded = [rule for rule in rules if rule.startswith("-A DOCKER-USER")]
    refused = [rule for rule in guarded if re.search(r"-j (DROP|REJECT)", rule) and not ELSEWHERE.search(rule)]
    plain = [rule for rule in refused if re.fullmatch(r"-A DOCKER-USER -j (DROP|REJECT)( --.*)?", rule)]
    opened = any(BOTH in rule for rule in guarded)
    by_hand = any("198.18.0.0/15" in rule and "ACCEPT" in rule for rule in rules if "-A FORWARD" in rule)
    closed = "-P FORWARD DROP" in rules
    kept = not podman and any(re.search(r"-A FORWARD .*-j DOCKER", rule) for rule in rules)
    if plain and not (opened or by_hand or any(EXCEPTION.search(rule) for rule in guarded)):
        return Verdict(LACK, f"the firewall drops forwarded frames: {plain[0]}", OPEN_IT)
    if closed and not (kept or by_hand):
        why = "Podman does not open it" if podman else "the engine does not open it (iptables: false?)"
        return Verdict(LACK, f"the firewall's FORWARD policy is DROP, and {why}", OPEN_FORWARD)
    if refused and not (opened or by_hand):
        text = f"the firewall may drop forwarded frames: {refused[0]}; up proves that packets pass"
        return Verdict(NOTE, text, OPEN_IT)
    if closed:
        return Verdict(OK, "the firewall's FORWARD policy is DROP, and open for the engine's networks")
    return Verdict(OK, "the firewall lets forwarded frames pass")


def loses_refusals(rules: tuple[str, ...] | None, chains: tuple[Chain, ...]) -> Verdict | None:
    """Whether a TCP reset is lost that answers over more than one link.

    The reset ends the connection in the machine's table of them (conntrack) when it crosses its first bridge. At the
    next it belongs to none, is called invalid, and many a firewall drops what is invalid.
    """
    for chain in chains:
        if not chain.is_opened and any(re.match(r"ct state .*\binvalid\b.*\bdrop$", rule) for rule in chain.rules):
            return Verdict(NOTE, f"{REFUSED}: nft chain {chain} drops what is invalid", chain.remedy)
    lines = [rule for rule in rules or () if re.search(r"--ctstate INVALID -j DROP$", rule)]
    if lines and not any(BOTH in rule for rule in rules or ()):
        return Verdict(NOTE, f"{REFUSED}: {lines[0]}", OPEN_FORWARD)
    return None
