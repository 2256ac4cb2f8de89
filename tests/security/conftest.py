"""Two labs on each engine: `shut`, which stays as wirelab makes it, and `bare`, where a test takes guards out."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from lab.engine.netns.folder import Folder
from lab.lab import Lab
from lab.model.plan import LabSpec
from tests.engine_contract import needed
from tests.support import Bench

NODE_TOOLS = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def host(*argv: str) -> str:
    """What a command on the machine itself prints; it must end well."""
    done = subprocess.run(argv, text=True, capture_output=True, check=False)
    assert done.returncode == 0, f"{argv}: {done.stdout}{done.stderr}"
    return done.stdout


@dataclass(frozen=True, slots=True)
class Place(Bench):
    """A lab, and the ways around its guards that the machine's root has."""

    @property
    def docker(self) -> bool:
        """Whether its nodes are containers."""
        return self.lab.engine.name == "docker"

    def process(self, node: str) -> int:
        """A process in all of a node's namespaces."""
        if self.docker:
            return int(host("docker", "inspect", "--format", "{{.State.Pid}}", f"{self.lab.name}-{node}"))
        keeper = Folder(self.lab.name).node(node)
        assert keeper
        return keeper

    def in_network_of(self, node: str, *argv: str) -> str:
        """Run something in a node's network with all privileges, and the machine's files."""
        return host("nsenter", f"--net=/proc/{self.process(node)}/ns/net", *argv)

    def in_fabric(self, *argv: str) -> str:
        """Run something where the links' ports are."""
        fabric = Folder(self.lab.name).fabric()
        return host(*argv) if self.docker else host("nsenter", f"--net=/proc/{fabric}/ns/net", *argv)

    def privileged_python(self, node: str, code: str) -> list[str]:
        """The lines that a program prints inside a node, run with privileges and without a filter of system calls."""
        target = ["--target", str(self.process(node)), "--mount", "--net", "--pid", "--ipc", "--uts"]
        return host("nsenter", *target, "env", f"PATH={NODE_TOOLS}", "python3", "-c", code).splitlines()

    def python(self, node: str, code: str, *words: str) -> list[str]:
        """The lines that a program on a node prints, as a student would run it."""
        return self.out(node, "python3", "-c", code, *words).splitlines()


@pytest.fixture(scope="session", params=["docker", "netns"])
def engine_name(request: pytest.FixtureRequest) -> str:
    """Each engine, if it is here."""
    return needed(request.param).name


def _place(role: str, engine: str) -> Iterator[Place]:
    with Lab.up(LabSpec(name=f"t{os.getpid()}-{role}-{engine}", nodes=2), engine) as lab:
        yield Place(lab)


@pytest.fixture(scope="session")
def shut(engine_name: str) -> Iterator[Place]:
    """A star of two that stays as wirelab makes it."""
    yield from _place("shut", engine_name)


@pytest.fixture(scope="session")
def bare(engine_name: str) -> Iterator[Place]:
    """A star of two whose guards tests take out, one by one, to see that without them the same try succeeds."""
    yield from _place("bare", engine_name)
