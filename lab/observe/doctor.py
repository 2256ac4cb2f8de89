"""What a machine can do for labs: facts come in, findings go out. Asks nothing and changes nothing; `probing` does.

Each finding is `ok`, a `note` (a lab comes up, and something is to be known) or a `lack`, with one remedy.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Network
from typing import Any

from lab.errors import PoolError, typed
from lab.model.addressing import POOL
from lab.model.plan import LabSpec, decide
from lab.model.units import counted
from lab.observe import firewall
from lab.observe.firewall import LACK, NOTE, OK, Chain

OLDEST_ENGINE = (20, 10)
OLDEST_PODMAN = (4, 3)
OLDEST_PYTHON = (3, 11)
NEED_BYTES = 1_000_000_000  # the image of nodes takes 0.3 GB, and as much again while it is built
NEEDED = ("veth", "bridge", "tbf", "packet", "ingress")
BUSES = ("ifb", "redirect")


@dataclass(frozen=True, slots=True)
class DockerFacts:
    """What a Docker engine says of itself; see `lab.engine.docker.survey`. `local`: it runs on our own kernel."""

    version: str
    api: str
    system: str = ""
    security: tuple[str, ...] = ()
    pids_limit: bool = True
    memory_limit: bool = True
    image: bool = True
    local: bool = True
    networks: tuple[tuple[str, str], ...] = ()
    podman: bool = False


@dataclass(frozen=True, slots=True)
class KernelFacts:
    """What a kernel can do; see `lab.fabric.survey`."""

    release: str
    features: Mapping[str, bool]
    bridge_firewall: bool


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that the judgement rests on.

    Attributes:
        docker: None where no engine answers; `docker_error` and `docker_remedy` say why.
        embedded_error: why the embedded engine cannot be used; empty where it can.
        kernel: of the engine, or of this machine; None where it could not be tried, and `kernel_error` says why.
        firewall: the rules of `iptables -S`, chains FORWARD and DOCKER-USER; None where they cannot be seen.
        chains: of nftables, those that see forwarded packets, but for iptables' own.
        limits: whether control groups for embedded nodes can be had.
        stale: labs whose owner is gone, `dead`: folders of the embedded engine without a process, `orphans`: devices
            of no lab.
    """

    python: tuple[int, ...]
    iproute2: str = ""
    wsl: bool = False
    docker: DockerFacts | None = None
    docker_error: str = ""
    docker_remedy: str = ""
    embedded_error: str = ""
    kernel: KernelFacts | None = None
    kernel_error: str = ""
    firewall: tuple[str, ...] | None = None
    chains: tuple[Chain, ...] = ()
    limits: bool = True
    free_bytes: int = NEED_BYTES
    where: str = ""
    stale: tuple[str, ...] = ()
    dead: tuple[str, ...] = ()
    orphans: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """One line. `blocks` names the engines on which no lab comes up because of it."""

    subject: str
    level: str
    text: str
    remedy: str = ""
    blocks: tuple[str, ...] = field(default=())


def judge(facts: Facts) -> list[Finding]:
    """Every finding, in the order in which a lab would come upon it."""
    found = [_python(facts), _iproute2(facts), *_docker(facts), _embedded(facts)]
    found += [*_kernel(facts), *_transit(facts), *_pool(facts), _disk(facts), *_leftovers(facts)]
    return [replace(each, text=typed(each.text), remedy=typed(each.remedy)) for each in found]


def engines(facts: Facts, findings: list[Finding]) -> list[str]:
    """The engines on which a lab can come up."""
    blocked = {name for finding in findings for name in finding.blocks}
    there = {"docker": facts.docker is not None, "netns": not facts.embedded_error}
    return [name for name, is_there in there.items() if is_there and name not in blocked]


def _python(facts: Facts) -> Finding:
    version = ".".join(map(str, facts.python))
    if facts.python >= OLDEST_PYTHON:
        return Finding("python", OK, version)
    return Finding("python", LACK, f"{version}, and 3.11 is needed", "sudo apt install python3", ("docker", "netns"))


def _iproute2(facts: Facts) -> Finding:
    if facts.iproute2:
        return Finding("iproute2", OK, facts.iproute2)
    return Finding("iproute2", NOTE, "not here; only the embedded engine needs it", "sudo apt install iproute2")


def _docker(facts: Facts) -> Iterator[Finding]:
    docker = facts.docker
    if docker is None:
        yield Finding("docker", LACK, facts.docker_error, facts.docker_remedy)
        return
    numbers = tuple(int(word) for word in re.findall(r"\d+", docker.version)[:2])
    name = f"Podman {docker.version}" if docker.podman else docker.version
    oldest = OLDEST_PODMAN if docker.podman else OLDEST_ENGINE
    if numbers < oldest:
        text = f"{name} is older than {'.'.join(map(str, oldest))}"
        yield Finding("docker", LACK, text, "install a newer one: docs.docker.com/engine/install", ("docker",))
    else:
        yield Finding("docker", OK, f"{name}, API {docker.api}, {docker.system}")
    if any("rootless" in option for option in docker.security):
        yield _rootless(podman=docker.podman)
    if "Docker Desktop" in docker.system:
        yield Finding("desktop", NOTE, "Docker Desktop: labs live in its virtual machine, with that machine's kernel")
    if facts.wsl:
        yield Finding("wsl", NOTE, "WSL2: its kernel often lacks netem; links then go through the software wire")
    if not docker.image:
        yield Finding(
            "image", NOTE, "the image of nodes is not built yet; up builds it, in a minute or two", "./inv build"
        )
    else:
        yield Finding("image", OK, "the image of nodes is there")
    if not (docker.pids_limit and docker.memory_limit):
        yield Finding("limits", NOTE, "the engine cannot limit memory or processes: a fork bomb is the machine's")


