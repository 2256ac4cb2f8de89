"""What the nodes of a lab see as their file system: the host's programs, and nothing else of the host's.

A node shall find the programs that it needs, and neither see nor change what is the host's. So its root is built
from nothing: `/usr` of the host and the harmless part of its `/etc` read-only, the lab's own programs under
`/opt/wirelab`, a `/dev` of the harmless devices, and empty folders of its own that it may write to. The host's `/run`
must not be there: read-only or not, root could talk to the sockets in it. Standard library only.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from lab.engine.netns import system
from lab.engine.netns.system import MS_NODEV, MS_NOEXEC, MS_NOSUID, MS_PRIVATE, MS_RDONLY, MS_REC

PROGRAMS = "/opt/wirelab"
LOG = "/var/log/wirelab.log"

SHOWN = ("usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32", "nix", "gnu")
"""What is shown of the host, if it is there; on most systems all but the first two are links into `usr`."""

SETTINGS = (
    *("passwd", "group", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "alternatives", "localtime", "timezone"),
    *("protocols", "services", "networks", "rpc", "ethertypes", "host.conf", "gai.conf", "iproute2", "os-release"),
    *("profile", "bash.bashrc", "inputrc", "terminfo", "mime.types", "ssl/certs", "ssl/openssl.cnf"),
    *("pki/tls/certs", "pki/ca-trust/extracted"),
)
"""What is shown of the host's /etc: what programs need. The rest holds the host's secrets, and root could read them."""

LOOK_UP = "".join(f"{what}: files\n" for what in ("passwd", "group", "hosts", "networks", "services", "protocols"))

DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
DEVICE_LINKS = {"ptmx": "pts/ptmx", "fd": "/proc/self/fd"} | {
    name: f"/proc/self/fd/{number}" for number, name in enumerate(("stdin", "stdout", "stderr"))
}
OWN = {"root": 0o700, "tmp": 0o1777, "home": 0o755, "run": 0o755, "var": 0o755, "dev/shm": 0o1777}
"""The folders that each node has for itself, with their modes; they share one file system in memory."""

CLOSED = ("sys", "sysrq-trigger", "irq", "bus", "fs")
"""What root could change of the host under /proc, without any capability. Docker closes the same."""

OWN_BYTES = "1g"
RESOLVER = "nameserver 127.0.0.1\n"  # where nobody listens: a name that is not the lab's fails at once


def build(folder: str, apps: str, python: str | None) -> None:
    """Build what all nodes share, and make it the root of the caller's mount namespace.

    Args:
        folder: a folder of the host, to build in.
        apps: the folder of the lab's programs.
        python: where Python is installed, if it is not among the host's programs; the nodes have it in PATH.
    """
    system.mount("none", "/", flags=MS_REC | MS_PRIVATE)
    system.mount("wirelab", folder, "tmpfs", options="mode=755")
    new = Path(folder)
    for name in SHOWN:
        _show(Path("/", name), new / name)
    _make_settings(new / "etc")
    for name in ("proc", "sys", "mnt", *OWN):
        (new / name).mkdir(parents=True)
    _make_devices(new / "dev")
    ours = new / PROGRAMS.strip("/")
    shutil.copytree(apps, ours / "lab" / "apps", ignore=shutil.ignore_patterns("__pycache__"))
    _make_tcpdump(ours)
    if python:
        _show(Path(python), ours / "python")
    system.make_read_only(folder)
    system.pivot_into(folder)


def _show(source: Path, target: Path) -> None:
    """Show something of the host's at a new place; a link stays a link."""
    if source.is_symlink():
        target.symlink_to(source.readlink())
    elif source.is_dir():
        target.mkdir(parents=True)
        system.bind(str(source), str(target))


