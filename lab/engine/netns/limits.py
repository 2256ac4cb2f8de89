"""How much of the machine's memory and processes a node may take: a control group for each, cgroups(7).

Where the machine's control groups cannot be had, as in many containers, nodes are without limits.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from lab.engine.netns import marks

PROCESSES, MEMORY_BYTES = 1024, 1 << 30
"""As on a Docker node."""

GROUPS = Path("/sys/fs/cgroup")
OURS = "wirelab"
LOOK_AGAIN_SECONDS = 0.005
_FILES = {
    "pids.max": PROCESSES,
    "memory.max": MEMORY_BYTES,  # version 2
    "memory.swap.max": 0,
    "memory.limit_in_bytes": MEMORY_BYTES,  # version 1
    "memory.memsw.limit_in_bytes": MEMORY_BYTES,
}


def make(lab: str, nodes: Sequence[str]) -> None:
    """Make the control groups of a lab's nodes, as far as the machine lets us."""
    for root in _roots():
        with suppress(OSError):
            for parent in (root, root / OURS, root / OURS / lab):
                parent.mkdir(exist_ok=True)
                _hand_down(parent)
            for node in nodes:
                group = root / OURS / lab / node
                group.mkdir(exist_ok=True)
                _limit(group)


def _roots() -> list[Path]:
    """Where control groups are made: one place, or with version 1 one for each kind."""
    if (GROUPS / "cgroup.controllers").exists():
        return [GROUPS]
    return [GROUPS / kind for kind in ("memory", "pids") if (GROUPS / kind / "cgroup.procs").exists()]


def available() -> bool:
    """Whether a node's limits could be had, as far as can be told without making a group."""
    needed = {"memory", "pids"}
    roots = _roots()
    if (GROUPS / "cgroup.controllers").exists():
        return needed <= set((GROUPS / "cgroup.controllers").read_text().split()) and os.access(GROUPS, os.W_OK)
    return {root.name for root in roots} == needed and all(os.access(root, os.W_OK) for root in roots)


def _hand_down(group: Path) -> None:
    """Have the groups below this one count memory and processes; version 1 does anyway."""
    control = group / "cgroup.subtree_control"
    if control.exists() and not {"memory", "pids"} <= set(control.read_text().split()):
        control.write_text("+memory +pids")


def _limit(group: Path) -> None:
    for name, value in _FILES.items():
        if (group / name).exists():
            with suppress(OSError):  # swap may not be counted here
                (group / name).write_text(str(value))


def groups(lab: str, node: str = "") -> list[str]:
    """The control groups of a node, or those that hold a lab's, which are there."""
    found = (root / OURS / lab / node for root in _roots())
    return [str(path) for path in found if path.is_dir()]


def remove(lab: str) -> None:
    """Remove a lab's control groups; who is still in one is ended.

    Raises:
        EngineError: a process does not end.
    """
    for folder in map(Path, groups(lab)):
        for group in (*(path for path in folder.iterdir() if path.is_dir()), folder):
            with suppress(FileNotFoundError):  # another `down` was faster
                _remove(group)


def _remove(group: Path) -> None:
    """End who is in a control group, then remove it.

    For a moment, an ending process is no longer listed and yet counts: the kernel refuses by EBUSY
    (css_task_iter_advance in kernel/cgroup/cgroup.c), and version 1 tells nobody when the moment is over.
    """
    deadline = time.monotonic() + marks.PATIENCE_SECONDS
    while True:
        while members := (group / "cgroup.procs").read_text().split():
            marks.end(map(int, members))
        try:
            group.rmdir()
        except OSError as error:
            if error.errno != errno.EBUSY or time.monotonic() > deadline:
                raise
            time.sleep(LOOK_AGAIN_SECONDS)  # nobody tells: see above
        else:
            return
