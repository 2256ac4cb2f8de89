"""Clients that want to break a server: the protocol's words in any order, nonsense, and leaving at any time.

WIRELAB_FUZZ says how many inputs each server gets; a few hundred where it is not set.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st

FUZZ = settings(max_examples=int(os.environ.get("WIRELAB_FUZZ", "150")), deadline=None)

ANY_LINE = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=60)
HEX = st.sampled_from(["0" * 32, "f" * 32, "0" * 64, "a" * 64, "A" * 64, "0" * 31, ""])


def acts(words: Sequence[str], clients: int = 3) -> Any:
    """A strategy for what hostile clients do: (client, what, line)."""
    line = st.one_of(st.sampled_from(list(words)), ANY_LINE, st.tuples(st.sampled_from(list(words)), HEX).map(" ".join))
    what = st.sampled_from(["say", "say", "say", "say", "say", "say", "leave", "wait", "come"])
    return st.lists(st.tuples(st.integers(0, clients - 1), what, line), max_size=60)


def raids(words: Sequence[str]) -> Any:
    """A strategy for what hostile clients do over sockets: (client, what, bytes).

    Whole messages, several in one piece, one in several pieces, half a message, rubbish, and lines without an end;
    and ends of all kinds between them.
    """
    line = st.one_of(st.sampled_from(list(words)), ANY_LINE, st.tuples(st.sampled_from(list(words)), HEX).map(" ".join))
    message = st.tuples(line, st.sampled_from(["\n", "\n", "\r\n", ""])).map("".join).map(str.encode)
    huge = st.sampled_from([b"x" * 201, b"x" * 5000, b" " * 70_000, b"leave\n" * 2000, b"\n" * 9000])
    data = st.one_of(
        *[message, st.lists(message, min_size=2, max_size=6).map(b"".join)] * 3, st.binary(max_size=300), huge
    )
    deed = st.one_of(
        *[st.tuples(st.just("send"), data)] * 6,
        st.tuples(st.sampled_from(["hear", "hear", "half", "reset", "close"]), st.just(b"")),
    )
    one = st.tuples(st.integers(0, 2), deed).map(lambda each: (each[0], *each[1]))
    return st.lists(one, max_size=25)