def _rootless(*, podman: bool) -> Finding:
    """A rootless engine: Docker's was tried, and starts no node (ADR 4); Podman's was not (ADR 14)."""
    remedy = "docker context use default"
    if podman:
        return Finding("rootless", NOTE, "the engine is rootless; labs were never tried on such a Podman", remedy)
    return Finding("rootless", LACK, "the engine is rootless: it refuses the settings of nodes", remedy, ("docker",))


def _embedded(facts: Facts) -> Finding:
    if facts.embedded_error:
        return Finding("embedded engine", NOTE, facts.embedded_error, "sudo ./inv doctor tries it")
    if not facts.limits:
        text = "usable; control groups cannot be had, so a fork bomb on a node is the machine's"
        return Finding("embedded engine", NOTE, text)
    return Finding("embedded engine", OK, "usable: ./inv up --engine netns")


def _kernel(facts: Facts) -> Iterator[Finding]:
    kernel = facts.kernel
    if kernel is None:
        yield Finding("kernel", NOTE, f"not tried: {facts.kernel_error}", "./inv build, then ./inv doctor again")
        return
    can = kernel.features
    if lacking := [name for name in NEEDED if not can.get(name)]:
        text = f"{kernel.release} lacks {', '.join(lacking)}"
        yield Finding("kernel", LACK, text, "another kernel: Debian's and Ubuntu's have it", ("docker", "netns"))
    else:
        yield Finding("kernel", OK, f"{kernel.release} has {', '.join(NEEDED)}")
    if not can.get("netem"):
        text = "the kernel has none: delay, jitter and loss are made by the software wire, slower and not as exact"
        yield Finding("netem", NOTE, text, "sudo modprobe sch_netem, if the kernel comes with it")
    else:
        yield Finding("netem", OK, "links are shaped by the kernel")
    if lacking := [name for name in BUSES if not can.get(name)]:
        text = f"no {', '.join(lacking)}: a bus or a shared medium needs --shaper wire"
        yield Finding("shared media", NOTE, text, "sudo modprobe -a ifb act_mirred cls_u32")
    if not (can.get("drop") or can.get("drop-bpf")):
        text = "no filter can drop frames (cls_u32 with act_gact, or cls_bpf): on Docker a node may reach the machine"
        yield Finding("drop filters", NOTE, text, "sudo modprobe -a cls_bpf act_gact; or --engine netns")


def _transit(facts: Facts) -> Iterator[Finding]:
    """Whether frames may cross a Docker network on their way elsewhere. The embedded engine's see no firewall."""
    if facts.docker is None or facts.kernel is None:
        return
    rules, chains = facts.firewall, facts.chains
    if not facts.kernel.bridge_firewall:  # only tables of bridges themselves see the frames
        rules, chains = (), tuple(chain for chain in chains if chain.family == "bridge")
    found = firewall.verdict(rules, chains, podman=facts.docker.podman)
    if not facts.kernel.bridge_firewall and found.level == OK:
        yield Finding("transit", OK, "bridged frames do not pass the machine's firewall (br_netfilter is off)")
        return
    blocks = ("docker",) if found.level == LACK else ()
    yield Finding("transit", found.level, found.text, found.remedy, blocks)
    if found.level != LACK and (lost := firewall.loses_refusals(rules, chains)):
        yield Finding("refusals", lost.level, lost.text, lost.remedy)


def _pool(facts: Facts) -> Iterator[Finding]:
    if facts.docker is None:
        return
    four = [(name, IPv4Network(text)) for name, text in facts.docker.networks if ":" not in text]
    inside = [(name, network) for name, network in four if network.overlaps(POOL)]
    try:
        block = decide(LabSpec(), [network for _, network in four]).addresses.block
    except PoolError:
        names = ", ".join(name for name, _ in sorted(inside, key=lambda pair: pair[1].prefixlen)[:3])
        text = f"no block of {POOL} is free: {names} {'is' if len(inside) == 1 else 'are'} in it"
        remedy = f"docker network rm {inside[0][0]}, or ./inv up --pool 10.199.0.0/24"
        yield Finding("addresses", LACK, text, remedy)
        return
    taken = f"{counted(len(inside), 'network')} in {POOL}" if inside else f"all of {POOL} is free"
    yield Finding("addresses", OK, f"{taken}; the next lab may have {block}")


def _disk(facts: Facts) -> Finding:
    text = f"{facts.free_bytes / 1e9:.1f} GB free in {facts.where or 'the data folder'}"
    if facts.free_bytes >= NEED_BYTES:
        return Finding("disk", OK, text)
    must = facts.docker is not None and not facts.docker.image
    remedy = "docker system df shows what takes it; docker image prune gives some back"
    return Finding("disk", LACK if must else NOTE, f"{text}, and 1 GB is needed", remedy, ("docker",) if must else ())


def _leftovers(facts: Facts) -> Iterator[Finding]:
    for names, what, remedy in (
        (facts.stale, "labs whose maker is gone", "./inv down --stale"),
        (facts.dead, "folders of embedded labs that no longer run", "./inv doctor --fix"),
        (facts.orphans, "devices of no lab", "./inv doctor --fix"),
    ):
        if names:
            yield Finding("leftovers", NOTE, f"{what}: {', '.join(names)}", remedy)
    if not (facts.stale or facts.dead or facts.orphans):
        yield Finding("leftovers", OK, "none")


def document(findings: list[Finding], usable: list[str]) -> dict[str, Any]:
    """The findings as one JSON document."""
    keys = ("subject", "level", "text", "remedy")
    return {"engines": usable, "findings": [{key: getattr(each, key) for key in keys} for each in findings]}
