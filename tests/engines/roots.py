"""Root file systems that hold an engine each, from Debian's packages; made once, and kept."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

DOCKER = ("docker.io", "iptables", "iproute2", "ca-certificates", "fuse-overlayfs")
PODMAN = ("podman", "netavark", "crun", "iptables", "nftables", "ca-certificates")
NOT_FETCHED = "this engine could not be fetched"
"""How the reason begins for which its tests are skipped; `tests/conftest.py` lets that pass."""

FETCHING_SECONDS = 400
# A suite that was released long ago, or is not released, has an index whose date has passed.
ANY_DATE = 'Acquire::Check-Valid-Until "false"'


@dataclass(frozen=True, slots=True)
class Suite:
    """An engine of a release of Debian, and how its version begins."""

    name: str
    version: str
    release: str
    podman: bool = False

    @property
    def program(self) -> str:
        """What runs it, from its root."""
        return "usr/bin/podman" if self.podman else "usr/sbin/dockerd"


DOCKERS = (Suite("bookworm", "20.10", "bookworm"), Suite("trixie", "26.1", "trixie"), Suite("sid", "28.", "sid"))
PODMANS = (Suite("podman4", "4.3", "bookworm", podman=True), Suite("podman5", "5.4", "trixie", podman=True))
SUITES = DOCKERS + PODMANS


class NotFetchedError(Exception):
    """A root could not be fetched."""


def cache() -> Path:
    """Where roots are kept."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "wirelab" / "engines"


@contextmanager
def root(suite: Suite) -> Iterator[Path]:
    """The root of a suite, for one user at a time; fetched if it is not there.

    Raises:
        NotFetchedError: mmdebstrap did not succeed; with the end of what it said.
    """
    cache().mkdir(parents=True, exist_ok=True)
    with (cache() / f"{suite.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        place = cache() / suite.name
        if not (place / suite.program).exists():
            _fetch(suite, place)
        yield place


def _fetch(suite: Suite, place: Path) -> None:
    if not shutil.which("mmdebstrap"):
        raise NotFetchedError("mmdebstrap is not installed: apt install mmdebstrap")
    begun = place.with_suffix(".begun")
    shutil.rmtree(begun, ignore_errors=True)
    shutil.rmtree(place, ignore_errors=True)
    packages = ",".join(PODMAN if suite.podman else DOCKER)
    words = [f"--include={packages}", f"--aptopt={ANY_DATE}", suite.release, str(begun)]
    argv = ["nice", "mmdebstrap", "--variant=minbase", *words]
    try:
        done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=FETCHING_SECONDS)
    except subprocess.TimeoutExpired:
        shutil.rmtree(begun, ignore_errors=True)
        raise NotFetchedError(f"mmdebstrap took more than {FETCHING_SECONDS} s") from None
    if done.returncode:
        shutil.rmtree(begun, ignore_errors=True)
        raise NotFetchedError(done.stderr.strip()[-400:])
    begun.rename(place)
