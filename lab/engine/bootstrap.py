"""A base image out of Debian's own packages, for where no registry answers. Uses mmdebstrap(1)."""

from __future__ import annotations

import contextlib
import os
import platform
import shutil
import subprocess
import textwrap
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from lab.errors import ImageError

BASE = "wirelab-base:bookworm"
PULLED_BASE = "debian:bookworm-slim"
TAIL_LINES = 15
PROGRESS_WIDTH = 100

_SUITE = "bookworm"
_STOP_SECONDS = 30.0
_USR_MERGE_HOOK = Path("/usr/share/mmdebstrap/hooks/maybe-merged-usr")
_LEFT_OUT = ("man/*", "info/*", "lintian/*", "locale/*", "doc/*")

Say = Callable[[str], None]


def bootstrap(tar: Path, say: Say) -> None:
    """Make a tar of a small Debian out of its packages, with mmdebstrap(1)."""
    if shutil.which("mmdebstrap") is None:
        _install_mmdebstrap(say)
    # Without root, mmdebstrap works as a user of a namespace, to whom this folder is another's.
    tar.parent.chmod(0o755)
    mirrors = _host_mirrors()
    include = ["ca-certificates"] if any("https://" in line for line in mirrors) else []
    argv = [
        "mmdebstrap",
        "--variant=minbase",
        *(f"--dpkgopt=path-exclude=/usr/share/{it}" for it in _LEFT_OUT),
    ]
    argv += ["--dpkgopt=path-include=/usr/share/doc/*/copyright"]
    # These two are the host's; Docker gives each container its own.
    argv += ['--customize-hook=rm -f "$1/etc/resolv.conf" "$1/etc/hostname"']
    if _USR_MERGE_HOOK.is_dir():  # else the package usrmerge does the merging, and brings 45 MB of Perl along
        include.append("usr-is-merged")
        argv.append(f"--hook-dir={_USR_MERGE_HOOK}")
    argv += [f"--include={name}" for name in include]
    say("bootstrapping Debian with mmdebstrap, half a minute or so")
    remedy = f"where a registry answers: docker pull {PULLED_BASE}; else see to apt's sources: apt-get update"

    def on_line(line: str) -> None:
        if line.startswith("I: "):
            say(textwrap.shorten(f"mmdebstrap: {line[3:]}", PROGRESS_WIDTH, placeholder=" …"))

    _run([*argv, _SUITE, str(tar), *mirrors], remedy, on_line)


def _host_mirrors() -> list[str]:
    """The host's own Debian sources of this suite, in the form of sources.list(5).

    They are known to work here. Where there are none (another system, or only sources that a container cannot
    reach), mmdebstrap takes its default mirror, with updates and security.
    """
    if shutil.which("apt-get") is None:
        return []
    form = "$(ORIGIN)|$(COMPONENT)|$(RELEASE)|$(REPO_URI)"
    argv = ["apt-get", "indextargets", "--format", form, "Created-By: Packages"]
    listed = subprocess.run(argv, capture_output=True, text=True, check=False).stdout
    sources: dict[str, str] = {}
    for line in listed.splitlines():
        origin, component, release, uri = (line.split("|") + [""] * 3)[:4]
        reachable = uri.startswith(("http://", "https://")) and "//localhost" not in uri and "//127." not in uri
        suites = (_SUITE, f"{_SUITE}-updates", f"{_SUITE}-security")
        if origin == "Debian" and component == "main" and release in suites and reachable:
            sources.setdefault(release, f"deb {uri} {release} main")
    return list(sources.values()) if _SUITE in sources else []


def _install_mmdebstrap(say: Say) -> None:
    remedy = f"on Debian or Ubuntu: sudo apt-get install mmdebstrap; elsewhere: docker pull {PULLED_BASE}"
    try:
        system = platform.freedesktop_os_release()
    except OSError:
        system = {}
    debian = "debian" in f"{system.get('ID', '')} {system.get('ID_LIKE', '')}".split()
    if not (debian and os.geteuid() == 0 and shutil.which("apt-get")):
        raise ImageError("no base image, no registry, and mmdebstrap is not installed", where=BASE, remedy=remedy)
    say("installing mmdebstrap with apt-get")
    install = ["apt-get", "install", "--yes", "--no-install-recommends"]
    with contextlib.suppress(ImageError):  # one broken source out of many need not matter
        _run(["apt-get", "update"], remedy)
    _run([*install, "mmdebstrap", "debian-archive-keyring", "gpg"], remedy)


def _run(argv: Sequence[str], remedy: str, on_line: Say = lambda _: None) -> None:
    """Run a command and hand on its lines; when interrupted, wait until it has cleaned up after itself."""
    tail: deque[str] = deque(maxlen=TAIL_LINES)
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
    with subprocess.Popen(
        argv,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env=environment,
        process_group=0,  # a failing mmdebstrap hangs up its whole process group, which must not be ours
    ) as process:
        try:
            for line in process.stdout or ():
                tail.append(line.rstrip())
                on_line(line.rstrip())
        except BaseException:
            process.terminate()
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
            raise
    if process.returncode:
        raise failed(f"{argv[0]} failed with status {process.returncode}", BASE, tail, remedy)


def failed(what: str, where: str, tail: Iterable[str], remedy: str) -> ImageError:
    """The error for a step that failed, with the end of what it printed."""
    shown = "".join(f"\n  | {line}" for line in tail)
    return ImageError(f"{what}{shown}\n" if shown else what, where=where, remedy=remedy)
