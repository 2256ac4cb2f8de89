"""The documents are true: what is generated is current, what is linked is there, what is to be typed can be typed."""

from __future__ import annotations

import ast
import importlib.util
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
from invoke.collection import Collection
from invoke.loader import FilesystemLoader
from invoke.parser import Parser
from invoke.program import Program

from bench.guards import without
from lab.model.media import MEDIA
from lab.model.shaping import netem_limit
from tests.security.guards import GUARDS

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
EACH_PAGE = pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])

CODE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
ELSEWHERE = ("https://", "http://", "mailto:")

# Not spelled out, or this file would be the first to name them.
HOSTS = [
    ".".join(parts)
    for parts in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("npmjs", "org"),
        ("ghcr", "io"),
        ("quay", "io"),
        ("registry-1", "docker", "io"),
        ("deb", "debian", "org"),
        ("archive", "ubuntu", "com"),
    )
]
PRIVATE = re.compile(
    "|".join([*map(re.escape, HOSTS), r"(?<![\w.-])/" + "work" + "/", "arti" + "factory", "index" + "-url"])
)


def _collection() -> Collection:
    module, _ = FilesystemLoader(start=str(ROOT)).load("tasks")
    return Collection.from_module(module)


def _generator() -> Any:
    spec = importlib.util.spec_from_file_location("docs_generate", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


COLLECTION = _collection()
CONTEXTS = {context.name for context in COLLECTION.to_contexts()}
GENERATE = _generator()


@pytest.mark.parametrize("path", GENERATE.pages(), ids=lambda path: path.name)
def test_generated_parts_are_current(path: Path) -> None:
    """The table of media is the catalogue's, the table of commands is that of the tasks."""
    assert path.read_text(encoding="utf-8") == GENERATE.pages()[path], "next: .venv/bin/python docs/generate.py"


def test_a_stale_part_is_found_and_mended() -> None:
    """What stands between markers is replaced, and nothing else; missing markers are an error."""
    put = GENERATE._put
    assert (
        put("a\n<!-- x:begin -->\nold\n<!-- x:end -->\nb", "x", "new") == "a\n<!-- x:begin -->\nnew\n<!-- x:end -->\nb"
    )
    with pytest.raises(ValueError, match="0 pairs of markers 'x'"):
        put("a", "x", "new")


@pytest.mark.parametrize("name", GENERATE.tasks())
def test_every_task_is_told_of(name: str) -> None:
    """Each task is in the README or in the table of commands."""
    text = (ROOT / "README.md").read_text(encoding="utf-8") + (ROOT / "docs" / "commands.md").read_text(
        encoding="utf-8"
    )
    assert re.search(rf"`(\./inv )?{re.escape(name)}\b", text), f"{name} is told of nowhere"


@EACH_PAGE
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link names a file or folder that is there, and a heading that is in it."""
    wrong = []
    for target in LINK.findall(CODE.sub("", page.read_text(encoding="utf-8"))):
        if target.startswith(ELSEWHERE):
            continue
        name, _, heading = target.partition("#")
        there = (page.parent / name).resolve() if name else page
        if not there.exists() or (heading and heading not in _headings(there)):
            wrong.append(target)
    assert wrong == []


def _headings(page: Path) -> set[str]:
    """The anchors of a page's headings, as code hosts make them."""
    lines = re.findall(r"^#+ (.+)$", CODE.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", line.lower()).replace(" ", "-") for line in lines}


def _commands(page: Path) -> list[str]:
    """What a page has one type: lines of code blocks, and code in the text, that begin with `./inv`, up to a pipe."""
    text = page.read_text(encoding="utf-8")
    typed = re.findall(r"^(?:\$ )?\./inv( .*)?$", "\n".join(CODE.findall(text)), re.MULTILINE)
    typed += re.findall(r"`\./inv([^`]*)`", CODE.sub("", text))
    ours = (line.partition(" | ")[0].strip().removesuffix("&").strip() for line in typed)
    return [line for line in ours if line]


TYPED = sorted({(str(page.relative_to(ROOT)), line) for page in PAGES for line in _commands(page)})


@pytest.mark.parametrize(("page", "line"), TYPED, ids=[f"{page}: {line}" for page, line in TYPED])
def test_commands_can_be_typed(page: str, line: str) -> None:
    """Each names a task and flags that are there, by invoke's own reading; a task alone may lack its words."""
    words = shlex.split(line, comments=True)
    if len(words) == 1:
        assert words[0] in {*CONTEXTS, "--list"}, f"{page}: {words[0]}"
        return
    of_tasks = Parser(initial=Program().initial_context, ignore_unknown=True).parse_argv(words).unparsed
    Parser(contexts=COLLECTION.to_contexts()).parse_argv(of_tasks)


def test_the_readme_shows_the_two_commands() -> None:
    """What the whole project promises is there to be typed, as it is promised."""
    shown = {line for page, line in TYPED if page == "README.md"}
    assert {"up --topology star", "test"} <= shown


def test_the_limits_of_netem_are_as_told() -> None:
    """What docs/media.md says of small packets is what `netem_limit` gives."""
    text = " ".join((ROOT / "docs" / "media.md").read_text(encoding="utf-8").split())
    coax, satellite = (netem_limit(MEDIA[name].settings) for name in ("coax", "satellite"))
    kept = coax * 64
    assert f"holds {coax} packets: of frames of 64 bytes that is {kept:,} bytes" in text
    assert f"{kept / MEDIA['coax'].settings.queue:.1%}".replace("%", " %") in text
    assert f"netem's limit there is {satellite}" in text


def _promises() -> dict[int, list[str]]:
    """The tests that docs/security.md names for each promise, by its number."""
    text = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    rows = [line.strip("|").split("|") for line in text.splitlines() if re.match(r"\| \d+ \|", line)]
    return {int(row[0]): re.findall(r"`(test_\w+)`", row[-1]) for row in rows}


def _tests_of_security() -> dict[str, str]:
    """Every test in tests/security, and those of the page of a trace, with its docstring."""
    found = {}
    for path in [*(ROOT / "tests" / "security").glob("test_*.py"), ROOT / "tests/unit/observe/trace/test_page.py"]:
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                found[node.name] = ast.get_docstring(node) or ""
    return found


def test_every_promise_has_its_tests() -> None:
    """Each promise names tests, each of them is there, and no test of tests/security/ stands behind no promise."""
    promises, there = _promises(), _tests_of_security()
    assert list(promises) == list(range(1, len(promises) + 1))
    assert len(promises) >= 13  # a table that is read as none would promise nothing
    assert [number for number, names in promises.items() if not names] == []
    named = {name for names in promises.values() for name in names}
    assert named - set(there) == set()
    of_pages = {name for name in there if name not in named and not _in_security(name)}
    assert set(there) - named == of_pages


def _in_security(name: str) -> bool:
    return any(f"def {name}(" in path.read_text() for path in (ROOT / "tests" / "security").glob("test_*.py"))


def test_guards_can_be_taken_out() -> None:
    """Each change of tests/security/guards.py applies to the source as it is, and its test stands behind its promise.

    The guards of promises 4 and 5 are in no single place: a bridge for each link, a node's own file system and network.
    Their tests take them out.
    """
    promises = _promises()
    for guard in GUARDS:
        text = (ROOT / guard.file).read_text(encoding="utf-8")
        assert without(text, guard) != text
        named = re.sub(r"\[.*", "", guard.test.rpartition("::")[2])
        assert named in {name for names in promises.values() for name in names}, guard
        assert f"def {named}(" in (ROOT / "tests" / guard.test.partition("::")[0]).read_text(encoding="utf-8")
    assert set(promises) - {guard.promise for guard in GUARDS} == {4, 5}


def test_no_page_is_empty_of_commands_by_mistake() -> None:
    """The reader of this test's own reader: prompts, background and inline code are seen."""
    found = _commands(ROOT / "README.md")
    assert 'exec h3 "tcpdump -n -l -A -i eth0 -c 1 udp"' in found
    assert "test" in found


def _tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if listed.returncode:
        pytest.skip("this is no git checkout")
    return [path for name in listed.stdout.decode().split("\0") if name and (path := ROOT / name).is_file()]


def test_no_file_names_one_machine() -> None:
    """No path of a developer's machine, no host of a package registry: the project is the same everywhere."""
    found = []
    for path in _tracked():
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
            if PRIVATE.search(line):
                found.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()}")
    assert found == []