def _make_settings(folder: Path) -> None:
    """Make the nodes' /etc; what each has for itself is put over it later (`furnish`)."""
    folder.mkdir()
    for name in SETTINGS:
        source, target = Path("/etc", name), folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_file() and not source.is_symlink():
            shutil.copy(source, target)
        else:
            _show(source, target)
    for name in ("hosts", "hostname", "resolv.conf"):
        (folder / name).touch()
    (folder / "nsswitch.conf").write_text(LOOK_UP)


def _make_devices(folder: Path) -> None:
    (folder / "pts").mkdir()
    for name in DEVICES:
        (folder / name).touch()
        system.bind(f"/dev/{name}", str(folder / name))
    for name, target in DEVICE_LINKS.items():
        (folder / name).symlink_to(target)


def _make_tcpdump(folder: Path) -> None:
    """Give the nodes a tcpdump that stays root, as images/node/Dockerfile does, and for the reason told there."""
    found = shutil.which("tcpdump")
    if not found:
        return
    for name in ("bin", "libexec"):
        (folder / name).mkdir()
    program = Path(found).read_bytes().replace(b"\0initgroups\0", b"\0atoi\0\0\0\0\0\0\0")
    real, wrapper = folder / "libexec" / "tcpdump", folder / "bin" / "tcpdump"
    real.write_bytes(program)
    wrapper.write_text(f'#!/bin/sh\nexec {PROGRAMS}/libexec/tcpdump -Z root "$@"\n')
    for path in (real, wrapper):
        path.chmod(0o755)


def furnish(name: str, hosts: Iterable[tuple[str, str]], sysctls: Mapping[str, str]) -> None:
    """Make the caller's new namespaces a node's: all that it has for itself. The caller is the first of its processes.

    Args:
        name: the node's.
        hosts: address and name of every node, itself among them.
        sysctls: kernel settings of its network namespace; those that the kernel lacks are passed over.
    """
    system.set_hostname(name)
    _make_own_folders()
    system.mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC)
    for key, value in sysctls.items():
        with suppress(FileNotFoundError):
            Path("/proc/sys", key.replace(".", "/")).write_text(value)
    _close_proc()
    # A kernel may lack these two, and a node is one without them.
    with suppress(OSError):
        system.mount("sysfs", "/sys", "sysfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC)
    with suppress(OSError):
        system.mount("devpts", "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=620")
    rows = [("127.0.0.1", "localhost"), *hosts]
    _replace("/etc/hosts", "".join(f"{address}\t{name}\n" for address, name in rows))
    _replace("/etc/resolv.conf", RESOLVER)


def _make_own_folders() -> None:
    memory = Path("/mnt")
    system.mount("wirelab", str(memory), "tmpfs", MS_NOSUID | MS_NODEV, f"mode=755,size={OWN_BYTES}")
    for name, mode in OWN.items():
        (memory / name).mkdir(parents=True)
        (memory / name).chmod(mode)
        system.bind(str(memory / name), f"/{name}")
    system.let_go(str(memory))
    for name in ("var/log", "var/lib", "var/cache", "run/lock", "run/wirelab"):
        Path("/", name).mkdir()
    for name, target in {"tmp": "tmp", "run": "run", "lock": "run/lock"}.items():
        Path("/var", name).symlink_to(Path("/", target))
    Path(LOG).touch()


def _close_proc() -> None:
    flags = system.MS_BIND | system.MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC
    for path in (f"/proc/{entry}" for entry in CLOSED):
        if Path(path).exists():
            system.mount(path, path, flags=system.MS_BIND)
            system.mount("none", path, flags=flags)


def _replace(path: str, text: str) -> None:
    """Put a file of the node's own in the place of one of the host's, which stays what it is.

    A link may lead into a folder that is the node's (`/run/systemd/resolve/…`): then the file is made there.
    """
    place = Path(path).resolve()
    own = Path("/run/wirelab", Path(path).name)
    own.write_text(text)
    if not place.exists():
        with suppress(OSError):  # the host has none, and /etc is its own: the node has none either
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text)
        return
    system.bind(str(own), str(place))
