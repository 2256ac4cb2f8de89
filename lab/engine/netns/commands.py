"""The command lines by which something runs in a lab's namespaces, and what the machine needs for them."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from lab.engine.netns import confine, limits, marks
from lab.engine.netns.root import LOG, PROGRAMS
from lab.errors import EngineError

PACKAGE_ROOT = Path(__file__).resolve().parents[3]
TOOLS = ("ip", "tc", "nsenter", "setpriv", "setsid")
NEEDED = {12: "NET_ADMIN", 13: "NET_RAW", 19: "SYS_PTRACE", 21: "SYS_ADMIN"}  # linux/capability.h

CAPABILITIES = "-all,+net_raw,+net_bind_service"
"""What a program on a node may have at most; the same as on a Docker node."""

# The wire reads frames that nodes made up. Its own source may be in a home folder that is closed to others.
_WIRE = "-all,+net_admin,+net_raw,+sys_nice,+dac_read_search"

_FOLDERS = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
PATH = ":".join((f"{PROGRAMS}/bin", *_FOLDERS, f"{PROGRAMS}/python/bin"))


def check_machine() -> None:
    """Make sure that this machine can do it.

    Raises:
        EngineError: it cannot; with the remedy.
    """
    if sys.platform != "linux":
        raise EngineError("the embedded engine needs Linux", where="netns", remedy="use Docker: --engine docker")
    if os.geteuid() != 0:
        raise EngineError("the embedded engine needs root", where="netns", remedy="sudo ./inv …, or --engine docker")
    status = Path("/proc/self/status").read_text()
    held = int(next(line for line in status.splitlines() if line.startswith("CapEff:")).split()[1], 16)
    lacking = [f"CAP_{name}" for number, name in NEEDED.items() if not held >> number & 1]
    if lacking:
        raise EngineError(
            f"root lacks {', '.join(lacking)} here",
            where="netns",
            remedy="in a container: start it with --privileged",
        )
    missing = [tool for tool in TOOLS if not shutil.which(tool, path=_search_path())]
    if missing:
        raise EngineError(
            f"this machine lacks {', '.join(missing)}", where="netns", remedy="apt install iproute2 util-linux"
        )


def _search_path() -> str:
    return ":".join((os.environ.get("PATH", ""), *_FOLDERS))


def far_python() -> str | None:
    """Where Python is installed, if the nodes would not find it among the host's programs."""
    return None if shutil.which("python3", path=":".join(_FOLDERS)) else sys.base_prefix


def helper_environment(lab: str, role: str) -> dict[str, str]:
    """Variables of what runs for a lab outside its nodes; `remove` ends it."""
    return plain_environment() | {"PYTHONPATH": str(PACKAGE_ROOT)} | marks.environment(lab, role)


def plain_environment() -> dict[str, str]:
    """Variables of nsenter(1) on the way into a node.

    It must not carry the lab's marks: were it killed with the lab, what it waits for would be left to the machine's
    first process, and the node would not be gone before that has looked (pid_namespaces(7); 1.6 s here).
    """
    return {"PATH": _search_path(), "LANG": "C.UTF-8"}


def module(name: str, *arguments: str) -> list[str]:
    """Run a module of this project, with the Python that runs us, and without looking for it in the current folder."""
    return [sys.executable, "-P", "-m", name, *arguments]


def in_fabric(keeper: int, argv: Sequence[str]) -> list[str]:
    """Run something in the fabric's network namespace, and the host's others."""
    # A mount namespace of its own: the agent mounts /proc/sys writable, and the machine's shall stay as it is.
    return ["nsenter", f"--net=/proc/{keeper}/ns/net", "--", "unshare", "--mount", "--", *argv]


def unprivileged_wire(argv: Sequence[str]) -> list[str]:
    """Run the software wire with the capabilities that it needs, and with no way to others."""
    return ["setpriv", f"--bounding-set={_WIRE}", "--inh-caps=-all", "--no-new-privs", "--", *argv]


def on_node(lab: str, node: str, keeper: int, argv: Sequence[str], env: Mapping[str, str] | None = None) -> list[str]:
    """Run a program on a node: in all its namespaces, without privileges, with the same environment for all.

    It is within the node's limits, and its system calls are filtered.

    Args:
        lab: the lab.
        node: the node.
        keeper: the node's first process.
        argv: the program and its arguments.
        env: variables on top of the node's own.
    """
    variables = {
        "WIRELAB_LAB": lab,
        "WIRELAB_NODE": node,
        "PATH": PATH,
        "HOME": "/root",
        "LANG": "C.UTF-8",
        "PYTHONPATH": PROGRAMS,
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        **(env or {}),
    }
    confined = [sys.executable, "-I", "-S", confine.__file__, *limits.groups(lab, node), "--"]
    enter = ["nsenter", "--target", str(keeper), "--mount", "--uts", "--ipc", "--net", "--pid", "--"]
    clean = ["/usr/bin/env", "-i", *(f"{key}={value}" for key, value in variables.items())]
    # Root with a bounding set keeps just that at the next exec; no_new_privs closes the way back: capabilities(7).
    limit = ["setpriv", f"--bounding-set={CAPABILITIES}", "--inh-caps=-all", "--no-new-privs", "--"]
    return [*confined, *enter, *clean, *limit, *argv]


def supervised(argv: Sequence[str]) -> list[str]:
    """A program under the supervisor, which logs what it says and ends it when the caller goes away."""
    return ["python3", "-m", "lab.apps.supervise", "--log", LOG, "--name", argv[0], "--", *argv]


def kernel() -> str:
    """The kernel's release: the embedded engine's version."""
    return platform.release()
