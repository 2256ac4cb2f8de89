from __future__ import annotations

import os
import subprocess
import sys

from lab.engine.netns.process import NetnsProcess

ENVIRONMENT = {"PATH": os.environ["PATH"]}


def run(script: str) -> tuple[list[tuple[str, str]], int]:
    """What a shell script says, and its exit code; no node is needed for that."""
    process = NetnsProcess(["sh", "-c", script], ENVIRONMENT)
    return list(process.lines()), process.wait()


def test_streams_and_exit_code() -> None:
    """Lines come with their stream; a last line without end, bytes that are no text, and CR LF are lines too."""
    lines, code = run("echo out; printf 'a\\r\\n\\377'; echo err >&2; exit 7")
    assert [text for stream, text in lines if stream == "stdout"] == ["out", "a", "\\xff"]
    assert [text for stream, text in lines if stream == "stderr"] == ["err"]
    assert code == 7


def test_a_signal_is_128_and_its_number() -> None:
    """As in sh(1)."""
    assert run("kill -9 $$") == ([], 137)


def test_stop_closes_the_input() -> None:
    """The program learns of it by the end of its input, and may still say something."""
    process = NetnsProcess(["sh", "-c", "echo begun; cat; echo ended"], ENVIRONMENT)
    lines = process.lines()
    assert next(lines) == ("stdout", "begun")
    process.stop()
    assert list(lines) == [("stdout", "ended")]
    assert process.wait() == 0


def test_who_stops_listening_lets_go() -> None:
    """Closing `lines` closes the program's input, and nobody need wait."""
    process = NetnsProcess(["sh", "-c", "echo begun; cat; exit 3"], ENVIRONMENT)
    lines = process.lines()
    next(lines)
    lines.close()  # type: ignore[attr-defined]
    assert process.wait() == 3


def test_who_stops_listening_at_the_end_can_end() -> None:
    """A caller that an error ends while it listens does not wait for ever for a thread that cannot begin."""
    code = (
        "import os\n"
        "from lab.engine.netns.process import NetnsProcess\n"
        "lines = NetnsProcess(['sh', '-c', 'echo begun; cat'], dict(os.environ)).lines()\n"
        "print(next(lines))\n"
        "raise SystemExit(7)\n"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=60, check=False).returncode == 7
