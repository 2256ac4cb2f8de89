"""How a node is contained and a link is a network: what Docker is told, whether by its API or by a compose file."""

from __future__ import annotations

from typing import Any

from lab.model.plan import LabPlan, LinkPlan
from lab.model.tables import NodePlan

LAB, NODE, LINK, WORDS, RUN = "wirelab.lab", "wirelab.node", "wirelab.link", "wirelab.words", "wirelab.run"
OWNER, HELPER, DOING = "wirelab.owner", "wirelab.helper", "wirelab.doing"
SERVICE, BESIDE = "wirelab.service", "wirelab.beside"
"""Labels: all state lives in them."""

NODE_CAPABILITIES = ("NET_RAW", "NET_BIND_SERVICE")
PROCESSES, MEMORY = 1024, "1g"  # so that a fork bomb stays in its node

# Not `--privileged`: entering namespaces takes SYS_ADMIN and SYS_PTRACE, wiring NET_ADMIN, probing NET_RAW. Where
# the machine itself is confined and lacks any capability at all, `--privileged` cannot be had.
AGENT_CAPABILITIES = ("NET_ADMIN", "NET_RAW", "SYS_ADMIN", "SYS_PTRACE")

TAP_CAPABILITIES = ("NET_RAW", "SYS_ADMIN", "SYS_PTRACE")  # frames, and entering namespaces; it gives all of them up
# Servers begin as root, and become users of their own.
SERVICE_CAPABILITIES = ("CHOWN", "DAC_OVERRIDE", "FOWNER", "KILL", "NET_BIND_SERVICE", "SETGID", "SETUID", "SYS_CHROOT")
WIRE_CAPABILITIES = ("NET_ADMIN", "NET_RAW", "SYS_NICE")  # large buffers, frames, and to be woken on time
AGENT_SECURITY = ("apparmor=unconfined", "label=disable")  # it mounts /proc/sys writable for itself

# The engine's resolver asks the world for names that it does not know. There is no world here: it shall ask nobody.
NO_RESOLVER = "127.0.0.1"


def network_options(link: LinkPlan) -> dict[str, str]:
    """Options of the bridge driver that let transit pass and keep the host off the link.

    `internal` would drop transit on every engine, and so do plain bridges from Docker 28 on; `routed` says that
    packets may pass (older engines ignore it). Source: docs.docker.com, "Bridge network driver", options.
    """
    return {
        "com.docker.network.bridge.gateway_mode_ipv4": "routed",
        "com.docker.network.bridge.enable_ip_masquerade": "false",
        "com.docker.network.bridge.inhibit_ipv4": "true",
        "com.docker.network.driver.mtu": str(link.mtu),
    }


def environment(plan: LabPlan, node: NodePlan) -> dict[str, str]:
    """Variables of every process on a node; the agent finds a node by them where it has no engine to ask."""
    return {"WIRELAB_LAB": plan.name, "WIRELAB_NODE": node.name}


def labels(plan: LabPlan, run: str, **more: str) -> dict[str, str]:
    """The labels of one object: each carries the whole lab's words, so that any remains tell what it was."""
    named = {f"wirelab.{key}": value for key, value in more.items()}
    return {LAB: plan.name, WORDS: plan.spec.to_json(), RUN: run} | named


def host_config(node: NodePlan) -> dict[str, Any]:
    """A node's limits and kernel settings, by the names that docker-py has for them."""
    return {
        "cap_drop": ["ALL"],
        "cap_add": list(NODE_CAPABILITIES),
        "security_opt": ["no-new-privileges"],
        # A host without IPv6 has no such settings, and would refuse them; the agent writes them where they are.
        "sysctls": {name: value for name, value in node.sysctls.items() if not name.startswith("net.ipv6.")},
        "extra_hosts": {name: address for address, name in node.hosts},
        "dns": [NO_RESOLVER],
        "pids_limit": PROCESSES,
        "mem_limit": MEMORY,
    }
