"""The Docker engine: the contract."""

from __future__ import annotations

import json
import os
import subprocess
import time

import pytest

from lab.errors import EngineError
from lab.lab import Lab
from lab.model.plan import LabPlan, LabSpec, device_prefix
from tests.engine_contract import EngineContract, needed


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


def test_a_node_that_never_ran_is_made_anew() -> None:
    """An `up` that is killed before a node is on its second link leaves just that: it must not be started so."""
    needed("docker")
    spec = LabSpec(name=f"t{os.getpid()}-never", nodes=2)
    hub = f"{spec.name}-hub"
    with Lab.up(spec, "docker") as lab:
        [was] = json.loads("".join(_print("docker", "inspect", hub)))
        labels = [f"--label={key}={value}" for key, value in was["Config"]["Labels"].items()]
        _print("docker", "rm", "--force", hub)
        on_one = ["--network", f"{spec.name}-{lab.plan.links[0].name}"]
        _print("docker", "create", "--name", hub, "--hostname", "hub", *labels, *on_one, was["Config"]["Image"])
        with pytest.raises(EngineError, match="hub does not run"):
            lab.heal()
        again = Lab.up(spec, "docker")
        assert again.status().differences == ()
        ping = again.start("h1", ["ping", "-c", "1", "-W", "10", "h2"])
        said = [text for _, text in ping.lines()]
        assert ping.wait() == 0, said
