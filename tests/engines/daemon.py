"""An engine beside the machine's own: in namespaces of its own, which end with it, however the tests end."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.engines.roots import Suite, root

LAUNCH = Path(__file__).with_name("launch.sh")
READY_SECONDS = 90
GROUPS = Path("/sys/fs/cgroup")
PODMANS_GROUP = "libpod_parent"  # it cannot be told another one
SOCKET = "unix:///data/docker.sock"
DOCKERD = ("dockerd", "--host", SOCKET, "--data-root", "/data/lib", "--exec-root", "/data/run")
PODMAN = ("podman", "--cgroup-manager", "cgroupfs", "--root", "/data/lib", "--runroot", "/data/run")


@dataclass(frozen=True, slots=True)
class Daemon:
    """An engine that runs.

    Attributes:
        process: the engine, first of its PID namespace.
        starter: it waits for that one, in the engine's network namespace; Podman itself goes to another.
    """

    suite: Suite
    host: str
    process: int
    starter: int

    def docker(self, *words: str) -> str:
        """What a command of Docker's prints; it must end well."""
        argv = ["docker", "--host", self.host, *words]
        return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.strip()

    def inside(self, *argv: str) -> list[str]:
        """A command in the engine's network namespace, with the machine's own files."""
        return ["nsenter", f"--net=/proc/{self.starter}/ns/net", *argv]

    def environment(self) -> dict[str, str]:
        """Variables by which a program uses this engine."""
        return os.environ | {"DOCKER_HOST": self.host}


@contextmanager
def running(suite: Suite, *options: str) -> Iterator[Daemon]:
    """An engine of a suite.

    Raises:
        NotFetchedError: its root could not be fetched.
        RuntimeError: it does not start; with the end of its log.
    """
    data = Path(tempfile.mkdtemp(prefix="wirelab-engine-"))
    words = _engine(suite, data.name, options)
    try:
        with root(suite) as place, (data / "log").open("wb") as log:
            # If we are killed, the kernel kills `unshare`'s child, and with it all of its PID namespace.
            apart = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--"]
            argv = ["setpriv", "--pdeathsig", "KILL", "--", *apart, "sh", str(LAUNCH), str(place), str(data), *words]
            with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log) as process:
                try:
                    yield _ready(suite, process, data)
                finally:
                    _end(process)
    finally:
        forget(data)


def _engine(suite: Suite, group: str, options: tuple[str, ...]) -> list[str]:
    """The command that becomes the engine."""
    if suite.podman:
        return [*PODMAN, *options, "system", "service", "--time", "0", SOCKET]
    driver = "overlay2" if "\toverlay\n" in Path("/proc/filesystems").read_text() else "fuse-overlayfs"
    return [
        *DOCKERD,
        "--pidfile",
        "/run/docker.pid",
        "--storage-driver",
        driver,
        "--cgroup-parent",
        f"/{group}",
        *options,
    ]


def _ready(suite: Suite, process: subprocess.Popen[bytes], data: Path) -> Daemon:
    host = f"unix://{data}/docker.sock"
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        asked = subprocess.run(["docker", "--host", host, "version"], capture_output=True, check=False)
        if asked.returncode == 0:
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
            return Daemon(suite, host, int(children[0]), process.pid)
        time.sleep(0.2)  # nothing tells when an engine begins to answer
    raise RuntimeError(f"{suite.name}: the engine does not start: {(data / 'log').read_text()[-1500:]}")


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the engine in order, for it removes its devices then; and what is left by ending the first process."""
    if process.poll() is not None:
        return
    for child in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split():
        os.kill(int(child), signal.SIGTERM)
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()


def forget(data: Path) -> None:
    """Remove its data, and its control groups, which are empty by now."""
    for found in _groups(data.name):
        found.rmdir()
    for found in _groups(PODMANS_GROUP):
        with suppress(OSError):  # it is in use: by a Podman of the machine's own
            found.rmdir()
    shutil.rmtree(data, ignore_errors=True)


def _groups(name: str) -> list[Path]:
    """A control group in every hierarchy, and all below it, innermost first."""
    return sorted([*GROUPS.glob(f"*/{name}/**/"), *GROUPS.glob(f"{name}/**/")], reverse=True)
