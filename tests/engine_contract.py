"""What every engine must do: one suite, run against each. `tests/integration/test_engine_*.py` name the engines.

What a class needs of a lab that stays as it is, it shares: a star, brought up once.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from queue import Empty, Queue
from typing import Any

import pytest

from lab.commands.labs import wanted
from lab.engine.base import Engine, unheard
from lab.engine.owner import Owner
from lab.engine.select import select
from lab.errors import EngineError, LabError, NameTakenError, PoolError
from lab.lab import Lab, remove
from lab.model import wiring
from lab.model.drift import differences
from lab.model.plan import LabPlan, LabSpec, decide

PATIENCE_SECONDS = 20.0
ROOT = Path(__file__).parents[1]
LOOPER = "trap 'echo ended; exit 0' TERM; echo begun; while :; do sleep 0.1; done"

STARTER = """
import sys
from lab.engine.select import select
process = select(sys.argv[1]).start(sys.argv[2], "h1", ["sh", "-c", sys.argv[3]])
for line in process.lines():
    print(line, flush=True)
"""
"""A caller that starts a program on a node, and can be killed while it listens."""

OWNER = "from lab.engine.owner import Owner; print(Owner.here().to_json())"
"""A process that says who it is, and ends."""

ASKER = """
import sys
from lab.engine.select import select
from lab.model import wiring
from lab.model.plan import LabSpec, decide
engine, plan = select(sys.argv[1]), decide(LabSpec.from_json(sys.argv[2]))
engine.attend(plan.name)
print(engine.agent(plan.name, wiring.document(plan, "read"))["ok"], flush=True)
sys.stdin.read()
"""
"""A caller that keeps an agent, and can be killed while it does."""

MAKER = """
import sys
from lab.engine.select import select
from lab.model.plan import LabSpec, decide
plan = decide(LabSpec.from_json(sys.argv[2]))
select(sys.argv[1]).create(plan, lambda line, passing=False: print(line, flush=True))
print("made", flush=True)
sys.stdin.read()
"""
"""A caller that makes a lab, and can be killed while it does."""


def needed(name: str) -> Engine:
    """The engine of a name; the test is skipped where this machine has none."""
    try:
        engine = select(name)
        engine.facts()
    except LabError as error:
        pytest.skip(f"engine {name}: {error}")
    return engine


@dataclass(frozen=True, slots=True)
class Made:
    """A lab that an engine has made, and the agent wired."""

    engine: Engine
    plan: LabPlan
    answer: dict[str, Any]

    def run(self, node: str, *argv: str, env: dict[str, str] | None = None) -> tuple[int, list[str], list[str]]:
        """Exit code, lines of stdout and lines of stderr of a program on a node."""
        process = self.engine.start(self.plan.name, node, argv, env)
        lines = list(process.lines())
        out, err = ([text for stream, text in lines if stream == each] for each in ("stdout", "stderr"))
        return process.wait(), out, err

    def python(self, node: str, code: str) -> tuple[int, list[str], list[str]]:
        """The same for a few lines of Python."""
        return self.run(node, "python3", "-c", code)

    def agent(self, op: str) -> dict[str, Any]:
        """Run the agent."""
        return self.engine.agent(self.plan.name, wiring.document(self.plan, op))


def plan_for(engine: Engine, *, label: str = "", **words: Any) -> LabPlan:
    """A plan with a name of its own, and with addresses that are free."""
    spec = LabSpec(name=f"ct{label}-{secrets.token_hex(4)}", **words)
    block = decide(spec, engine.taken()).addresses.block
    return decide(replace(spec, pool=str(block)))


@contextmanager
def made(engine: Engine, **words: Any) -> Iterator[Made]:
    """A lab, made and wired, and removed at the end."""
    plan = plan_for(engine, **words)
    try:
        engine.create(plan, unheard)
        yield Made(engine, plan, engine.agent(plan.name, wiring.document(plan, "wire")))
    finally:
        remove(engine, plan.name)


def await_line(lines: Iterator[Any], wanted: str) -> list[str]:
    """Read lines up to the first that holds `wanted`; fails when it does not come in time."""
    heard: Queue[str | None] = Queue()

    def listen() -> None:
        for line in lines:
            heard.put(str(line))
            if wanted in str(line):
                return
        heard.put(None)

    threading.Thread(target=listen, daemon=True).start()
    seen: list[str] = []
    try:
        while (line := heard.get(timeout=PATIENCE_SECONDS)) is not None:
            seen.append(line)
            if wanted in line:
                return seen
    except Empty:
        pass
    pytest.fail(f"waited in vain for {wanted!r}, heard only {seen!r}")


class EngineContract:
    """The suite. A subclass names its engine, and tells how to look for traces of a lab on the machine."""

    engine_name: str
    interrupted_leaves_nothing = True

    def traces(self, plan: LabPlan) -> list[str]:
        """Everything on the machine that belongs to a lab."""
        raise NotImplementedError

    def settle(self, plan: LabPlan) -> None:
        """Wait until the engine has done what a maker that is dead by now had asked of it."""

    @pytest.fixture(scope="class")
    @classmethod
    def engine(cls) -> Engine:
        """The engine, if it is here."""
        return needed(cls.engine_name)

    @pytest.fixture(scope="class")
    @classmethod
    def star(cls, engine: Engine) -> Iterator[Made]:
        """A star of three, shared by all tests that leave it as it was."""
        with made(engine, label="star", nodes=3) as lab:
            yield lab

    # What is there

    def test_it_says_who_it_is(self, engine: Engine) -> None:
        """`facts` gives the engine's name, and a version to tell in an error."""
        facts = engine.facts()
        assert facts.name == engine.name == self.engine_name
        assert facts.version

    def test_a_lab_is_listed_whole(self, engine: Engine, star: Made) -> None:
        """`labs` knows, with no state of ours, the words, every node and every link."""
        record = engine.labs()[star.plan.name]
        assert record.spec == star.plan.spec
        assert record.nodes == {node.name: "running" for node in star.plan.nodes}
        assert record.links == {link.name for link in star.plan.links}

    def test_a_lab_is_stale_when_its_owner_is_gone(self, engine: Engine, star: Made) -> None:
        """A lab belongs to the process that it was made for; one without an owner is never stale."""
        plan = plan_for(engine, nodes=2)
        with subprocess.Popen([sys.executable, "-c", OWNER], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            said, _ = process.communicate()
        owner = Owner.read(said.decode())
        try:
            engine.create(plan, unheard, owner)
            record = engine.labs()[plan.name]
            assert (record.owner, record.stale) == (owner, True)
            assert plan.name in wanted(engine, "", all=False, stale=True)
            assert star.plan.name not in wanted(engine, "", all=False, stale=True)
            lab = Lab.up(plan.spec, engine.name, owner=Owner.here())  # one that nobody needs is not taken over
            assert (lab.engine.labs()[plan.name].owner, lab.status().differences) == (Owner.here(), ())
        finally:
            remove(engine, plan.name)
        assert (engine.labs()[star.plan.name].owner, engine.labs()[star.plan.name].stale) == (None, False)

    def test_its_addresses_are_taken(self, engine: Engine, star: Made) -> None:
        """No other lab is given the addresses of one that is there."""
        assert any(network.overlaps(star.plan.addresses.block) for network in engine.taken())

    def test_it_is_as_declared(self, engine: Engine, star: Made) -> None:
        """After `wire`, probes were answered, and `read` finds nothing that differs from the plan."""
        assert star.answer["unanswered"] == []
        states = engine.labs()[star.plan.name].nodes
        assert differences(star.plan, states, star.agent("read")) == ()

    def test_wiring_again_changes_nothing(self, star: Made) -> None:
        """The agent may be run over a lab that is wired."""
        assert star.agent("wire")["unanswered"] == []

    @pytest.mark.parametrize("topology", ["ring", "bus"])
    def test_other_shapes(self, engine: Engine, topology: str) -> None:
        """A ring, whose nodes have two cables each, and a bus, which is one bridge for all, carry packets too."""
        with made(engine, nodes=4, topology=topology) as lab:
            assert lab.answer["unanswered"] == []
            states = engine.labs()[lab.plan.name].nodes
            assert differences(lab.plan, states, lab.agent("read")) == ()
        assert self.traces(lab.plan) == []

    # Nodes are computers

    def test_a_node_has_its_name(self, star: Made) -> None:
        """A node's host name is its name in the plan."""
        for node in star.plan.nodes:
            assert star.run(node.name, "hostname") == (0, [node.name], [])

    def test_every_node_resolves_every_node(self, star: Made) -> None:
        """Each name leads to the address by which that node reaches it, its own to one of its own."""
        for node in star.plan.nodes:
            names = [*(name for _, name in node.hosts), node.name, "localhost"]
            code = f"import socket; print(*(socket.gethostbyname(name) for name in {names!r}), sep='\\n')"
            status, [*others, own, local], err = star.python(node.name, code)
            assert (status, others, local, err) == (0, [address for address, _ in node.hosts], "127.0.0.1", [])
            assert own in {face.ip for face in node.interfaces}

    def test_nobody_is_asked_for_a_name(self, star: Made) -> None:
        """A name that is not the lab's fails, and at once, for there is nobody to ask."""
        code = "import socket\ntry: socket.gethostbyname('example.com')\nexcept OSError: print('unknown')"
        assert star.python("h1", code) == (0, ["unknown"], [])

    def test_all_programs_have_the_same_surroundings(self, star: Made) -> None:
        """A program knows its lab and node, starts in `/`, and gets nothing of the caller's environment."""
        os.environ["WIRELAB_LEAK"] = "yes"
        try:
            code = "import os; print(*(f'{k}={v}' for k, v in os.environ.items()), os.getcwd(), sep='\\n')"
            status, out, _ = star.python("h1", code)
        finally:
            del os.environ["WIRELAB_LEAK"]
        assert status == 0
        wanted = {f"WIRELAB_LAB={star.plan.name}", "WIRELAB_NODE=h1", "HOME=/root", "LANG=C.UTF-8"}
        assert wanted | {"PYTHONPATH=/opt/wirelab", "PYTHONUNBUFFERED=1", "/"} <= set(out)
        assert not [line for line in out if "LEAK" in line]

    def test_the_labs_programs_are_there(self, star: Made) -> None:
        """`python3 -m lab.apps.X` works on every node, and carries a message from one to the other."""
        server = star.engine.start(star.plan.name, "h1", ["python3", "-m", "lab.apps.tcp_server"])
        lines = server.lines()
        await_line(lines, "waits for connection")
        words = ("--host", "h1", "--message", "hello there!")
        code, _, err = star.run("h2", "python3", "-m", "lab.apps.tcp_client", *words)
        assert (code, err) == (0, [])
        assert any("hello there!" in text for _, text in lines)

    def test_a_node_may_do_what_a_lecture_needs(self, star: Made) -> None:
        """Raw sockets (ping, capture) and the ports below 1024 are a node's to use."""
        code = (
            "import socket as s; s.socket(s.AF_INET, s.SOCK_RAW, s.IPPROTO_ICMP); "
            "s.socket(s.AF_PACKET, s.SOCK_RAW, 0); s.create_server(('', 80))"
        )
        assert star.python("h1", code) == (0, [], [])

    # Nodes are shut in

    @pytest.mark.parametrize(
        "command",
        [
            "ip link set dev eth0 down",
            "ip link set dev eth0 mtu 1400",
            "ip address add 198.18.0.1/32 dev eth0",
            "ip route add default dev eth0",
            "tc qdisc replace dev eth0 root pfifo",
            "echo 1 > /proc/sys/net/ipv4/conf/all/rp_filter",
            "mount -t tmpfs none /mnt",
            "hostname somebody-else",
        ],
    )
    def test_a_node_cannot_change_itself(self, star: Made, command: str) -> None:
        """A link stays what it is declared to be, whatever runs on the node, even as root."""
        code, _, err = star.run("h1", "sh", "-c", command)
        assert code != 0
        assert err

    def test_there_is_no_way_out(self, star: Made) -> None:
        """No packet has a way to the world, and what listens on the host is not there for a node."""
        with socket.create_server(("0.0.0.0", 0)) as listener:  # noqa: S104 - on every address that a node might try
            port = listener.getsockname()[1]
            code = (
                "import socket, sys\n"
                f"for address in ('192.0.2.1', '172.17.0.1', '127.0.0.1', '{_own_address()}'):\n"
                f"    try: socket.create_connection((address, {port}), timeout=2); print(address)\n"
                "    except OSError: pass"
            )
            assert star.python("h1", code) == (0, [], [])
        assert star.run("h1", "ip", "route", "show", "default")[1] == []

    def test_the_hosts_sockets_and_disks_are_not_there(self, star: Made) -> None:
        """A node that is root cannot talk to the engine, nor read a disk."""
        assert star.run("h1", "sh", "-c", "ls /run/docker.sock /dev/vda /dev/sda /dev/mem 2>/dev/null")[1] == []

    def test_files_stay_on_their_node(self, star: Made) -> None:
        """What one node writes, neither the others nor the host see."""
        for folder in ("/root", "/tmp", "/var/tmp", "/home", "/dev/shm"):  # noqa: S108 - they are the node's
            path = f"{folder}/{star.plan.name}"
            assert star.run("h1", "touch", path)[0] == 0
            assert star.run("h2", "test", "-e", path)[0] == 1
            assert not Path(path).exists()

    # An agent that stays

    def test_an_agent_that_stays_says_the_same(self, engine: Engine, star: Made) -> None:
        """What it reads is as declared, the second time too; a broken document does not end it."""
        engine.attend(star.plan.name)
        engine.attend(star.plan.name)
        states = engine.labs()[star.plan.name].nodes
        gone = {"name": "h9", "interfaces": [], "routes": [], "sysctls": {}}
        broken = wiring.document(star.plan, "wire") | {"nodes": [gone]}
        with pytest.raises(EngineError, match="/proc/gone/ns/net"):
            engine.agent(star.plan.name, broken)
        for _ in range(2):
            assert differences(star.plan, states, star.agent("read")) == ()
        assert engine.ask_wire(star.plan.name, {"op": "stats"}) is None

    def test_an_agent_that_stays_does_not_outlive_its_caller(self, star: Made) -> None:
        """A caller that is killed leaves no helper behind."""
        before = sorted(self.traces(star.plan))
        argv = [sys.executable, "-c", ASKER, self.engine_name, star.plan.spec.to_json()]
        pipe = subprocess.PIPE
        with subprocess.Popen(argv, stdin=pipe, stdout=pipe, text=True, cwd=ROOT) as caller:
            await_line(iter(caller.stdout or ()), "True")
            assert len(self.traces(star.plan)) > len(before)
            caller.kill()
        until = time.monotonic() + PATIENCE_SECONDS
        while sorted(self.traces(star.plan)) != before:
            assert time.monotonic() < until, self.traces(star.plan)
            time.sleep(0.1)  # nobody tells when an engine has cleared away

    # Programs

    def test_lines_of_both_streams_come_apart(self, star: Made) -> None:
        """Each line carries the stream that it came by; a last one without end is a line, and so is no UTF-8."""
        script = "echo out; echo err >&2; printf 'a\\r\\nb\\377'; exit 3"
        code, out, err = star.run("h1", "sh", "-c", script)
        assert (code, out, err) == (3, ["out", "a", "b\\xff"], ["err"])

    def test_lines_come_while_the_program_runs(self, star: Made) -> None:
        """A line is there before the program ends."""
        process = star.engine.start(star.plan.name, "h1", ["sh", "-c", LOOPER])
        lines = process.lines()
        await_line(lines, "begun")
        process.stop()
        assert [text for stream, text in lines if stream == "stdout"] == ["ended"]
        assert process.wait() == 0

    @pytest.mark.parametrize(
        ("argv", "code"),
        [(["true"], 0), (["sh", "-c", "kill -9 $$"], 137), (["no-such-program"], 127), (["/etc/hosts"], 126)],
    )
    def test_exit_codes(self, star: Made, argv: list[str], code: int) -> None:
        """An exit code is the program's own, 128 and the signal's number, or what sh(1) says where none started."""
        assert star.run("h1", *argv)[0] == code

    def test_stop_ends_what_the_program_started(self, star: Made) -> None:
        """`stop` ends a program that does not heed it, and its children."""
        process = star.engine.start(star.plan.name, "h1", ["sh", "-c", "echo begun; sleep 3701 & sleep 3701"])
        lines = process.lines()
        await_line(lines, "begun")
        process.stop()
        assert list(lines) == []
        assert process.wait() == 128 + signal.SIGTERM
        assert not _runs(star, "3701")

    def test_a_signal_reaches_the_program(self, star: Made) -> None:
        """`send_signal` is heard by the program, which may go on; one that has ended is not disturbed."""
        script = "trap 'echo heard' USR1; echo begun; sleep 60 & wait $!; echo done"
        process = star.engine.start(star.plan.name, "h1", ["sh", "-c", script])
        lines = process.lines()
        await_line(lines, "begun")
        process.send_signal(signal.SIGUSR1)
        assert [text for _, text in lines] == ["heard", "done"]
        assert process.wait() == 0
        process.send_signal(signal.SIGUSR1)

    def test_variables_on_top(self, star: Made) -> None:
        """`env` adds to the node's own variables."""
        assert star.run("h1", "sh", "-c", "echo $COLOUR $WIRELAB_NODE", env={"COLOUR": "red"})[1] == ["red h1"]

    def test_a_program_ends_when_its_caller_goes_away(self, star: Made) -> None:
        """Nothing stays behind on a node, not even when the caller is killed."""
        argv = [sys.executable, "-c", STARTER, self.engine_name, star.plan.name, LOOPER]
        caller = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        with caller:
            await_line(iter(caller.stdout or ()), "begun")
            caller.kill()
        await_line(star.engine.logs(star.plan.name, "h1", follow=True), "sh ended")

    def test_many_programs_at_once(self, star: Made) -> None:
        """Programs on all nodes at once do not mix."""
        with ThreadPoolExecutor(8) as pool:
            words = [f"word-{number}" for number in range(8)]
            nodes = [star.plan.nodes[number % 3].name for number in range(8)]
            found = list(pool.map(lambda node, word: star.run(node, "echo", word), nodes, words))
        assert found == [(0, [word], []) for word in words]

    def test_where_no_node_is(self, star: Made) -> None:
        """A program on a node that is not there is an `EngineError` that says which."""
        with pytest.raises(EngineError, match="h77"):
            list(star.engine.start(star.plan.name, "h77", ["true"]).lines())

    def test_the_shell_is_a_local_command(self, star: Made) -> None:
        """`shell` gives what runs a command on the node with the caller's terminal."""
        argv = star.engine.shell(star.plan.name, "h2", ["hostname"])
        assert argv[0] in {"docker", sys.executable}
        assert argv[-1] == "hostname"

    # Files and logs

    @pytest.mark.parametrize(("target", "path"), [("/root/", "/root/some file"), ("/tmp/other", "/tmp/other")])  # noqa: S108
    def test_put(self, star: Made, tmp_path: Path, target: str, path: str) -> None:
        """A file arrives whole, with its permissions, owned by root, on that node alone."""
        source = tmp_path / "some file"
        content = secrets.token_bytes(300_000)
        source.write_bytes(content)
        source.chmod(0o750)
        star.engine.put(star.plan.name, "h1", source, target)
        code = (
            "import hashlib, os, sys; s = os.stat(sys.argv[1]); "
            "print(hashlib.sha256(open(sys.argv[1], 'rb').read()).hexdigest(), oct(s.st_mode), s.st_uid, s.st_gid)"
        )
        wanted = f"{hashlib.sha256(content).hexdigest()} 0o100750 0 0"
        assert star.run("h1", "python3", "-c", code, path) == (0, [wanted], [])
        assert star.run("h2", "test", "-e", path)[0] == 1

    def test_put_where_no_folder_is(self, star: Made, tmp_path: Path) -> None:
        """A folder that is not there is an error with the next command to type."""
        source = tmp_path / "file"
        source.touch()
        with pytest.raises(EngineError) as caught:
            star.engine.put(star.plan.name, "h1", source, "/no/such/folder/")
        assert "ls -ld /no/such/folder" in str(caught.value.remedy)

    def test_logs_hold_what_programs_said(self, star: Made) -> None:
        """What programs say is in their node's log, with time and name, and in no other's."""
        word = secrets.token_hex(8)
        star.run("h2", "echo", word)
        # Docker follows the log file by its own clock, so the line is awaited.
        line = await_line(star.engine.logs(star.plan.name, "h2", follow=True), word)[-1]
        assert line.endswith(f"Z echo {word}")
        assert any(word in line for line in star.engine.logs(star.plan.name, "h2", follow=False))
        assert not any(word in line for line in star.engine.logs(star.plan.name, "h1", follow=False))

    # Coming and going

    def test_removing_leaves_nothing(self, engine: Engine) -> None:
        """With the lab go its processes, namespaces, devices and networks, whatever runs on it."""
        with made(engine, nodes=3) as lab:
            process = engine.start(lab.plan.name, "h1", ["sh", "-c", "trap '' TERM; echo begun; sleep 3702"])
            lines = process.lines()
            await_line(lines, "begun")
            assert self.traces(lab.plan) != []
            assert remove(engine, lab.plan.name) >= len(lab.plan.nodes) + len(lab.plan.links)
        list(lines)
        assert lab.plan.name not in engine.labs()
        assert self.traces(lab.plan) == []
        assert engine.remove(lab.plan.name) == 0

    def test_a_name_is_given_once(self, engine: Engine, star: Made) -> None:
        """A lab of a name that is there is not made, and the one that is there stays whole."""
        other = decide(replace(star.plan.spec, pool=""), engine.taken())
        with pytest.raises(NameTakenError):
            engine.create(other, unheard)
        assert engine.labs()[star.plan.name].nodes == {node.name: "running" for node in star.plan.nodes}
        assert star.agent("wire")["unanswered"] == []

    def test_of_two_who_make_the_same_lab_one_does(self, engine: Engine) -> None:
        """Two at once: one lab, whole, and one error."""
        plan = plan_for(engine, nodes=2)

        def create() -> LabError | None:
            try:
                engine.create(plan, unheard)
            except (NameTakenError, PoolError) as error:
                return error
            return None

        try:
            with ThreadPoolExecutor(2) as pool:
                results = [each.result() for each in [pool.submit(create) for _ in range(2)]]
            assert [type(result) for result in results].count(type(None)) == 1
            assert len(engine.labs()[plan.name].nodes) == len(plan.nodes)
        finally:
            remove(engine, plan.name)
        assert self.traces(plan) == []

    def test_an_interrupted_making_leaves_nothing(self, engine: Engine) -> None:
        """Ctrl-C during `create` takes back what was made."""
        plan = plan_for(engine, nodes=3)

        def interrupt(line: str, *, passing: bool = False) -> None:
            if not passing and line.startswith("making"):
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            engine.create(plan, interrupt)
        assert self.traces(plan) == []

    @pytest.mark.parametrize("delay", [0.0, 0.03, 0.06, 0.1, 0.2, 0.4])
    def test_a_half_made_lab_is_seen_and_removed(self, engine: Engine, delay: float) -> None:
        """Whatever step the maker is killed at, what it leaves behind is listed, and goes away with one `remove`."""
        plan = plan_for(engine, nodes=6)
        self._end_maker(plan, delay, signal.SIGKILL)
        self.settle(plan)
        if self.traces(plan):
            assert plan.name in engine.labs()
        remove(engine, plan.name)
        assert self.traces(plan) == []
        assert plan.name not in engine.labs()

    @pytest.mark.parametrize("delay", [0.0, 0.03, 0.06, 0.1, 0.2, 0.4])
    def test_an_interrupted_maker_removes_what_it_made(self, engine: Engine, delay: float) -> None:
        """Ctrl-C, at whatever step, leaves nothing, unless all had been made; else what goes with one `remove`."""
        plan = plan_for(engine, nodes=6)
        try:
            said = self._end_maker(plan, delay, signal.SIGINT)
            self.settle(plan)
            if self.interrupted_leaves_nothing and "made\n" not in said:
                assert self.traces(plan) == []
        finally:
            remove(engine, plan.name)
        assert self.traces(plan) == []

    def _end_maker(self, plan: LabPlan, delay: float, number: signal.Signals) -> str:
        """Have a lab made by a process that gets a signal some seconds after it began; returns what it said then."""
        argv = [sys.executable, "-c", MAKER, self.engine_name, plan.spec.to_json()]
        with subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=ROOT
        ) as maker:
            await_line(iter(maker.stdout or ()), "making")
            threading.Event().wait(delay)  # nothing to await: the step is to be a random one
            maker.send_signal(number)
            return maker.communicate(timeout=PATIENCE_SECONDS)[0]

    def test_two_labs_side_by_side(self, engine: Engine, star: Made) -> None:
        """Two labs have addresses of their own, and no packet passes between them."""
        with made(engine, nodes=2) as other:
            assert not other.plan.addresses.block.overlaps(star.plan.addresses.block)
            assert {star.plan.name, other.plan.name} <= engine.labs().keys()
            far = other.plan.node("h1").address
            code = f"import socket; socket.create_connection(('{far}', 9), timeout=2)"
            _, _, err = star.python("h1", code)
            assert "unreachable" in err[-1]
        assert star.agent("wire")["unanswered"] == []


def _runs(lab: Made, word: str) -> bool:
    """Whether a process with a word on its command line runs on h1."""
    code = (
        "import glob, os, sys\n"
        "for path in glob.glob('/proc/[0-9]*/cmdline'):\n"
        "    try: words = open(path, 'rb').read().split(b'\\0')\n"
        "    except OSError: continue\n"
        f"    if {word.encode()!r} in words: print(path)"
    )
    return bool(lab.python("h1", code)[1])


def _own_address() -> str:
    """An address of the host that other machines could reach it by."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return "127.0.0.1"
        return str(probe.getsockname()[0])
