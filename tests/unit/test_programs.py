"""A program to hold in one's hand: what it says, how it ends, what is waited for. They run on this machine."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from lab.engine.netns.engine import NetnsEngine
from lab.engine.netns.process import NetnsProcess
from lab.errors import CheckError, LateError, WordsError
from lab.model.plan import LabSpec, decide
from lab.nodes import LiveNode
from lab.programs import ended

ROOT = Path(__file__).resolve().parents[2]
PORT = 20011


class HereEngine(NetnsEngine):
    """Starts programs on this machine, under the same supervisor."""

    def start(self, name: str, node: str, argv: Sequence[str], env: Mapping[str, str] | None = None) -> NetnsProcess:
        """Start it here."""
        del name, node
        supervised = ["python3", "-m", "lab.apps.supervise", "--", *argv]
        return NetnsProcess(supervised, dict(os.environ) | {"PYTHONPATH": str(ROOT)} | dict(env or {}))


@pytest.fixture
def node() -> LiveNode:
    """The node h1 of a lab that is this machine."""
    return LiveNode(HereEngine(), "lab", decide(LabSpec()).node("h1"), [])


def test_a_result_tells_all(node: LiveNode) -> None:
    """Exit code and both streams, apart."""
    result = node.run(["sh", "-c", "echo one; echo two; echo oops >&2; exit 3"])
    assert (result.exit_code, result.stdout, result.stderr) == (3, "one\ntwo", "oops")
    with pytest.raises(CheckError, match=r"h1: `sh -c .*` ended with exit code 3: oops"):
        result.check()


def test_run_ends_what_takes_too_long(node: LiveNode) -> None:
    """When the time is up the error holds what was said, and the program is ended."""
    with pytest.raises(LateError, match=r"did not end within 2 s: begun"):
        node.run(["sh", "-c", "echo begun; sleep 60"], timeout=2)


@pytest.mark.parametrize("argv", ["ping h2", []])
def test_words_are_a_list(node: LiveNode, argv: Sequence[str]) -> None:
    """A string would be taken apart into letters: it is refused."""
    with pytest.raises(WordsError, match="is no list of words"):
        node.run(argv)


def test_lines_are_waited_for_in_turn(node: LiveNode) -> None:
    """Each wait goes on where the last one ended, on either stream, and hands back what was found."""
    with node.start(["sh", "-c", "echo port 1; echo no; echo port 2; sleep 60"]) as program:
        assert [program.wait_for_line(r"port (\d)")[1] for _ in range(2)] == ["1", "2"]
        with pytest.raises(LateError, match=r"did not say 'port' within 0\.1 s"):
            program.wait_for_line("port", timeout=0.1)
        assert program.exit_code is None
    assert program.exit_code == 128 + signal.SIGTERM


def test_a_line_that_cannot_come_any_more(node: LiveNode) -> None:
    """A program that ended is not waited for; the error says how it ended."""
    program = node.start(["sh", "-c", "echo no >&2; exit 4"])
    with pytest.raises(CheckError, match="ended with exit code 4 before it said 'yes': no"):
        program.wait_for_line("yes")


def test_a_port_is_waited_for(node: LiveNode) -> None:
    """It returns when the program listens."""
    serve = f"import socket; s = socket.create_server(('127.0.0.1', {PORT})); print(s.accept()[0].recv(9))"
    with node.start(["python3", "-c", serve]) as server:
        server.wait_for_port(PORT)
        node.run(
            ["python3", "-c", f"import socket; socket.create_connection(('127.0.0.1', {PORT})).send(b'hi')"]
        ).check()
        assert server.wait().stdout == "b'hi'"


def test_a_port_that_nobody_opens(node: LiveNode) -> None:
    """Two ways to fail: the program goes on without listening, or it ends."""
    late = rf"did not listen on tcp port {PORT} within 0\.2 s"
    with node.start(["sleep", "60"]) as program, pytest.raises(LateError, match=late):
        program.wait_for_port(PORT, timeout=0.2)
    with pytest.raises(CheckError, match=f"ended with exit code 5 before it listened on port {PORT}: no such thing"):
        node.start(["sh", "-c", "echo no such thing; exit 5"]).wait_for_port(PORT, timeout=60)


def test_signals_and_the_end_of_many(node: LiveNode) -> None:
    """A signal reaches the program; several are stopped at once, and a node forgets those that have ended."""
    program = node.start(["sh", "-c", "trap 'echo heard; exit 7' USR1; echo ready; sleep 60 & wait $!"])
    program.wait_for_line("ready")
    program.send_signal(signal.SIGUSR1)
    assert (program.wait().exit_code, program.stdout) == (7, "ready\nheard")
    program.send_signal(signal.SIGUSR1)
    running = [node.start(["sleep", "60"]) for _ in range(3)]
    ended(running)
    assert [each.exit_code for each in running] == [143] * 3
    assert repr(running[0]) == "<h1: `sleep 60`, exit code 143>"
