"""The images: what they depend on, what a build sees, and how a base comes to be. No Docker, no network."""

from __future__ import annotations

import os
import platform
import signal
import subprocess
import sys
import tarfile
import tempfile
import threading
from typing import TYPE_CHECKING, BinaryIO

import pytest

from lab.engine import bootstrap, images
from lab.errors import ImageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

MMDEBSTRAP = """#!/bin/sh
echo "I: called with $*"
for word; do case "$word" in *.tar) echo root > "$word";; esac; done
"""
APT_GET = """#!/bin/sh
echo "$*" >> "{log}"
case "$1" in
    indextargets) printf '%s\\n' {targets};;
    install) printf '#!/bin/sh\\necho root > "$(echo "$*" | grep -o "[^ ]*\\.tar")"\\n' > "{bin}/mmdebstrap"
             chmod 0755 "{bin}/mmdebstrap";;
esac
"""


class MemoryStore:
    """An image store that keeps what it is given: which tags there are, and in which order it was asked."""

    def __init__(self, *tags: str, registry: bool = False) -> None:
        self.tags = {tag: tag for tag in tags}
        self.registry = registry
        self.calls: list[str] = []
        self.built: list[tuple[str, str, str, list[str]]] = []
        self.broken: str | None = None
        self.before_build: Callable[[], object] = lambda: None

    def has(self, tag: str) -> bool:
        """Whether the tag has been given."""
        self.calls.append(f"has {tag}")
        return tag in self.tags

    def pull(self, reference: str, idle_timeout: int) -> None:
        """Keep the reference as a tag, if there is a registry."""
        self.calls.append(f"pull {reference} {idle_timeout}")
        if not self.registry:
            raise ImageError("no such host", where=reference)
        self.tags[reference] = reference

    def load_base(self, tar: Path, tag: str) -> None:
        """Keep the tag, and note the tar."""
        self.calls.append(f"load {tar.read_text().strip()}")
        self.tags[tag] = tag

    def build(
        self,
        context: BinaryIO,
        *,
        dockerfile: str,
        tag: str,
        buildargs: Mapping[str, str],
        on_line: bootstrap.Say,
    ) -> None:
        """Read the context, print thirty steps, and keep the tag unless the store is broken."""
        self.calls.append(f"build {tag}")
        self.before_build()
        with tarfile.open(fileobj=context) as tar:
            self.built.append((dockerfile, tag, buildargs["BASE"], tar.getnames()))
        for number in range(1, 31):
            on_line(f"Step {number}/30 : RUN something")
        if self.broken:
            on_line("\x1b[91mE: Failed to fetch\x1b[0m")
            on_line("\x1b[0m")
            raise ImageError(self.broken, where=tag)
        self.tags[tag] = tag

    def tag(self, source: str, target: str) -> None:
        """Point one tag at what another means."""
        self.calls.append(f"tag {target}")
        self.tags[target] = self.tags[source]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A small source checkout, with all kinds of files in it that no image needs."""
    files = {
        "images/node/Dockerfile": "FROM scratch",
        "images/web/Dockerfile": "FROM scratch",
        "lab/__init__.py": "",
        "lab/apps/__init__.py": "",
        "lab/apps/client.py": "print()",
        "lab/apps/__pycache__/client.cpython-311.pyc": "x",
        "lab/apps/old.pyc": "x",
        "lab/engine/images.py": "",
        "README.md": "",
    }
    for name, text in files.items():
        path = tmp_path / "checkout" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "checkout"


@pytest.fixture(autouse=True)
def bin_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of programs found before the machine's own; the cache and /tmp are the test's own, too."""
    folder = tmp_path / "bin"
    for name in ("bin", "tmp", "cache"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    return folder


def program(path: Path, text: str) -> None:
    """Write a program that can be run."""
    path.write_text(text)
    path.chmod(0o755)


def apt_get(folder: Path, *targets: str) -> Path:
    """Put an apt-get in the folder that knows these sources and can install mmdebstrap; return its log."""
    log = folder / "apt.log"
    quoted = " ".join(f"'{target}'" for target in targets) or "''"
    program(folder / "apt-get", APT_GET.format(log=log, bin=folder, targets=quoted))
    return log


def ensure(store: images.ImageStore, root: Path) -> str:
    """Make sure of the node image, with nobody looking on."""
    return images.ensure_node_image(store, root, lambda _: None)


def test_the_context_is_exact_and_the_same_bytes_twice(root: Path) -> None:
    """A build sees the image's folder and the programs, nothing else, and no time makes a difference."""
    first = images.read_context(root, "node")
    os.utime(root / "lab/apps/client.py", (1, 1))
    second = images.read_context(root, "node")
    names = ["images/node/Dockerfile", "lab/apps/__init__.py", "lab/apps/client.py"]
    assert [file.name for file in first.files] == names
    with tarfile.open(fileobj=first.tar()) as tar:
        assert tar.getnames() == names
        assert {member.mtime for member in tar.getmembers()} == {0}
    assert first.tar().read() == second.tar().read()


@pytest.mark.parametrize("name", ["images/node/Dockerfile", "images/node/new", "lab/apps/client.py", "lab/apps/new.py"])
def test_the_tag_changes_with_what_is_in_the_image(root: Path, name: str) -> None:
    """A changed or added file in the image's folder or among the programs rebuilds the image."""
    store = MemoryStore(bootstrap.BASE)
    before = ensure(store, root)
    (root / name).write_text("changed")
    after = ensure(store, root)
    assert before != after
    assert len(store.built) == 2
    assert store.tags["wirelab-node:latest"] == after


def test_the_tag_changes_with_a_mode_that_matters(root: Path) -> None:
    """What may be run is content; who may write it on this machine is not."""
    plain = ensure(MemoryStore(bootstrap.BASE), root)
    (root / "lab/apps/client.py").chmod(0o600)
    assert ensure(MemoryStore(bootstrap.BASE), root) == plain
    (root / "lab/apps/client.py").chmod(0o755)
    assert ensure(MemoryStore(bootstrap.BASE), root) != plain


@pytest.mark.parametrize(
    "name",
    [
        "README.md",
        "lab/engine/images.py",
        "lab/apps/__pycache__/x.pyc",
        "lab/apps/old.pyc",
        "images/web/Dockerfile",
    ],
)
def test_nothing_else_changes_the_tag(root: Path, name: str) -> None:
    """What the image does not hold does not rebuild it, and what is there is not built again."""
    store = MemoryStore(bootstrap.BASE)
    before = ensure(store, root)
    (root / name).write_text("changed")
    assert ensure(store, root) == before
    assert len(store.built) == 1


def test_a_renamed_file_is_another_content(root: Path) -> None:
    """Names and bytes cannot be shifted into each other: the boundaries are part of what is hashed."""
    one = images.Context((images.File("a", 0o644, b"bc"),))
    assert one.digest() != images.Context((images.File("ab", 0o644, b"c"),)).digest()
    before = ensure(MemoryStore(bootstrap.BASE), root)
    (root / "lab/apps/client.py").rename(root / "lab/apps/client2.py")
    assert ensure(MemoryStore(bootstrap.BASE), root) != before


def test_an_image_that_is_there_costs_two_calls(root: Path) -> None:
    """The usual case asks once and makes sure of `latest`; it touches neither registry nor lock nor base."""
    store = MemoryStore(bootstrap.BASE)
    tag = ensure(store, root)
    store.calls.clear()
    ensure(store, root)
    assert store.calls == [f"has {tag}", "tag wirelab-node:latest"]


def test_an_older_content_becomes_latest_again(root: Path) -> None:
    """After a change is taken back, `latest` is what the checkout says, although nothing had to be built."""
    store = MemoryStore(bootstrap.BASE)
    first = ensure(store, root)
    (root / "lab/apps/client.py").write_text("changed")
    ensure(store, root)
    (root / "lab/apps/client.py").write_text("print()")
    ensure(store, root)
    assert store.tags["wirelab-node:latest"] == first


def test_a_wheel_builds_the_same_image(root: Path) -> None:
    """An installed wheel, which carries the images in the package, makes the tag that a checkout makes."""
    before = ensure(MemoryStore(bootstrap.BASE), root)
    (root / "images").rename(root / "lab/_images")
    assert ensure(MemoryStore(bootstrap.BASE), root) == before


def test_the_project_has_a_node_image() -> None:
    """The root that the package finds by itself holds the Dockerfile and the programs."""
    names = [name for name, _ in images.context_files(images.build_root(), "node")]
    assert "images/node/Dockerfile" in names
    assert "lab/apps/__init__.py" in names


def test_other_images_are_built_from_the_node(root: Path) -> None:
    """Another image gets the node's tag as its base, nothing of lab/apps, and is rebuilt with the node's."""
    store = MemoryStore(bootstrap.BASE)
    before = images.ensure_image(store, "web", root, lambda _: None)
    dockerfile, tag, base, names = store.built[1]
    assert (dockerfile, tag, names) == ("images/web/Dockerfile", before, ["images/web/Dockerfile"])
    assert base == store.built[0][1] == store.tags["wirelab-node:latest"]
    (root / "lab/apps/client.py").write_text("changed")
    assert images.ensure_image(store, "web", root, lambda _: None) != before


@pytest.mark.parametrize("name", ["moon", "../images/node", "", "*"])
def test_an_unknown_image_is_refused_by_name(root: Path, name: str) -> None:
    """Only a folder of images/ with a Dockerfile is an image; the error lists those that there are."""
    with pytest.raises(ImageError, match="no such image") as caught:
        images.ensure_image(MemoryStore(), name, root, lambda _: None)
    assert caught.value.remedy == "the images are: node, web"


def test_a_base_that_is_there_is_used(root: Path) -> None:
    """A base of our own comes first, then a pulled one; with either, no registry is asked."""
    for tag in (bootstrap.BASE, bootstrap.PULLED_BASE):
        store = MemoryStore(tag)
        ensure(store, root)
        assert store.built[0][2] == tag
        assert not any(call.startswith("pull") for call in store.calls)


def test_a_base_is_pulled_where_a_registry_answers(root: Path, bin_folder: Path) -> None:
    """Without a base, the registry comes first, and then nothing is bootstrapped."""
    program(bin_folder / "mmdebstrap", "#!/bin/sh\nexit 1\n")
    store = MemoryStore(registry=True)
    tag = ensure(store, root)
    assert store.calls[2:] == [
        f"has {bootstrap.BASE}",
        f"has {bootstrap.PULLED_BASE}",
        f"pull {bootstrap.PULLED_BASE} 20",
        f"build {tag}",
        "tag wirelab-node:latest",
    ]
    assert store.built[0][2] == bootstrap.PULLED_BASE


def test_a_base_is_bootstrapped_without_a_registry(root: Path, bin_folder: Path, tmp_path: Path) -> None:
    """After the pull has failed, mmdebstrap makes the base, progress says so, and no folder stays."""
    program(bin_folder / "mmdebstrap", MMDEBSTRAP)
    apt_get(bin_folder)
    store, said = MemoryStore(), list[str]()
    images.ensure_node_image(store, root, said.append)
    steps = [call.split()[0] for call in store.calls]
    assert steps == ["has", "has", "has", "has", "pull", "load", "build", "tag"]
    assert store.built[0][2] == bootstrap.BASE
    assert any("no such host" in line for line in said)
    assert not list((tmp_path / "tmp").iterdir())


def test_the_hosts_own_mirrors_are_used(bin_folder: Path) -> None:
    """Debian's sources of the suite go to mmdebstrap; not others', nor those no container can reach."""
    apt_get(
        bin_folder,
        "Debian|main|bookworm|http://mirror.invalid/debian/",
        "Debian|main|bookworm-security|https://mirror.invalid/security/",
        "Debian|contrib|bookworm|http://mirror.invalid/debian/",
        "Debian|main|trixie|http://mirror.invalid/debian/",
        "Debian|main|bookworm-updates|http://localhost:3142/debian/",
        "Else|main|bookworm|http://else.invalid/",
        "nonsense",
    )
    assert bootstrap._host_mirrors() == [
        "deb http://mirror.invalid/debian/ bookworm main",
        "deb https://mirror.invalid/security/ bookworm-security main",
    ]


def test_without_usable_mirrors_mmdebstrap_takes_its_own(bin_folder: Path) -> None:
    """On another suite nothing is handed on: security updates alone would not make a system."""
    apt_get(bin_folder, "Debian|main|bookworm-security|http://mirror.invalid/security/")
    assert bootstrap._host_mirrors() == []


def test_mmdebstrap_is_installed_for_root_on_debian(
    root: Path, bin_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where mmdebstrap is missing and we may install it, we do, and say so."""
    log = apt_get(bin_folder)
    for tool in ("sh", "grep", "chmod"):
        (bin_folder / tool).symlink_to(f"/bin/{tool}")
    monkeypatch.setenv("PATH", str(bin_folder))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(platform, "freedesktop_os_release", lambda: {"ID": "ubuntu", "ID_LIKE": "debian"})
    store, said = MemoryStore(), list[str]()
    images.ensure_node_image(store, root, said.append)
    assert "installing mmdebstrap with apt-get" in said
    assert "load root" in store.calls
    assert any("--no-install-recommends mmdebstrap" in line for line in log.read_text().splitlines())


@pytest.mark.parametrize(("user", "system"), [(1000, "debian"), (0, "fedora")])
def test_without_mmdebstrap_the_error_has_a_remedy(
    root: Path, bin_folder: Path, monkeypatch: pytest.MonkeyPatch, user: int, system: str
) -> None:
    """Where we may not install it, nothing is made, and the error says what to type."""
    apt_get(bin_folder)
    monkeypatch.setenv("PATH", str(bin_folder))
    monkeypatch.setattr(os, "geteuid", lambda: user)
    monkeypatch.setattr(platform, "freedesktop_os_release", lambda: {"ID": system})
    store = MemoryStore()
    with pytest.raises(ImageError, match="mmdebstrap is not installed") as caught:
        ensure(store, root)
    assert "apt-get install mmdebstrap" in str(caught.value.remedy)
    assert store.tags == {}


def test_a_failed_bootstrap_shows_its_last_words(root: Path, bin_folder: Path, tmp_path: Path) -> None:
    """The error carries the end of the output; nothing half-made stays, and its hang-up does not reach us."""
    program(
        bin_folder / "mmdebstrap",
        '#!/bin/sh\nfor n in $(seq 99); do echo "line $n"; done\ntrap "" HUP; kill -HUP 0; exit 25\n',
    )
    apt_get(bin_folder)
    store = MemoryStore()
    with pytest.raises(ImageError, match="status 25") as caught:
        ensure(store, root)
    assert "line 99" in caught.value.what
    assert "line 84" not in caught.value.what
    assert "docker pull" in str(caught.value.remedy)
    assert store.tags == {}
    assert not list((tmp_path / "tmp").iterdir())


def test_a_failed_build_shows_its_last_words(root: Path) -> None:
    """The error carries the reason, the end of the output and the next command; neither tag is given."""
    store = MemoryStore(bootstrap.BASE)
    store.broken = "returned a non-zero code: 100"
    with pytest.raises(ImageError, match="non-zero code: 100") as caught:
        ensure(store, root)
    assert caught.value.what.endswith("\n  | E: Failed to fetch\n")
    assert "Step 30/30" in caught.value.what
    assert "Step 1/30" not in caught.value.what
    assert "docker run --rm wirelab-base:bookworm apt-get update" in str(caught.value.remedy)
    assert set(store.tags) == {bootstrap.BASE}


def test_an_interrupted_bootstrap_leaves_nothing(root: Path, bin_folder: Path, tmp_path: Path) -> None:
    """Ctrl-C while mmdebstrap works: it is told to end and waited for, then the temporary folder goes."""
    ended = tmp_path / "ended"
    trap = f"trap 'touch {ended}; exit 1' TERM"
    program(bin_folder / "mmdebstrap", f"#!/bin/sh\n{trap}\necho 'I: working'\nwhile :; do sleep 0.05; done\n")
    apt_get(bin_folder)
    store = MemoryStore()

    def say(line: str) -> None:
        if "working" in line:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        images.ensure_node_image(store, root, say)
    assert ended.exists()
    assert store.tags == {}
    assert not list((tmp_path / "tmp").iterdir())


def test_two_at_once_build_once(root: Path) -> None:
    """The second waits, says so, and finds the image made; to flock(2) two threads are as two processes."""
    store, said = MemoryStore(bootstrap.BASE), list[str]()
    waiting = threading.Event()

    def say(line: str) -> None:
        said.append(line)
        if "another process" in line:
            waiting.set()

    second = threading.Thread(target=images.ensure_node_image, args=(store, root, say))

    def start_second() -> None:
        second.start()
        assert waiting.wait(10)

    store.before_build = start_second
    ensure(store, root)
    second.join(10)
    assert not second.is_alive()
    assert len(store.built) == 1
    assert said == ["another process is making images: waiting for it"]


def test_the_lock_does_without_a_cache(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the cache is no folder that can be made, the lock goes to the folder for temporary files."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    ensure(MemoryStore(bootstrap.BASE), root)
    assert (tmp_path / "tmp" / f"wirelab-{os.getuid()}" / "images.lock").exists()


def test_the_sdk_is_not_imported() -> None:
    """This module works without the Docker SDK: only lab/engine/docker.py may know it."""
    code = "import sys, lab.engine.images; sys.exit('docker' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=images.build_root(), check=False).returncode == 0
