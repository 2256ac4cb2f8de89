"""The Docker engine: the contract."""

from __future__ import annotations

import subprocess
import time

from lab.model.plan import LabPlan, device_prefix
from tests.engine_contract import EngineContract


def _print(*argv: str) -> list[str]:
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.splitlines()


class TestDockerContract(EngineContract):
    """The contract."""

    engine_name = "docker"
    interrupted_leaves_nothing = False  # a network whose request was interrupted may come after all was taken back

    def traces(self, plan: LabPlan) -> list[str]:
        """Containers, networks and devices."""
        label = f"label=wirelab.lab={plan.name}"
        containers = _print("docker", "ps", "--all", "--quiet", "--filter", label)
        networks = _print("docker", "network", "ls", "--quiet", "--filter", label)
        devices = [line for line in _print("ip", "-o", "link") if device_prefix(plan.name) in line]
        return [*containers, *networks, *devices]

    def settle(self, plan: LabPlan) -> None:
        """The engine goes on with a request whose client has gone, and there is nothing to await it by."""
        before: list[str] | None = None
        while before != (before := self.traces(plan)):
            time.sleep(1)
