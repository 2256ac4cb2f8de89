"""Imports point one way, as the blueprint's table has it. Read from the source: no import is too lazy for it."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

BELOW_LAB = {"errors", "model", "engine"}
HELD = {"links", "nodes", "programs"}  # what a lab hands out, to hold in one's hand
ALL_ABOVE = {*BELOW_LAB, *HELD, "fabric", "apps", "lab", "play", "observe"}
MAY_IMPORT: dict[str, set[str]] = {
    "package": {"api"},  # and that never when it is loaded: see test_the_package_loads_nothing
    "errors": set(),
    "model": {"errors"},
    "engine": {"errors", "model", "fabric"},  # the embedded engine enters namespaces by itself (ADR 0006)
    "fabric": set(),
    "apps": set(),
    "programs": {"errors", "engine"},
    "nodes": {"errors", "model", "engine", "programs"},
    "links": BELOW_LAB,
    "making": BELOW_LAB | {"links"},
    "lab": BELOW_LAB | HELD | {"making"},
    "play": BELOW_LAB | HELD | {"lab"},
    "services": BELOW_LAB | {"lab"},
    "observe": ALL_ABOVE - {"observe"},
    "api": ALL_ABOVE,
    "testing": ALL_ABOVE | {"api"},
    "exercises": ALL_ABOVE,
    "pytest_plugin": ALL_ABOVE | {"exercises", "api", "testing"},
    "commands": ALL_ABOVE | {"services"} | {"exercises"},
    "tasks": ALL_ABOVE | {"exercises", "pytest_plugin", "commands"},
}

TOUCHES_THE_MACHINE = {
    *("asyncio", "builtins", "ctypes", "fcntl", "glob", "http", "io", "mmap", "multiprocessing", "os", "pathlib"),
    *("platform", "pty", "random", "select", "selectors", "shutil", "signal", "socket", "socketserver", "subprocess"),
    *("sys", "tempfile", "threading", "time", "urllib"),
}
CALLS_THAT_TOUCH_THE_MACHINE = {"open", "print", "input", "exec", "eval", "__import__"}


@dataclass(frozen=True)
class Import:
    """One imported name: the file that imports it, and the module's full name."""

    source: Path
    line: int
    target: str

    @property
    def top(self) -> str:
        """The distribution's, or the standard library's, first name."""
        return self.target.partition(".")[0]

    def __str__(self) -> str:
        return f"{self.source.relative_to(ROOT)}:{self.line} imports {self.target}"


def _sources() -> list[Path]:
    return sorted([*(ROOT / "lab").rglob("*.py"), ROOT / "tasks.py"])


def _module(path: Path) -> list[str]:
    return list(path.relative_to(ROOT).with_suffix("").parts)


def _room(words: list[str]) -> str:
    """The room that a module is in; the whole of tasks.py is one, and so is what is in lab/ itself."""
    if words[0] != "lab":
        return words[0]
    return words[1] if len(words) > 1 and words[1] != "__init__" else "package"


