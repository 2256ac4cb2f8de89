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
from tests.engines.roots import DOCKERS, PODMANS
from tests.engines.test_engines import NOBODY_LISTENS
from tests.integration.test_doctor import doctor
from tests.support import Bench

LEAVES_IT_ALONE = [(DOCKERS[0], "--iptables=false"), (PODMANS[-1],)]
BY_IPTABLES = ["iptables", "-P", "FORWARD", "DROP"]
BY_NFTABLES = [
    ["nft", "add", "table", "inet", "filter"],
    ["nft", "add", "chain", "inet", "filter", "forward", "{ type filter hook forward priority 0; policy drop; }"],
]
INVALID = [
    ["nft", "add", "table", "inet", "strict"],
    ["nft", "add", "chain", "inet", "strict", "forward", "{ type filter hook forward priority 0; }"],
    ["nft", "add", "rule", "inet", "strict", "forward", "ct", "state", "invalid", "drop"],
]


@pytest.fixture(scope="module", params=LEAVES_IT_ALONE, ids=lambda engine: engine[0].name)
def alone(request: pytest.FixtureRequest) -> Iterator[Daemon]:
    """An engine that does not open the machine's firewall."""
    yield from brought(*request.param)


@pytest.fixture
def closed(alone: Daemon, monkeypatch: pytest.MonkeyPatch) -> Iterator[Daemon]:
    """The same, as the one that wirelab talks to; what tests do to its firewall is undone."""
    monkeypatch.setenv("DOCKER_HOST", alone.host)
    yield alone
    for words in (["iptables", "-P", "FORWARD", "ACCEPT"], ["iptables", "-F", "FORWARD"], ["nft", "flush", "ruleset"]):
        subprocess.run(alone.inside(*words), check=True)


def pasted(daemon: Daemon, remedy: str) -> None:
    """Do what a remedy says."""
    words = [word for word in shlex.split(remedy) if word != "sudo"]
    subprocess.run(daemon.inside(*words), check=True)


@pytest.mark.parametrize(("drop", "says"), [([BY_IPTABLES], "policy is DROP"), (BY_NFTABLES, "inet filter forward")])
def test_a_firewall_that_drops(closed: Daemon, drop: list[list[str]], says: str) -> None:
    """It is told, with a remedy; `up` fails there for that very reason; after the remedy both are well."""
    assert doctor(*closed.inside())["transit"]["level"] == "ok"
    for words in drop:
        subprocess.run(closed.inside(*words), check=True)
    spec = LabSpec(name=f"t{os.getpid()}-closed", nodes=2)
    found = doctor(*closed.inside())
    assert (found["transit"]["level"], found["engines"]) == ("lack", ["netns"])
    assert says in found["transit"]["text"]
    with pytest.raises(TransitError, match="doctor"):
        Lab.up(spec, "docker")
    pasted(closed, found["transit"]["remedy"])
    assert doctor(*closed.inside())["transit"]["level"] == "ok"
    with Lab.up(spec, "docker") as lab:
        assert lab.status().differences == ()


def test_a_firewall_that_loses_refusals(closed: Daemon) -> None:
    """Where what is invalid is dropped, a refused connection times out behind the hub: told, with what mends it."""
    for words in INVALID:
        subprocess.run(closed.inside(*words), check=True)
    found = doctor(*closed.inside())
    assert (found["refusals"]["level"], found["transit"]["level"]) == ("note", "ok")
    with Lab.up(LabSpec(name=f"t{os.getpid()}-invalid", nodes=2), "docker") as lab:
        tried = ("python3", "-c", NOBODY_LISTENS, "h2")
        assert Bench(lab).out("h1", *tried) == "TimeoutError"
        pasted(closed, found["refusals"]["remedy"])
        assert Bench(lab).out("h1", *tried) == "ConnectionRefusedError"
    assert "refusals" not in doctor(*closed.inside())


def test_an_address_pool_that_is_taken(alone: Daemon) -> None:
    """A network over all of 198.18.0.0/15 is named, with the command that removes it, and one that does without."""
    alone.docker("network", "create", "--subnet", "198.18.0.0/15", "office")
    try:
        found = doctor(DOCKER_HOST=alone.host)["addresses"]
        assert found["level"] == "lack"
        assert "office" in found["text"]
        assert "docker network rm office" in found["remedy"]
    finally:
        alone.docker("network", "rm", "office")
    assert doctor(DOCKER_HOST=alone.host)["addresses"]["level"] == "ok"
