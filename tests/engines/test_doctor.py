"""`doctor` on machines that lack something: right each time, and its remedy, pasted, mends it."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Iterator

import pytest

from lab.errors import TransitError
from lab.lab import Lab
from lab.model.plan import LabSpec
from tests.engines.conftest import brought
from tests.engines.daemon import Daemon
from tests.engines.roots import SUITES
from tests.integration.test_doctor import doctor


@pytest.fixture(scope="module")
def closed() -> Iterator[Daemon]:
    """An engine that leaves the firewall alone, on a machine whose FORWARD policy is DROP."""
    for daemon in brought(SUITES[0], "--iptables=false"):
        subprocess.run(daemon.inside("iptables", "-P", "FORWARD", "DROP"), check=True)
        yield daemon


def test_a_firewall_that_drops(closed: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told, with a remedy; `up` fails there for that very reason; after the remedy both are well."""
    monkeypatch.setenv("DOCKER_HOST", closed.host)
    spec = LabSpec(name=f"t{os.getpid()}-closed", nodes=2)
    found = doctor(*closed.inside())
    assert (found["transit"]["level"], found["engines"]) == ("lack", ["netns"])
    assert "DROP" in found["transit"]["text"]
    with pytest.raises(TransitError):
        Lab.up(spec, "docker")
    words = [word for word in shlex.split(found["transit"]["remedy"]) if word != "sudo"]
    subprocess.run(closed.inside(*words), check=True)
    assert doctor(*closed.inside())["transit"]["level"] == "ok"
    with Lab.up(spec, "docker") as lab:
        assert lab.status().differences == ()


def test_an_address_pool_that_is_taken(closed: Daemon) -> None:
    """A network over all of 198.18.0.0/15 is named, with the command that removes it, and one that does without."""
    closed.docker("network", "create", "--subnet", "198.18.0.0/15", "office")
    try:
        found = doctor(DOCKER_HOST=closed.host)["addresses"]
        assert found["level"] == "lack"
        assert "office" in found["text"]
        assert "docker network rm office" in found["remedy"]
    finally:
        closed.docker("network", "rm", "office")
    assert doctor(DOCKER_HOST=closed.host)["addresses"]["level"] == "ok"
