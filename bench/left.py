"""What is left of a lab on the machine, looked for by other means than the engines' own."""

from __future__ import annotations

import subprocess
from pathlib import Path

from lab.engine.netns import marks
from lab.engine.netns.folder import STATE
from lab.model.plan import device_prefix


def left(engine: str, name: str) -> list[str]:
    """Everything on the machine that belongs to a lab of an engine, a line for each."""
    devices = [line for line in _print("ip", "-o", "link") if device_prefix(name) in line]
    return [*devices, *(_on_docker(name) if engine == "docker" else _on_netns(name))]


def _on_docker(name: str) -> list[str]:
    label = f"label=wirelab.lab={name}"
    containers = _print("docker", "ps", "--all", "--filter", label, "--format", "container {{.Names}} {{.Status}}")
    networks = _print("docker", "network", "ls", "--filter", label, "--format", "network {{.Name}}")
    return [*containers, *networks]


def _on_netns(name: str) -> list[str]:
    processes = [f"process {found.process}" for found in marks.processes(name)]
    files = [str(path) for path in STATE.glob(f"{name}*")]
    mounts = [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if name in line]
    return [*processes, *files, *mounts]


def _print(*argv: str) -> list[str]:
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.splitlines()
