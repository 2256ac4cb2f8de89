"""Somebody's own programs: how their words are read, and what comes of how they ended."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.engine.netns.engine import NetnsEngine
from lab.errors import TopologyError, WordsError
from lab.lab import Lab
from lab.model.plan import LabSpec, decide
from lab.observe import own
from lab.observe.own import Ending

LAB = Lab(NetnsEngine(), decide(LabSpec()))


@pytest.fixture
def server(tmp_path: Path) -> Path:
    """A file of somebody's."""
    file = tmp_path / "my_server.py"
    file.write_text("print('hello')\n")
    return file


def test_a_file_its_node_and_its_words(server: Path) -> None:
    """As a shell would take them apart; Python holds nothing back."""
    read = own.read(LAB, f"{server}@h1 --greeting 'good day'")
    assert (read.node, read.file) == ("h1", server)
    assert read.argv == ["python3", "-u", "/root/my_server.py", "--greeting", "good day"]


def test_what_can_be_run_is_run_as_it_is(tmp_path: Path) -> None:
    """A script with its own first line, or a program that was compiled."""
    file = tmp_path / "serve"
    file.write_text("#!/bin/sh\n")
    with pytest.raises(WordsError, match=r"neither a \.py file nor one that can be run") as refused:
        own.read(LAB, f"{file}@h1")
    assert refused.value.remedy == f"chmod +x {file}"
    file.chmod(0o755)
    assert own.read(LAB, f"{file}@h1").argv == ["/root/serve"]


@pytest.mark.parametrize(
    ("text", "kind", "what"),
    [
        ("nosuch.py@h1", WordsError, "there is no such file"),
        ("my_server.py", WordsError, "does not say on which node"),
        ("'my_server.py@h1", WordsError, "No closing quotation"),
        ("", WordsError, "cannot be read"),
        ("{file}@h9", TopologyError, "no node is called 'h9'"),
    ],
)
def test_wrong_words_are_refused(server: Path, text: str, kind: type[WordsError], what: str) -> None:
    """With what is wrong, and an example."""
    with pytest.raises(kind, match=what) as refused:
        own.read(LAB, text.format(file=server))
    assert refused.value.remedy


def test_programs_are_called_by_their_nodes_where_that_tells_them_apart(server: Path) -> None:
    """Two on one node keep their whole names."""
    texts = [f"{server}@h1", f"{server}@h2", f"{server}@h1"]
    assert [each.name for each in own.name(own.read(LAB, text) for text in texts)] == [texts[0], "h2", texts[2]]


@pytest.mark.parametrize(
    ("codes", "code"),
    [([0, 0], 0), ([None, 0], 0), ([0, 3], 3), ([4, 3], 4), ([None, 3], 3), ([0, None], 124), ([None], 124), ([2], 2)],
    ids=str,
)
def test_one_exit_code_for_all(codes: list[int | None], code: int) -> None:
    """The first that is not 0; a server that serves for ever is good, and a client that never ends is not."""
    endings = [Ending(f"h{number}", each) for number, each in enumerate(codes)]
    assert own.exit_code(endings) == code
    assert len(list(own.remarks(endings, 60))) == sum(each != 0 for each in codes)
