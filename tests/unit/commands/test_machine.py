"""What `doctor` shows."""

from __future__ import annotations

from lab.commands.machine import folded

WORDS = "netem: the kernel has none: delay, jitter and loss are made by the software wire, slower and not as exact"


def test_a_long_finding_is_folded_at_a_word() -> None:
    """In 80 columns no line is longer, the second stands below the first word, and no word is lost."""
    lines = folded(WORDS, 80).splitlines()
    assert all(len(line) <= 80 for line in ["ok    " + lines[0], *lines[1:]])
    assert len(lines) == 2
    assert lines[1].startswith("      ")
    assert " ".join(line.strip() for line in lines) == WORDS


def test_programs_read_one_line() -> None:
    """Where no terminal is, nothing is folded."""
    assert folded(WORDS, 0) == WORDS
