"""Finds the facts that `doctor` judges, and mends what may safely be mended. Looking changes nothing."""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lab.engine.base import LabRecord
from lab.engine.netns import claims, commands, folder, limits, marks
from lab.engine.select import engines
from lab.errors import LabError
from lab.fabric.tools import AgentError, ask
from lab.lab import remove
from lab.model.plan import device_prefix
from lab.observe.doctor import DockerFacts, Facts, KernelFacts
from lab.observe.firewall import Chain

TRYING_SECONDS = 60
OURS = re.compile(r"wl[0-9a-f]{8}-[0-9]+")
"""Names of devices that the agent makes: `lab.model.plan.medium_device`."""


def probe() -> Facts:
    """Everything that can be found out here."""
    docker, error, raw = _docker()
    embedded = _embedded_error()
    kernel, why = _kernel(docker, raw, alone=not embedded)
    devices = [name for _, name in socket.if_nameindex()]  # before the labs, which may be a new one's by then
    labs = _labs()
    return Facts(
        python=sys.version_info[:3],
        iproute2=_said("ip", "-V").partition("iproute2-")[2].rstrip(","),
        wsl="microsoft" in platform.release().lower(),
        docker=docker,
        docker_error=error.what if error else "",
        docker_remedy=(error.remedy or "") if error else "",
        embedded_error=embedded,
        kernel=kernel,
        kernel_error=why,
        firewall=_firewall(docker),
        chains=_chains(docker),
        limits=limits.available() if not embedded else True,
        stale=tuple(sorted(name for name, record in labs.items() if record.stale)),
        dead=tuple(_dead_folders()),
        orphans=tuple(_orphans(devices, labs)),
        **_disk(docker, raw),
    )


def _docker() -> tuple[DockerFacts | None, LabError | None, dict[str, Any]]:
    from lab.engine.docker.survey import survey  # noqa: PLC0415 - the SDK takes 0.1 s to load

    try:
        raw = survey()
    except LabError as error:
        return None, error, {}
    local = raw["address"].startswith("http+docker") and raw["kernel"] == platform.release()
    facts = DockerFacts(
        version=raw["version"],
        podman=raw["podman"],
        api=raw["api"],
        system=raw["system"],
        security=tuple(raw["security"]),
        pids_limit=raw["pids_limit"],
        memory_limit=raw["memory_limit"],
        image=raw["image"],
        local=local,
        networks=tuple((name, subnet) for name, subnet in raw["networks"]),
    )
    return facts, None, raw


def _embedded_error() -> str:
    try:
        commands.check_machine()
    except LabError as error:
        return error.what
    return ""


def _kernel(docker: DockerFacts | None, raw: dict[str, Any], *, alone: bool) -> tuple[KernelFacts | None, str]:
    """What the kernel can do that labs will have: the engine's, by its helper; else this machine's, as root."""
    try:
        if alone and (docker is None or docker.local):
            answer = _survey_here()
        elif docker and docker.image:
            from lab.engine.docker.survey import survey_kernel  # noqa: PLC0415

            answer = json.loads(survey_kernel(raw["tag"]))
        else:
            return None, "it takes root here, or the image of nodes on Docker"
    except (LabError, OSError, ValueError, subprocess.SubprocessError) as error:
        return None, error.what if isinstance(error, LabError) else str(error)
    return KernelFacts(answer["kernel"], answer["features"], answer["bridge_firewall"]), ""


def _survey_here() -> dict[str, Any]:
    done = subprocess.run(
        commands.module("lab.fabric.agent", "-"),
        input='{"op": "survey"}',
        capture_output=True,
        text=True,
        check=True,
        timeout=TRYING_SECONDS,
        env=commands.plain_environment() | {"PYTHONPATH": str(commands.PACKAGE_ROOT)},
    )
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def _firewall(docker: DockerFacts | None) -> tuple[str, ...] | None:
    if docker is None or not docker.local or os.geteuid() != 0 or not shutil.which("iptables"):
        return None
    lines = [*_said("iptables", "-S", "FORWARD").splitlines(), *_said("iptables", "-S", "DOCKER-USER").splitlines()]
    return tuple(lines) if lines else None


