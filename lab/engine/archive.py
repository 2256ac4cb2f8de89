"""Tar archives in memory: how files get into a container that runs anywhere."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable
from pathlib import Path

from lab.errors import EngineError, WordsError


def pack(files: Iterable[tuple[str, bytes, int]]) -> bytes:
    """A tar of files: name, content and mode of each, owned by root.

    It ends with the two empty blocks that mark the end, and is not padded to a whole record: Podman's reader leaves at
    the mark, and then sometimes fails because nobody read the padding (github.com/containers/buildah/issues/6573).
    """
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content, mode in files:
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), mode
            tar.addfile(entry, io.BytesIO(content))
        end = tar.offset + 2 * tarfile.BLOCKSIZE
    return buffer.getvalue()[:end]


def only_file(packed: bytes, where: str) -> bytes:
    """The content of the one file that a tar holds.

    Raises:
        EngineError: it holds something else, as a folder.
    """
    with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        first = tar.next()
        content = tar.extractfile(first) if first and first.isfile() else None
        if content is None:
            raise EngineError("it is not a file", where=where)
        return content.read()


def target_of(source: Path, target: str) -> tuple[str, str]:
    """Where on a node a file goes: its folder, and its name there.

    Args:
        source: the file here.
        target: a path on the node; one that ends in `/` is a folder.

    Raises:
        WordsError: `target` is not a plain path from the node's root.
    """
    if not target.startswith("/") or ".." in target.split("/") or "\0" in target:
        raise WordsError(f"{target!r} is no path from / without ..", where="--to", remedy="as --to /root/")
    folder, _, given = target.rpartition("/")
    return folder or "/", given or source.name


def fabric() -> list[tuple[str, bytes, int]]:
    """The agent's source files, as the package `fabric`."""
    folder = Path(__file__).parents[1] / "fabric"
    return [(f"fabric/{path.name}", path.read_bytes(), 0o644) for path in sorted(folder.glob("*.py"))]
