"""An engine beside the machine's own: in namespaces of its own, which end with it, however the tests end."""

from __future__ import annotations

import os
import select
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
ENDING_SECONDS = 60  # of an engine that stops its containers first
GROUPS = Path("/sys/fs/cgroup")
PODMANS_GROUP = "libpod_parent"  # it cannot be told another one
SOCKET = "unix:///data/docker.sock"
DOCKERD = ("dockerd", "--host", SOCKET, "--data-root", "/data/lib", "--exec-root", "/data/run")
PODMAN = ("podman", "--cgroup-manager", "cgroupfs", "--root", "/data/lib", "--runroot", "/data/run")


@dataclass(frozen=True, slots=True)
class Daemon:
    """An engine that runs.

    Attributes:
        process: the first of the engine's PID namespace: with it, all others end.
        starter: it waits for that one, in the engine's network namespace; Podman itself goes to another.
    """

    suite: Suite
    data: Path
    process: int
    starter: int

    @property
    def host(self) -> str:
        """Where it answers."""
        return f"unix://{self.data}/docker.sock"

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

    def restart(self, number: signal.Signals) -> None:
        """The same as `end`; returns when it answers again."""
        self.end(number)
        self.wait()

    def end(self, number: signal.Signals) -> None:
        """End the engine alone by a signal, in order or not; it begins anew at once, which takes a while.

        Its containers are its own affair: what it stops, what outlives it, and what it makes of that afterwards.
        """
        handle = os.pidfd_open(self._engine())
        (self.data / "again").touch()
        try:
            signal.pidfd_send_signal(handle, number)
            if not select.select([handle], [], [], ENDING_SECONDS)[0]:
                raise RuntimeError(f"{self.suite.name}: the engine does not end by {number.name}")
        finally:
            os.close(handle)

    def wait(self) -> None:
        """Wait until it answers.

        Raises:
            RuntimeError: it ended, or does not answer in time; with the end of its log.
        """
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline and _children(self.starter):
            asked = subprocess.run(["docker", "--host", self.host, "version"], capture_output=True, check=False)
            if asked.returncode == 0:
                return
            time.sleep(0.2)  # nothing tells when an engine begins to answer
        said = (self.data / "log").read_text()[-1500:]
        raise RuntimeError(f"{self.suite.name}: the engine does not start: {said}")

    def _engine(self) -> int:
        """The process of the engine itself, among those that became the first one's children."""
        name = Path(self.suite.program).name
        return next(pid for pid in _children(self.process) if Path(f"/proc/{pid}/comm").read_text().strip() == name)


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
                    yield _started(suite, process, data)
                finally:
                    _end(process)
    finally:
        forget(data)


def _engine(suite: Suite, group: str, options: tuple[str, ...]) -> list[str]:
    """The command that runs the engine."""
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


def _started(suite: Suite, process: subprocess.Popen[bytes], data: Path) -> Daemon:
    """An engine that answers, begun by `process`."""
    while not (children := _children(process.pid)) and process.poll() is None:
        time.sleep(0.01)  # until it has made the namespaces, of which nothing tells
    daemon = Daemon(suite, data, children[0] if children else 0, process.pid)
    daemon.wait()
    return daemon


def _children(process: int) -> list[int]:
    """The processes that one has begun, or has inherited; none where it has ended."""
    with suppress(FileNotFoundError, ProcessLookupError):
        return [int(word) for word in Path(f"/proc/{process}/task/{process}/children").read_text().split()]
    return []


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the engine in order, for it removes its devices then; and what is left by ending the first process."""
    if process.poll() is not None:
        return
    for child in _children(process.pid):
        os.kill(child, signal.SIGTERM)
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
