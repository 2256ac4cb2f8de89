"""Clients that want to break a server: the protocol's words in any order, nonsense, and leaving at any time.

WIRELAB_FUZZ says how many inputs each server gets; a few hundred where it is not set.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st

FUZZ = settings(max_examples=int(os.environ.get("WIRELAB_FUZZ", "150")))

ANY_LINE = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=60)
HEX = st.sampled_from(["0" * 32, "f" * 32, "0" * 64, "a" * 64, "A" * 64, "0" * 31, ""])


def acts(words: Sequence[str], clients: int = 3) -> Any:
    """A strategy for what hostile clients do: (client, what, line)."""
    line = st.one_of(st.sampled_from(list(words)), ANY_LINE, st.tuples(st.sampled_from(list(words)), HEX).map(" ".join))
    what = st.sampled_from(["say", "say", "say", "say", "say", "say", "leave", "wait", "come"])
    return st.lists(st.tuples(st.integers(0, clients - 1), what, line), max_size=60)
