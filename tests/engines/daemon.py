"""A Docker engine beside the machine's own: in namespaces of its own, which end with it, however the tests end."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.engines.roots import Suite, root

LAUNCH = Path(__file__).with_name("launch.sh")
READY_SECONDS = 90
GROUPS = Path("/sys/fs/cgroup")


@dataclass(frozen=True, slots=True)
class Daemon:
    """An engine that runs. `process` is in all its namespaces."""

    suite: Suite
    host: str
    process: int

    def docker(self, *words: str) -> str:
        """What a command of Docker's prints; it must end well."""
        argv = ["docker", "--host", self.host, *words]
        return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.strip()

    def inside(self, *argv: str) -> list[str]:
        """A command in the engine's network namespace, with the machine's own files."""
        return ["nsenter", f"--net=/proc/{self.process}/ns/net", *argv]

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
    driver = "overlay2" if "\toverlay\n" in Path("/proc/filesystems").read_text() else "fuse-overlayfs"
    words = ["--storage-driver", driver, "--cgroup-parent", f"/{data.name}", *options]
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


def _ready(suite: Suite, process: subprocess.Popen[bytes], data: Path) -> Daemon:
    host = f"unix://{data}/docker.sock"
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        asked = subprocess.run(["docker", "--host", host, "version"], capture_output=True, check=False)
        if asked.returncode == 0:
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
            return Daemon(suite, host, int(children[0]))
        time.sleep(0.2)  # nothing tells when an engine begins to answer
    raise RuntimeError(f"{suite.name}: the engine does not start: {(data / 'log').read_text()[-1500:]}")


def _end(process: subprocess.Popen[bytes]) -> None:
    """End dockerd in order, for it removes its devices then; and what is left by ending the first process."""
    for child in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split():
        os.kill(int(child), signal.SIGTERM)
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()


def forget(data: Path) -> None:
    """Remove its data, and its control groups, which are empty by now."""
    for found in sorted(GROUPS.glob(f"*/{data.name}/**/"), reverse=True) + sorted(
        GROUPS.glob(f"{data.name}/**/"), reverse=True
    ):
        found.rmdir()
    shutil.rmtree(data, ignore_errors=True)