def _imports(path: Path) -> Iterator[Import]:
    """Every import of a file, those inside functions and under TYPE_CHECKING included."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (Import(path, node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            # From `a.b.c`, one dot is `a.b`; from `a/b/__init__.py` too, which is why the file's own name goes.
            base = ".".join(_module(path)[: -node.level]) if node.level else ""
            module = ".".join(filter(None, (base, node.module)))
            yield from (Import(path, node.lineno, f"{module}.{alias.name}") for alias in node.names)


def _of_the_project(entry: Import) -> bool:
    return entry.top in ("lab", "tasks")


SOURCES = _sources()
BY_FILE = pytest.mark.parametrize("path", SOURCES, ids=[str(path.relative_to(ROOT)) for path in SOURCES])


def _in(*rooms: str) -> pytest.MarkDecorator:
    paths = [path for path in SOURCES if _room(_module(path)) in rooms]
    return pytest.mark.parametrize("path", paths, ids=[str(path.relative_to(ROOT)) for path in paths])


@BY_FILE
def test_imports_point_one_way(path: Path) -> None:
    """A room imports itself and what its row of the table names; a room without a row has no place here."""
    room = _room(_module(path))
    assert room in MAY_IMPORT, f"{path} is in a room that the blueprint does not have"
    wrong = [
        str(entry)
        for entry in _imports(path)
        if _of_the_project(entry) and _room(entry.target.split(".")) not in MAY_IMPORT[room] | {room}
    ]
    assert wrong == []


@BY_FILE
def test_only_the_docker_engine_knows_the_sdk(path: Path) -> None:
    """The Docker SDK, and what it is built on, are imported under lab/engine/docker/ only."""
    if path.is_relative_to(ROOT / "lab" / "engine" / "docker"):
        return
    assert [str(entry) for entry in _imports(path) if entry.top in ("docker", "requests", "urllib3")] == []


@_in("fabric", "apps")
def test_what_runs_in_a_container_needs_the_standard_library_only(path: Path) -> None:
    """The agent and the programs are carried to where nothing is installed."""
    room = f"lab.{_room(_module(path))}"
    foreign = [
        str(entry)
        for entry in _imports(path)
        if entry.top not in sys.stdlib_module_names and not f"{entry.target}.".startswith(f"{room}.")
    ]
    assert foreign == []


def test_the_package_loads_nothing(tmp_path: Path) -> None:
    """On a node there are `lab/__init__.py` and `lab/apps` only: whatever the package imported would be missing."""
    (tmp_path / "lab").mkdir()
    shutil.copy(ROOT / "lab" / "__init__.py", tmp_path / "lab")
    shutil.copytree(ROOT / "lab" / "apps", tmp_path / "lab" / "apps")
    look = "import sys, lab.apps.tcp_client; print(*(name for name in sys.modules if name.startswith('lab.')))"
    done = subprocess.run([sys.executable, "-S", "-c", look], cwd=tmp_path, text=True, capture_output=True, check=True)
    assert [name for name in done.stdout.split() if not name.startswith("lab.apps")] == []


@_in("fabric")
def test_the_agent_names_itself_by_dots_only(path: Path) -> None:
    """It runs as the package `fabric`, not `lab.fabric`."""
    assert [
        node.lineno
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and not node.level and (node.module or "").startswith("lab")
    ] == []


@_in("errors", "model")
def test_the_model_does_not_touch_the_machine(path: Path) -> None:
    """No module for files, processes, sockets, clocks or chance, and no call that reads or writes."""
    tree = ast.parse(path.read_text())
    called = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    assert [str(entry) for entry in _imports(path) if entry.top in TOUCHES_THE_MACHINE] == []
    assert called & CALLS_THAT_TOUCH_THE_MACHINE == set()


@_in("model")
def test_the_model_needs_networkx_at_most(path: Path) -> None:
    """Whatever else it needs is in the standard library."""
    foreign = {entry.top for entry in _imports(path)} - set(sys.stdlib_module_names)
    assert foreign <= {"lab", "networkx"}


def test_lazy_and_relative_imports_are_seen(tmp_path: Path) -> None:
    """The reader of this test's own reader: a function's import, one behind a condition, and dots."""
    engine = next(path for path in SOURCES if path.match("lab/engine/select.py"))
    agent = next(path for path in SOURCES if path.match("lab/fabric/agent.py"))
    assert "lab.engine.docker.DockerEngine" in {entry.target for entry in _imports(engine)}
    assert "lab.fabric.tools.AgentError" in {entry.target for entry in _imports(agent)}
    assert "lab.fabric.nodes" in {entry.target for entry in _imports(agent)}
    source = tmp_path / "made.py"
    source.write_text("if TYPE_CHECKING:\n    import socket.x\ndef f():\n    from lab import fabric\n")
    assert [entry.target for entry in _imports(source)] == ["socket.x", "lab.fabric"]
    assert [_room(name.split(".")) for name in ("lab.fabric", "lab.lab.Lab", "tasks", "lab")] == [
        *("fabric", "lab", "tasks", "package"),
    ]
