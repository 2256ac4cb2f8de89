"""`doctor` where Docker has stopped, is not there, or not for this user: why, and a remedy for each. It only looks."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engines.conftest import brought
from tests.engines.daemon import Daemon
from tests.engines.roots import DOCKERS
from tests.integration.test_doctor import doctor

# Nobody, who may read everything so that our own files are no obstacle, but writes to no socket of others.
NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
NOBODY += ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search", "--"]


def as_its_own(daemon: Daemon) -> list[str]:
    """A prefix by which a command finds the engine's socket at the usual place, with no DOCKER_HOST to point at it."""
    socket = daemon.host.removeprefix("unix://")
    put = f"mount -t tmpfs tmpfs /run && if [ -e {socket} ]; then ln -s {socket} /run/docker.sock; fi"
    unset = ["env", "--unset=DOCKER_HOST", "--unset=DOCKER_CONTEXT"]
    return ["unshare", "--mount", *unset, "sh", "-c", f'{put} && exec "$@"', "sh"]


def test_docker_that_has_stopped(daemon: Daemon) -> None:
    """It answers; killed, its socket refuses; without a socket it was never started: told apart, with a remedy each."""
    there = doctor(*as_its_own(daemon))
    assert there["docker"]["text"].startswith("20.10")
    socket = Path(daemon.host.removeprefix("unix://"))
    handle = os.pidfd_open(daemon.process)
    signal.pidfd_send_signal(handle, signal.SIGKILL)
    os.waitid(os.P_PIDFD, os.pidfd_open(daemon.starter), os.WEXITED | os.WNOWAIT)
    os.close(handle)
    refused = doctor(*as_its_own(daemon))
    assert refused["docker"]["text"] == "no Docker engine answers (connection refused)"
    assert refused["docker"]["remedy"] == "sudo systemctl start docker"
    assert refused["engines"] == ["netns"]
    socket.unlink()
    absent = doctor(*as_its_own(daemon))
    assert absent["docker"]["text"] == "no Docker engine answers (no such file or directory)"
    assert absent["docker"]["level"] == "lack"
    assert absent["docker"]["remedy"]


def test_docker_that_is_not_for_this_user(daemon: Daemon) -> None:
    """Nobody may not talk to its socket, is told how to be let in, and has no engine: exit code 3."""
    found = doctor(*as_its_own(daemon), *NOBODY, code=3)
    assert found["docker"]["text"] == "no Docker engine answers (permission denied)"
    assert found["docker"]["remedy"].startswith("sudo usermod -aG docker")
    assert found["engines"] == []


STATE = """
ip -details -oneline link | sed 's/gc_timer *[0-9.]*//'; ip address; ip rule; ip route show table all
tc qdisc; sysctl --all --pattern '^net\\.' 2>/dev/null | grep -v -e conntrack_count -e nf_conntrack_buckets
iptables-save | grep -v -e '^#' -e '^:' ; iptables-save | grep '^:' | sed 's/ \\[.*//'
nft list ruleset 2>/dev/null | sed 's/packets [0-9]* bytes [0-9]*//'
find /run/wirelab -printf '%p %y %s %T@\\n'
docker ps --all --no-trunc; docker network ls --no-trunc; docker image ls --all --no-trunc; docker volume ls
"""
LOOK = f"""
state() {{ {STATE} }}
before=$1 after=$2; shift 2
mount -t tmpfs tmpfs /run && mkdir --parents /run/wirelab/dead
state > "$before"
"$@"; code=$?
state > "$after"
exit $code
"""


@pytest.fixture(scope="module")
def furnished() -> Iterator[Daemon]:
    """An engine with the image of nodes in it."""
    yield from brought(DOCKERS[0])


@pytest.mark.parametrize("who", [[], NOBODY], ids=["root", "nobody"])
def test_looking_changes_nothing(furnished: Daemon, who: list[str], tmp_path: Path) -> None:
    """Devices, qdiscs, settings, firewall, containers, networks, images and folders are what they were before."""
    Path(furnished.host.removeprefix("unix://")).chmod(0o666)  # so nobody is let in: then the engine's helper looks
    before, after = tmp_path / "before", tmp_path / "after"
    argv = ["unshare", "--mount", "sh", "-c", LOOK, "sh", str(before), str(after), *who]
    found = doctor(*furnished.inside(*argv), DOCKER_HOST=furnished.host)
    assert found["engines"] == (["docker"] if who else ["docker", "netns"])
    assert found["kernel"]["level"] == "ok"
    assert "dead" in found["leftovers"]["text"]
    assert "docker0" in before.read_text()
    assert after.read_text() == before.read_text()