def _chains(docker: DockerFacts | None) -> tuple[Chain, ...]:
    """The chains of nftables that see forwarded packets, but for those that iptables keeps there."""
    if docker is None or not docker.local or os.geteuid() != 0 or not shutil.which("nft"):
        return ()
    listed = json.loads(_said("nft", "--json", "list", "chains") or '{"nftables": []}')["nftables"]
    heads = [each["chain"] for each in listed if each.get("chain", {}).get("hook") == "forward"]
    found = []
    for head in heads:
        names = head["family"], head["table"], head["name"]
        if names != ("ip", "filter", "FORWARD"):
            lines = [line.strip() for line in _said("nft", "list", "chain", *names).splitlines()]
            rules = [line for line in lines if line and not re.match(r"(table|chain|type|\}|#)", line)]
            found.append(Chain(*names, head.get("policy", "accept"), tuple(rules)))
    return tuple(found)


def _said(*argv: str) -> str:
    """What a command prints; nothing where it fails or is not there."""
    try:
        done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=TRYING_SECONDS)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _disk(docker: DockerFacts | None, raw: dict[str, Any]) -> dict[str, Any]:
    place = Path(raw["root"]) if docker and docker.local else Path.cwd()
    while not os.access(place, os.R_OK | os.X_OK) and place != place.parent:
        place = place.parent
    return {"free_bytes": shutil.disk_usage(place).free, "where": str(place)}


def _labs() -> dict[str, LabRecord]:
    """The labs of every engine that answers."""
    found: dict[str, LabRecord] = {}
    try:
        for engine in engines():
            found |= engine.labs()
    except LabError:
        pass
    return found


def _dead_folders() -> list[str]:
    """Folders of embedded labs of which no process is left, and on whose name nobody is at work."""
    if not folder.STATE.is_dir() or not os.access(folder.STATE, os.R_OK | os.X_OK):
        return []
    alive = {process.lab for process in marks.processes()}
    return [name for name in folder.names() if name not in alive and not claims.held(folder.STATE, name)]


def _orphans(devices: list[str], labs: dict[str, LabRecord]) -> list[str]:
    """Devices of shared media whose lab is gone.

    They are named by a hash of its name. A lab may be on an engine that does not answer us: as long as a port's frames
    are sent into a device, somebody uses it.
    """
    known = {device_prefix(name) for name in labs}
    found = [name for name in devices if OURS.fullmatch(name) and name.partition("-")[0] not in known]
    try:
        answers = ask("tc", *(("filter", "show", "dev", device, "ingress") for device in devices)) if found else []
    except AgentError:  # a device went away just now: better luck next time
        return []
    used = {action.get("to_dev") for action in _actions(answers)}
    return [name for name in found if name not in used]


def _actions(answers: list[list[dict[str, Any]]]) -> Iterator[dict[str, Any]]:
    for filters in answers:
        for each in filters:
            yield from each.get("options", {}).get("actions", [])


def mend(facts: Facts) -> list[str]:
    """Remove what nobody owns: stale labs, dead folders, orphaned devices.

    Returns:
        What was done, in words.
    """
    done = []
    for engine in engines():
        for name, record in engine.labs().items():
            if name in facts.stale and record.stale:
                done.append(f"removed the lab {name}, whose maker is gone ({remove(engine, name)} objects)")
            elif engine.name == "netns" and name in facts.dead and not record.nodes:
                remove(engine, name)
                done.append(f"removed the folder {folder.STATE / name}, whose lab no longer runs")
    for device in facts.orphans:
        gone = subprocess.run(["ip", "link", "delete", "dev", device], capture_output=True, check=False)
        if gone.returncode == 0:
            done.append(f"removed the device {device}, which is of no lab")
    return done
