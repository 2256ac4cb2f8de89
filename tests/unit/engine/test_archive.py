"""Archives: what gets into containers."""

from __future__ import annotations

import io
import tarfile

from lab.engine import archive


def test_an_archive_ends_where_it_says_so() -> None:
    """Two empty blocks end it, and nothing follows: a reader that stops there has read it all, as Podman's must."""
    packed = archive.pack([("a", b"x" * 700, 0o644), ("b", b"", 0o755)])
    with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        assert [(entry.name, entry.size, entry.mode) for entry in tar] == [("a", 700, 0o644), ("b", 0, 0o755)]
    assert len(packed) == (1 + 2) * 512 + 512 + 2 * 512
    assert archive.only_file(archive.pack([("c", b"content", 0o600)]), "here") == b"content"
