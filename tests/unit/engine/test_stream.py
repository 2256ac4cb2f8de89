"""Docker's one connection for two streams: frames, characters and lines, however they are cut."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.engine import stream


class Pieces:
    """A connection that gives its bytes in the pieces that it was made of."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = [piece for piece in pieces if piece]

    def recv(self, count: int, /) -> bytes:
        """As much of the next piece as is asked for; none at the end."""
        if not self._pieces:
            return b""
        piece = self._pieces.pop(0)
        if piece[count:]:
            self._pieces.insert(0, piece[count:])
        return piece[:count]


def _frame(number: int, data: bytes) -> bytes:
    return bytes([number, 0, 0, 0]) + len(data).to_bytes(4, "big") + data


def _lines(*pieces: bytes) -> list[tuple[str, str]]:
    return list(stream.lines(Pieces(pieces)))


def test_lines_carry_the_name_of_their_stream() -> None:
    """1 is stdout, 2 is stderr; each line as it comes."""
    assert _lines(_frame(1, b"hello\n") + _frame(2, b"oh\n") + _frame(1, b"bye\n")) == [
        ("stdout", "hello"),
        ("stderr", "oh"),
        ("stdout", "bye"),
    ]


def test_the_last_line_may_lack_its_end() -> None:
    """A prompt, or a program that was ended."""
    assert _lines(_frame(1, b"one\ntwo")) == [("stdout", "one"), ("stdout", "two")]


def test_an_empty_stream_has_no_lines() -> None:
    """Nor has one of empty frames."""
    assert _lines() == []
    assert _lines(_frame(1, b""), _frame(2, b"")) == []


def test_an_empty_line_is_a_line() -> None:
    """And an empty frame in between changes nothing."""
    assert _lines(_frame(1, b"\n"), _frame(1, b""), _frame(1, b"a\n")) == [("stdout", ""), ("stdout", "a")]


def test_a_line_in_several_frames_is_one_line() -> None:
    """Even where the other stream speaks in between."""
    pieces = _frame(1, b"hel"), _frame(2, b"warn\n"), _frame(1, b"lo\n")
    assert _lines(*pieces) == [("stderr", "warn"), ("stdout", "hello")]


def test_a_character_in_two_frames_is_one_character() -> None:
    """UTF-8 is put together across frames, for each stream by itself."""
    word = "½ µs ☎".encode()
    for cut in range(len(word) + 1):
        pieces = _frame(1, word[:cut]), _frame(2, b"x\n"), _frame(1, word[cut:] + b"\n")
        assert _lines(*pieces) == [("stderr", "x"), ("stdout", "½ µs ☎")]


def test_frames_may_be_cut_at_every_byte() -> None:
    """Headers and contents alike."""
    whole = _frame(1, "grüße\nzwei\r\n".encode()) + _frame(2, b"err")
    expected = [("stdout", "grüße"), ("stdout", "zwei"), ("stderr", "err")]
    for cut in range(len(whole) + 1):
        assert _lines(whole[:cut], whole[cut:]) == expected
    assert _lines(*(bytes([byte]) for byte in whole)) == expected


def test_bytes_that_are_no_characters_are_shown() -> None:
    """As backslashes, not as a failure."""
    assert _lines(_frame(1, b"a\xff\xfeb\n")) == [("stdout", "a\\xff\\xfeb")]


def test_a_character_that_is_never_finished_is_shown() -> None:
    """What a program said last is not lost because it broke off inside a character."""
    assert _lines(_frame(1, b"ab\xc3")) == [("stdout", "ab\\xc3")]


@pytest.mark.parametrize("cut", range(1, 8 + 5))
def test_a_connection_that_breaks_off_ends_the_lines(cut: int) -> None:
    """Inside a header or a frame: what came whole before is there, and nothing is raised."""
    assert _lines(_frame(1, b"first\n") + _frame(1, b"later\n")[:cut])[0] == ("stdout", "first")


@given(
    st.lists(
        st.tuples(st.sampled_from([1, 2]), st.text(st.characters(exclude_characters="\r"), max_size=12)), max_size=6
    ),
    st.lists(st.integers(1, 9), max_size=30),
)
def test_however_it_is_cut_the_same_lines_come_out(said: list[tuple[int, str]], sizes: list[int]) -> None:
    """Each stream's text is what was said on it, whatever the pieces; surrogates cannot be said."""
    said = [(number, text.encode("utf-8", "replace").decode()) for number, text in said]
    whole = b"".join(_frame(number, text.encode()) for number, text in said)
    pieces = []
    for size in sizes:
        pieces.append(whole[:size])
        whole = whole[size:]
    heard = _lines(*pieces, whole)
    for number, name in stream.NAMES.items():
        text = "".join(text for of, text in said if of == number)
        assert [line for stream_, line in heard if stream_ == name] == text.removesuffix("\n").split("\n") * bool(text)


def test_a_line_that_never_ends_is_given_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that never ends a line does not fill the memory of who listens; nothing of it is lost."""
    monkeypatch.setattr(stream, "LONGEST_LINE", 1000)
    made = stream.Lines()
    parts = [line for _ in range(100) for line in made.feed("é".encode() * 300)]
    assert {len(part) for part in parts} == {1200}
    assert sum(map(len, [*parts, *made.feed(b"", final=True)])) == 30_000
    assert list(made.feed(b"short\n")) == ["short"]
