"""What a Docker engine says of itself, and of the machine that it runs on. Only asks."""

from __future__ import annotations

from typing import Any

from lab.engine import images
from lab.engine.docker import podman
from lab.engine.docker.client import connect, connection, refusals
from lab.engine.docker.helpers import run_agent
from lab.engine.docker.store import DockerImageStore


def survey() -> dict[str, Any]:
    """What there is to know of the engine.

    Returns:
        `podman`, whether it only speaks like Docker; `version`, `api`, `kernel`, `system`, `root` (the folder of its
        data), `security` (its options), `pids_limit`, `memory_limit`, `address` (where it was reached), `tag` (the
        image of nodes), `image` (whether it is there), and `networks`: subnets by name.

    Raises:
        EngineError: it does not answer.
    """
    api = connect()
    try:
        with refusals("docker"):
            version, info = api.version(), api.info()
            networks = [(net["Name"], row["Subnet"]) for net in api.networks() for row in net["IPAM"]["Config"] or []]
    finally:
        api.close()
    tag = images.node_tag(images.build_root())
    return {
        "podman": podman.answers(version),
        "version": version["Version"],
        "api": version["ApiVersion"],
        "kernel": info.get("KernelVersion", ""),
        "system": info.get("OperatingSystem", ""),
        "root": info.get("DockerRootDir", ""),
        "security": list(info.get("SecurityOptions") or []),
        "pids_limit": bool(info.get("PidsLimit")),
        "memory_limit": bool(info.get("MemoryLimit")),
        "address": str(api.base_url),
        "tag": tag,
        "image": DockerImageStore(connection()).has(tag),
        "networks": networks,
    }


def survey_kernel(image: str) -> str:
    """Have the agent try what the engine's kernel can do, in a helper container.

    Returns:
        Its answer, a JSON document.

    Raises:
        EngineError: the helper did not run.
    """
    api = connect()
    try:
        return run_agent(api, image, "doctor", {"op": "survey"}).decode()
    finally:
        api.close()
