"""Opens the files that a task writes for its caller: theirs, by their umask, and never what another user laid there.

Nothing here knows what is written. What is refused is what a kernel refuses with fs.protected_symlinks,
fs.protected_hardlinks and fs.protected_regular (proc_sys_fs(5)); not every kernel has them on.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

from lab.errors import WordsError

_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC
_EVERYBODY = stat.S_IWOTH


def create(target: Path | str, remedy: str = "give another file") -> BinaryIO:
    """Open a file to write to; what the caller had under that name is gone, as with `>` in a shell.

    Args:
        target: where. A link is followed if it is the caller's, or root's.
        remedy: what to do where it cannot be.

    Raises:
        WordsError: it cannot be written, or what is there is another user's: a link, or, in a folder that everybody
            may write to, a file.
    """
    try:
        handle = _opened(Path(target))
    except OSError as error:
        why = "another user's link" if error.errno == errno.ELOOP else (error.strerror or str(error)).lower()
        raise WordsError(f"it cannot be written: {why}", where=str(target), remedy=remedy) from None
    found = os.fstat(handle)
    if _is_anothers(found, Path(target)):
        os.close(handle)
        raise WordsError("another user has laid it there", where=str(target), remedy=remedy)
    if stat.S_ISREG(found.st_mode):
        os.ftruncate(handle, 0)
    return os.fdopen(handle, "wb")


def write(target: Path | str, text: str, remedy: str = "give another file") -> None:
    """Write a text, in UTF-8; see `create`."""
    with create(target, remedy) as file:
        file.write(text.encode())


def _opened(target: Path) -> int:
    """Open it, and truncate nothing yet; ELOOP for another user's link."""
    if target.is_symlink() and target.lstat().st_uid in (os.geteuid(), 0):
        return os.open(target, _FLAGS, 0o666)
    return os.open(target, _FLAGS | os.O_NOFOLLOW, 0o666)  # O_NOFOLLOW: ELOOP where it became a link meanwhile


def _is_anothers(found: os.stat_result, target: Path) -> bool:
    """Whether what was opened is not for the caller to write: somebody else's, or one file with two names.

    A terminal or another device is what it is, whoever it belongs to.
    """
    shared = Path(os.path.realpath(target)).parent
    if stat.S_ISCHR(found.st_mode) or not shared.is_dir() or not shared.stat().st_mode & _EVERYBODY:
        return False
    return found.st_uid != os.geteuid() or (stat.S_ISREG(found.st_mode) and found.st_nlink > 1)
