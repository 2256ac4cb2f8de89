"""Claims on names of labs, as far as one process can try them."""

from __future__ import annotations

import os
from pathlib import Path

from lab.engine.base import unheard
from lab.engine.netns import claims


def test_looking_at_a_claim_changes_nothing(tmp_path: Path) -> None:
    """One is seen as long as it is held, for its name alone; who looks makes no file and takes no claim."""
    assert not claims.held(tmp_path, "lab")
    assert list(tmp_path.iterdir()) == []
    with claims.claim(tmp_path, "lab", unheard, 0):
        assert claims.held(tmp_path, "lab")
        assert not claims.held(tmp_path, "other")
    assert not claims.held(tmp_path, "lab")
    with claims.claim(tmp_path, "lab", unheard, 0):  # it was not taken by looking
        pass


def test_a_child_that_is_just_being_started_keeps_nothing(tmp_path: Path) -> None:
    """Between fork and exec it has a copy of every handle; the claim ends all the same when its holder lets go."""
    hears, tells = os.pipe()
    with claims.claim(tmp_path, "lab", unheard, 0), claims.alone_with_blocks(tmp_path):
        child = os.fork()
        if not child:  # pragma: no cover - another process
            os.close(tells)
            os.read(hears, 1)
            os._exit(0)
    try:
        with claims.claim(tmp_path, "lab", unheard, 0), claims.alone_with_blocks(tmp_path):
            pass
    finally:
        os.close(tells)
        os.waitpid(child, 0)
