"""The guest kernel's files: Debian's user-mode Linux, with the kmod and the iproute2 of its age, in a cached folder.

Bookworm's kernel (6.1) and trixie's (6.12) panic at once on processors with AVX-512 or AMX: they hand ptrace(2) a
register set of a fixed 832 bytes, and the host wants exactly its own size (EFAULT; sized as it should be from 6.13 on).
So the kernel comes from a newer release than the machine's, by name, through the machine's own package sources; its
programs and its C library stay in a folder of their own, and nothing of the machine changes.
"""

from __future__ import annotations

import fcntl
import os
import platform
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SUITES = ("forky", "sid")
PACKAGES = ("user-mode-linux", "kmod", "iproute2")
FORMAT = 1  # of the folder; another number makes it anew
FETCH_SECONDS = 300
NEEDED = ("mmdebstrap", "unshare", "chroot")

# A merged /usr is made by a package's script, and no script ran.
LINKS = {"lib": "usr/lib", "lib64": "usr/lib64", "bin": "usr/bin", "usr/lib/modules": "uml/modules"}
MOUNT_POINTS = ("mnt", "proc", "tmp")


class LackError(Exception):
    """What this machine lacks to run a guest kernel."""


@dataclass(frozen=True, slots=True)
class Tree:
    """A folder that holds the guest kernel, its modules and its tools."""

    path: Path

    @property
    def newer_tools(self) -> Path:
        """A folder for PATH, with the tc of the kernel's age; the host's may be too old for netem's seed."""
        return self.path / "wirelab"

    def version(self) -> str:
        """The kernel's release."""
        return next((self.path / "usr/lib/uml/modules").iterdir()).name


def ensure() -> Tree:
    """The folder, fetched if it is not there.

    Raises:
        LackError: this machine cannot run a guest kernel, or the packages cannot be had.
    """
    if platform.machine() != "x86_64":
        raise LackError("user-mode Linux needs an x86_64 processor")
    if os.geteuid() != 0:
        raise LackError("the guest kernel needs root: it runs on the host's file system")
    if missing := [tool for tool in NEEDED if not shutil.which(tool)]:
        raise LackError(f"this machine lacks {', '.join(missing)}: apt install mmdebstrap")
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "wirelab"
    home.mkdir(parents=True, exist_ok=True)
    target = home / f"guest-kernel-{FORMAT}"
    with _alone(home / "guest-kernel.lock"):
        if not target.is_dir():
            _make(target)
    return Tree(target)


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    with lock.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _make(target: Path) -> None:
    """Fetch the packages beside the place, then move them there: half a folder is never seen."""
    said = []
    for suite in SUITES:
        with tempfile.TemporaryDirectory(dir=target.parent, prefix="fetching-") as folder:
            made = Path(folder, "tree")
            done = subprocess.run(
                _fetch(suite, made), capture_output=True, text=True, check=False, timeout=FETCH_SECONDS
            )
            if done.returncode == 0:
                _furnish(made, target)
                made.rename(target)
                return
            errors = [line for line in done.stderr.splitlines() if line.startswith("E:")]
            said.append(f"{suite}: {' '.join(errors[:2]) or 'no reason given'}")
    raise LackError(f"{', '.join(PACKAGES)} cannot be fetched: {'; '.join(said)}")


def _fetch(suite: str, folder: Path) -> list[str]:
    """The command that unpacks the packages and what they need, and runs none of their scripts."""
    # A mirror may be a snapshot that is older than its signature allows; it is signed all the same.
    dated = '--aptopt=Acquire::Check-Valid-Until "false"'
    return ["mmdebstrap", dated, "--variant=extract", f"--include={','.join(PACKAGES)}", suite, str(folder)]


def _furnish(made: Path, target: Path) -> None:
    """Make a folder of packages one that programs run in.

    Args:
        made: the folder.
        target: where it will be.
    """
    for name, aim in LINKS.items():
        if not (made / name).exists():
            (made / name).symlink_to(aim)
    for name in MOUNT_POINTS:
        (made / name).mkdir(exist_ok=True)
    for name in ("usr/share/doc", "usr/share/man", "usr/share/locale", "var/lib/apt", "var/cache"):
        shutil.rmtree(made / name, ignore_errors=True)
    library = target / "usr/lib/x86_64-linux-gnu"
    tool = made / "wirelab" / "tc"
    tool.parent.mkdir()
    tool.write_text(
        "#!/bin/sh\n"
        f"TC_LIB_DIR={library}/tc exec {target}/lib64/ld-linux-x86-64.so.2 --library-path {library} "
        f'{target}/usr/sbin/tc "$@"\n'
    )
    tool.chmod(tool.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
