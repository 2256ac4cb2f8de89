"""The doctor's judgement, from facts of machines that are not here: Docker Desktop, WSL2, rootless, and broken ones."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lab.observe.doctor import DockerFacts, Facts, Finding, KernelFacts, document, engines, judge
from lab.observe.firewall import LACK, NOTE, OK, Chain

ALL = dict.fromkeys(
    ("veth", "bridge", "tbf", "packet", "ingress", "ifb", "redirect", "netem", "drop", "drop-bpf"),
    True,
)
DOCKER = DockerFacts("28.5.2", "1.51", "Debian GNU/Linux 13 (trixie)", networks=(("bridge", "172.17.0.0/16"),))
KERNEL = KernelFacts("6.12.0-amd64", ALL, bridge_firewall=True)
OPEN = ("-P FORWARD DROP", "-A FORWARD -j DOCKER-USER", "-A FORWARD -j DOCKER-FORWARD", "-N DOCKER-USER")
PASSING = "ct state established,related accept"
BY_HAND = "ip saddr 198.18.0.0/15 ip daddr 198.18.0.0/15 accept"
NO_FIREWALL = replace(KERNEL, bridge_firewall=False)
GOOD = Facts(python=(3, 12, 1), iproute2="6.1.0", docker=DOCKER, kernel=KERNEL, firewall=OPEN)


def finding(facts: Facts, subject: str) -> Finding:
    """The one finding about a subject."""
    (found,) = [each for each in judge(facts) if each.subject == subject]
    return found


def usable(facts: Facts) -> list[str]:
    """The engines on which a lab can come up."""
    return engines(facts, judge(facts))


def kernel(**changes: bool) -> KernelFacts:
    """A kernel that lacks something."""
    return replace(KERNEL, features=ALL | {name.replace("_", "-"): value for name, value in changes.items()})


def test_a_good_machine_has_nothing_to_tell() -> None:
    """Everything is ok, and both engines are usable."""
    assert {each.level for each in judge(GOOD)} == {OK}
    assert usable(GOOD) == ["docker", "netns"]


@pytest.mark.parametrize(
    ("facts", "subject", "level", "says", "remedy", "can"),
    [
        (
            replace(GOOD, docker=None, docker_error="no Docker engine answers (refused)", docker_remedy="start it"),
            *("docker", LACK, "no Docker engine answers", "start it", ["netns"]),
        ),
        (
            replace(GOOD, docker=None, docker_error="none", embedded_error="the embedded engine needs root"),
            *("embedded engine", NOTE, "needs root", "sudo ./inv doctor", []),
        ),
        (
            replace(GOOD, docker=replace(DOCKER, version="19.03.8")),
            *("docker", LACK, "older than 20.10", "install a newer one", ["netns"]),
        ),
        (
            replace(GOOD, docker=replace(DOCKER, version="5.4.2", podman=True), firewall=()),
            *("docker", OK, "Podman 5.4.2", "", ["docker", "netns"]),
        ),
        (
            replace(GOOD, docker=replace(DOCKER, version="3.0.1", podman=True)),
            *("docker", LACK, "Podman 3.0.1 is older than 4.3", "install a newer one", ["netns"]),
        ),
        (
            replace(GOOD, docker=replace(DOCKER, version="5.4.2", podman=True)),
            *("transit", LACK, "Podman does not open it", "iptables -I FORWARD", ["netns"]),
        ),
        (
            replace(GOOD, docker=replace(DOCKER, security=("name=seccomp", "name=rootless"))),
            *("rootless", LACK, "rootless", "context use default", ["netns"]),
        ),
        (
            replace(GOOD, docker=replace(DOCKER, version="5.4.2", podman=True, security=("rootless",)), firewall=()),
            *("rootless", NOTE, "never tried", "context use default", ["docker", "netns"]),
        ),
        (
            replace(GOOD, docker=replace(DOCKER, system="Docker Desktop", local=False), firewall=None),
            *("desktop", NOTE, "virtual machine", "", ["docker", "netns"]),
        ),
        (
            replace(GOOD, docker=replace(DOCKER, system="Docker Desktop", local=False), firewall=None),
            *("transit", NOTE, "cannot be seen from here", "", ["docker", "netns"]),
        ),
        (
            replace(GOOD, wsl=True, kernel=replace(kernel(netem=False), release="5.15.90.1-microsoft-standard-WSL2")),
            *("wsl", NOTE, "WSL2", "", ["docker", "netns"]),
        ),
        (replace(GOOD, kernel=kernel(netem=False)), "netem", NOTE, "software wire", "modprobe sch_netem", None),
        (replace(GOOD, kernel=kernel(tbf=False)), "kernel", LACK, "lacks tbf", "another kernel", []),
        (replace(GOOD, kernel=kernel(ifb=False)), "shared media", NOTE, "no ifb", "modprobe -a ifb", None),
        (
            replace(GOOD, kernel=kernel(drop=False, drop_bpf=False)),
            *("drop filters", NOTE, "may reach the machine", "--engine netns", None),
        ),
        (
            replace(GOOD, kernel=None, kernel_error="it takes root here"),
            "kernel",
            NOTE,
            "takes root",
            "./inv build",
            None,
        ),
        (
            replace(GOOD, firewall=("-P FORWARD DROP",)),
            *("transit", LACK, "FORWARD policy is DROP", "iptables -I FORWARD", ["netns"]),
        ),
        (
            replace(GOOD, firewall=(*OPEN, "-A DOCKER-USER -j DROP")),
            *("transit", LACK, "-A DOCKER-USER -j DROP", "iptables -I DOCKER-USER", ["netns"]),
        ),
        (
            replace(GOOD, firewall=(*OPEN, "-A DOCKER-USER -i eth0 ! -s 192.0.2.2/32 -j DROP")),
            *("transit", OK, "open for the engine's networks", "", None),
        ),
        (
            replace(GOOD, firewall=(*OPEN, "-A DOCKER-USER -s 10.0.0.0/8 -j ACCEPT", "-A DOCKER-USER -j DROP")),
            *("transit", NOTE, "may drop", "iptables -I DOCKER-USER", None),
        ),
        (
            replace(GOOD, chains=(Chain("inet", "filter", "forward", "drop", (PASSING,)),)),
            *("transit", LACK, "nft chain inet filter forward", "nft insert rule inet filter forward", ["netns"]),
        ),
        (
            replace(GOOD, chains=(Chain("inet", "firewalld", "filter_FORWARD", "accept", ("jump x", "reject")),)),
            *("transit", NOTE, "up proves", "nft insert rule inet firewalld filter_FORWARD", None),
        ),
        (
            replace(GOOD, chains=(Chain("inet", "filter", "forward", "drop", (BY_HAND,)),)),
            *("transit", OK, "open for the engine's networks", "", None),
        ),
        (
            replace(GOOD, kernel=NO_FIREWALL, chains=(Chain("inet", "filter", "forward", "drop"),)),
            *("transit", OK, "br_netfilter is off", "", None),
        ),
        (
            replace(GOOD, kernel=NO_FIREWALL, chains=(Chain("bridge", "filter", "forward", "drop"),)),
            *("transit", LACK, "nft chain bridge filter forward", "nft insert rule bridge", ["netns"]),
        ),
        (
            replace(GOOD, chains=(Chain("inet", "netavark", "FORWARD", "accept", ("ct state invalid drop",)),)),
            *("refusals", NOTE, "a refused connection times out", "nft insert rule inet netavark FORWARD", None),
        ),
        (
            replace(GOOD, firewall=(*OPEN, "-A FORWARD -m conntrack --ctstate INVALID -j DROP")),
            *("refusals", NOTE, "a refused connection times out", "iptables -I FORWARD", None),
        ),
        (
            replace(GOOD, firewall=("-P FORWARD DROP", "-A FORWARD -s 198.18.0.0/15 -d 198.18.0.0/15 -j ACCEPT")),
            *("transit", OK, "open", "", None),
        ),
        (replace(GOOD, firewall=("-P FORWARD ACCEPT",)), "transit", OK, "lets forwarded frames pass", "", None),
        (
            replace(GOOD, kernel=NO_FIREWALL, firewall=("-P FORWARD DROP",)),
            *("transit", OK, "br_netfilter is off", "", None),
        ),
        (
            replace(GOOD, docker=replace(DOCKER, networks=(("office", "198.18.0.0/15"),))),
            *("addresses", LACK, "office is in it", "docker network rm office", ["docker", "netns"]),
        ),
        (
            replace(GOOD, docker=replace(DOCKER, networks=(("some", "198.18.0.0/24"),))),
            *("addresses", OK, "1 network in 198.18.0.0/15", "", None),
        ),
        (replace(GOOD, free_bytes=10_000_000), "disk", NOTE, "0.0 GB free", "docker system df", None),
        (
            replace(GOOD, free_bytes=10_000_000, docker=replace(DOCKER, image=False)),
            *("disk", LACK, "1 GB is needed", "docker system df", ["netns"]),
        ),
        (replace(GOOD, docker=replace(DOCKER, image=False)), "image", NOTE, "not built yet", "./inv build", None),
        (replace(GOOD, limits=False), "embedded engine", NOTE, "fork bomb", "", None),
        (replace(GOOD, docker=replace(DOCKER, pids_limit=False)), "limits", NOTE, "fork bomb", "", None),
        (replace(GOOD, stale=("a", "b")), "leftovers", NOTE, "a, b", "./inv down --stale", None),
        (replace(GOOD, dead=("a",)), "leftovers", NOTE, "no longer run: a", "./inv doctor --fix", None),
        (replace(GOOD, orphans=("wl01234567-0",)), "leftovers", NOTE, "wl01234567-0", "./inv doctor --fix", None),
        (replace(GOOD, iproute2=""), "iproute2", NOTE, "only the embedded engine", "sudo apt install iproute2", None),
        (replace(GOOD, python=(3, 10, 2)), "python", LACK, "3.11 is needed", "apt install python3", []),
    ],
)
def test_what_is_lacking(  # noqa: PLR0917 - pytest gives them by name
    facts: Facts, subject: str, level: str, says: str, remedy: str, can: list[str] | None
) -> None:
    """Each lack is told as such, with its remedy, and with what it means for the engines."""
    found = finding(facts, subject)
    assert found.level == level
    assert says in found.text
    assert remedy in found.remedy
    assert usable(facts) == (["docker", "netns"] if can is None else can)


def test_every_lack_has_a_remedy() -> None:
    """Nobody is told that something lacks and left with it."""
    worst = Facts(python=(3, 9), docker_remedy="start it", embedded_error="x", free_bytes=0)
    assert all(each.remedy for each in judge(worst) if each.level == LACK)


def test_the_document_says_all() -> None:
    """For programs: the usable engines, and every finding."""
    found = judge(GOOD)
    shown = document(found, engines(GOOD, found))
    assert shown["engines"] == ["docker", "netns"]
    assert [each["subject"] for each in shown["findings"]] == [each.subject for each in found]
