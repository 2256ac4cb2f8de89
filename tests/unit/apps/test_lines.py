"""Lines out of a stream: pieces and several at once come to the same, and what is no line ends it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.apps.lines import LONGEST, LineError, LineReader

TEXT = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=LONGEST)


@given(st.lists(TEXT, max_size=8), st.lists(st.integers(1, 50), max_size=20), st.sampled_from(["\n", "\r\n"]))
def test_how_a_stream_is_cut_does_not_matter(lines: list[str], cuts: list[int], end: str) -> None:
    """Whatever pieces TCP makes of them, the same lines come out."""
    stream = "".join(line + end for line in lines).encode()
    reader = LineReader()
    heard: list[str] = []
    for cut in [*cuts, len(stream)]:
        heard += reader.feed(stream[:cut])
        stream = stream[cut:]
    assert heard == lines


@pytest.mark.parametrize(
    ("piece", "code"),
    [
        (b"x" * (LONGEST + 1) + b"\n", "too-long"),
        (b"x" * (LONGEST + 2), "too-long"),
        (b"caf\xc3\xa9\n", "not-text"),
        (b"tab\there\n", "not-text"),
        (b"\x1b[2J\n", "not-text"),
        (b"nul\0\n", "not-text"),
    ],
)
def test_what_is_no_line(piece: bytes, code: str) -> None:
    """Too long, with or without an end, and anything that could drive a terminal."""
    with pytest.raises(LineError) as caught:
        list(LineReader().feed(piece))
    assert caught.value.code == code


def test_lines_before_a_bad_one_are_heard() -> None:
    """What was right is not lost with what follows."""
    feed = LineReader().feed(b"good\nb\0d\n")
    assert next(feed) == "good"
    with pytest.raises(LineError):
        next(feed)
