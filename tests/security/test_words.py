"""What a user types stays words: no shell, no markup, no orders to a terminal, no path. docs/security.md, 9 and 10."""

from __future__ import annotations

import io
import os
import pty
import subprocess
from pathlib import Path

import pytest
from rich.console import Console
from rich.text import Text

from lab.engine import archive
from lab.engine.docker.client import connect
from lab.engine.netns import folder
from lab.engine.netns.folder import STATE, Folder
from lab.errors import EngineError, LabError, WordsError
from lab.observe import report
from tests.integration.test_commands import ROOT, command, inv
from tests.security.conftest import Place

TITLE = "\x1b]0;owned\x07"
NAMES = ["../../tmp/x", "/etc", "..", "a/b", "$(id)", "[red]x", "a b", "-rf", "a\nb", "é", "x" * 32, TITLE]


def test_a_message_is_a_message(shut: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A message of shell words, markup and orders to the terminal arrives as it was typed, and is shown harmless.

    Guard: programs are started with lists of words, and lines are printed as text, made plain. A shell would run it,
    and rich would swallow the markup.
    """
    trap = tmp_path / "owned"
    message = f"$(touch {trap}) `touch {trap}` ; touch {trap} [red]x[/red] [/] {TITLE}end"
    words = ("--server", "h1", "--client", "h2", "--name", shut.lab.name, "--buffer", "4096", "--message", message)
    said = inv("run", "tcp", *words).stdout
    assert message.replace("\x1b", "\\x1b").replace("\x07", "\\x07") in said
    logged = inv("logs", "h1", "--name", shut.lab.name).stdout
    assert "\x1b" not in said + logged
    assert not trap.exists()
    assert shut.result("h1", "test", "-e", str(trap))[0] == 1
    subprocess.run(["sh", "-c", f"echo {message.partition('[')[0]}"], check=True, capture_output=True)
    assert trap.exists()
    assert Text.from_markup("[red]x[/red]").plain == "x"
    monkeypatch.setattr(report, "plain", str)
    file = io.StringIO()
    report.speaker(Console(file=file), ("h1",))("h1", "stdout", message)
    assert "\x1b" in file.getvalue()


def test_what_a_program_says_is_shown(shut: Place, tmp_path: Path) -> None:
    """A program that gives orders to the terminal is shown by `run` and `logs`, and not obeyed.

    Guard: `plain`. In the pipe of `exec`, as another test here shows, the same words are orders.
    """
    (tmp_path / "says.py").write_text(f"print({TITLE!r} + '[red]x')\n")
    said = inv("run", f"{tmp_path / 'says.py'}@h1", "--name", shut.lab.name).stdout
    logged = inv("logs", "h1", "--name", shut.lab.name).stdout
    for text in (said, logged):
        assert "\\x1b]0;owned\\x07[red]x" in text
        assert "\x1b" not in text


@pytest.mark.parametrize("name", NAMES)
def test_a_labs_name_is_no_path(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is no lab's name is refused before it becomes a path, or a name of the engine's.

    Guard: one pattern. Without, it is a folder of that name, wherever that leads.
    """
    with pytest.raises(WordsError):
        Folder(name)
    monkeypatch.setattr(folder, "check_name", str)
    assert Folder(name).path == STATE / name


@pytest.mark.parametrize("task", ["up", "down", "status", "plan"])
def test_a_name_that_leads_elsewhere_is_wrong_words(task: str, tmp_path: Path) -> None:
    """`down --name ../../…` ends with exit code 2. Guard: as above. Without it, such a name is a folder elsewhere."""
    (tmp_path / "lab.json").write_text("{}")
    name = os.path.relpath(tmp_path, STATE)
    inv(task, "--name", name, code=2)
    assert (STATE / name / "lab.json").resolve() == tmp_path / "lab.json"
    assert (tmp_path / "lab.json").exists()


def test_a_terminal_gets_no_orders_from_a_node(shut: Place) -> None:
    """`exec` at a terminal shows control characters; into a pipe it passes bytes as they are.

    Guard: `plain`, where somebody looks on. Without, as in the pipe, the order is there to be obeyed.
    """
    argv = command("exec", "h1", r"printf '\033]0;owned\007[red]x\n'", "--name", shut.lab.name)
    assert subprocess.run(argv, cwd=ROOT, capture_output=True, check=True).stdout == f"{TITLE}[red]x\n".encode()
    above, below = pty.openpty()
    with subprocess.Popen(argv, cwd=ROOT, stdin=below, stdout=below, stderr=below) as process:
        os.close(below)
        seen = b""
        while process.poll() is None or b"\n" not in seen:
            try:
                seen += os.read(above, 4096)
            except OSError:  # the last who held the other end let go
                break
    os.close(above)
    assert b"\\x1b]0;owned\\x07[red]x" in seen
    assert TITLE.encode() not in seen


def test_an_error_gives_no_orders(monkeypatch: pytest.MonkeyPatch) -> None:
    """What failed may quote what a node said: it is shown, not obeyed. Guard: `plain`. Without, the order is there."""
    failure = LabError(f"bad {TITLE}", where="h1")
    assert report.error(failure) == "error: h1: bad \\x1b]0;owned\\x07"
    monkeypatch.setattr(report, "plain", str)
    assert TITLE in report.error(failure)


ELSEWHERE = "/root/../tmp/led-elsewhere"
TARGETS = [ELSEWHERE, "/root/..", "../../etc/x", "..", "/root/../../x", "relative", ""]


def test_put_takes_a_plain_path(shut: Place, bare: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """A target with `..`, or that does not begin at the node's root, is wrong words; nothing is written.

    Guard: a look at the path. Without it, the file is elsewhere, and Docker's unpacking of `/root/..` cleared the
    node's whole file system.
    """
    for target in TARGETS:
        with pytest.raises(WordsError):
            shut.lab.put("h1", ROOT / "README.md", target)
    assert shut.result("h1", "test", "-d", "/root", "-a", "-x", "/usr/bin/env")[0] == 0
    assert shut.result("h1", "test", "-e", ELSEWHERE)[0] == 1
    inv("put", "h1", "README.md", "--to", TARGETS[1], "--name", shut.lab.name, code=2)
    monkeypatch.setattr(archive, "target_of", lambda _, target: target.rpartition("/")[::2])
    bare.lab.put("h1", ROOT / "README.md", ELSEWHERE)
    assert bare.result("h1", "test", "-e", ELSEWHERE.replace("/root/..", ""))[0] == 0


def test_put_does_not_replace_a_folder(shut: Place, bare: Place, tmp_path: Path) -> None:
    """A file does not take the place of a folder of that name, with all that is in it; nor is it put into that.

    Guard: Docker is told so, and install(1), too. Without, the folder is gone, or holds what it was not told to hold.
    """
    source = tmp_path / "source"
    source.write_text("x")
    for place in (shut, bare):
        place.out("h1", "sh", "-c", "mkdir -p /root/folder && touch /root/folder/precious")
    with pytest.raises(EngineError):
        shut.lab.put("h1", source, "/root/folder")
    assert shut.out("h1", "ls", "/root/folder") == "precious"
    if bare.docker:
        with connect() as api:
            api.put_archive(f"{bare.lab.name}-h1", "/root", archive.pack([("folder", b"x", 0o644)]))
        assert bare.result("h1", "test", "-f", "/root/folder")[0] == 0
    else:
        bare.out("h1", "sh", "-c", "echo x | install /dev/stdin /root/folder")
        assert bare.out("h1", "ls", "/root/folder") == "precious\nstdin"


def test_a_nodes_link_leads_get_nowhere(shut: Place, tmp_path: Path) -> None:
    """What is read from a node is the node's, where a link on it leads to a file of the machine's, too.

    Guard: the node's own file system. Followed on the machine, the same link leads to the machine's file.
    """
    secret = tmp_path / "secret"
    secret.write_text("the machine's")
    shut.out("h1", "ln", "-sfn", str(secret), "/root/leak")
    with pytest.raises(EngineError):
        shut.lab["h1"].get("/root/leak")
    assert Path(f"/proc/{shut.process('h1')}/root/root/leak").read_text() == "the machine's"


def test_put_follows_links_on_the_node(shut: Place, tmp_path: Path) -> None:
    """A link that a node laid leads to where it leads on the node, and what is written there belongs to its root.

    Guard: the node's own file system. On the machine, the same link leads out.
    """
    source = tmp_path / "source"
    source.write_text("x")
    outside = tmp_path / "outside"
    outside.mkdir()
    shut.out("h1", "sh", "-c", f"mkdir -p {outside} /root/in && ln -sfn {outside} /root/out 2>/dev/null; true")
    try:
        shut.lab.put("h1", source, "/root/out/planted")
    except EngineError:
        assert not shut.docker  # the embedded engine's nodes cannot make that folder
    else:
        assert shut.out("h1", "stat", "--format=%u", "/root/out/planted") == "0"
    assert not (outside / "planted").exists()
    link = tmp_path / "link"
    link.symlink_to(outside)
    (link / "planted").write_text("x")
    assert (outside / "planted").exists()
