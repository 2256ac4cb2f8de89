"""The images that nodes are made of: which there should be, and how they come to be where none can be pulled.

An image is tagged by its content, so what is built is never stale and never built twice. How an image is
stored, built and pulled is the engine's, an `ImageStore` here.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import io
import os
import re
import tarfile
import tempfile
import textwrap
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from lab.engine.bootstrap import BASE, PROGRESS_WIDTH, PULLED_BASE, TAIL_LINES, Say, bootstrap, failed
from lab.errors import ImageError

NODE = "node"
# A registry that answers sends a sign of life every second; it may then take as long as it needs.
PULL_IDLE_SECONDS = 20

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


class ImageStore(Protocol):
    """Where an engine keeps its images. A method that fails raises `ImageError` and leaves no tag behind."""

    def has(self, tag: str) -> bool:
        """Whether there is an image of this tag."""

    def pull(self, reference: str, idle_timeout: int) -> None:
        """Fetch an image from its registry; give up after `idle_timeout` seconds without progress."""

    def load_base(self, tar: Path, tag: str) -> None:
        """Make an image of one layer out of a tar of a root file system."""

    def build(
        self,
        context: BinaryIO,
        *,
        dockerfile: str,
        tag: str,
        buildargs: Mapping[str, str],
        on_line: Say,
    ) -> None:
        """Build an image from a tar of files; every line that the build prints goes to `on_line`."""

    def tag(self, source: str, target: str) -> None:
        """Give an image one more tag; one that is there moves."""


@dataclass(frozen=True, slots=True)
class File:
    """A file of a build context, under its name there, with its mode as far as it matters: may it be run."""

    name: str
    mode: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Context:
    """All that a build may see, read once, so that what is built is what was hashed."""

    files: tuple[File, ...]

    def digest(self, *more: str) -> str:
        """The content in 12 hexadecimal digits; `more` is what it depends on besides."""
        total = hashlib.sha256()
        for file in self.files:
            total.update(f"{file.name}\0{file.mode:o}\0{len(file.data)}\0".encode() + file.data)
        total.update("\0".join(more).encode())
        return total.hexdigest()[:12]

    def tar(self) -> io.BytesIO:
        """The context as a tar, the same bytes for the same content: no times and no owners in it."""
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w", format=tarfile.PAX_FORMAT) as tar:
            for file in self.files:
                entry = tarfile.TarInfo(file.name)
                entry.mode, entry.size = file.mode, len(file.data)
                tar.addfile(entry, io.BytesIO(file.data))
        archive.seek(0)
        return archive


def build_root() -> Path:
    """The folder that holds `lab/`, and `images/` with it in a source checkout."""
    return Path(__file__).resolve().parents[2]


def context_files(root: Path, name: str) -> list[tuple[str, Path]]:
    """Where each file of an image's build context is, sorted by its name in the context.

    Args:
        root: the folder that `build_root` gives. A wheel carries `images/` as `lab/_images/`.
        name: the image, a folder of `images/`.

    Raises:
        ImageError: there is no such image.
    """
    carried = root / "lab" / "_images"
    images = carried if carried.is_dir() else root / "images"
    known = sorted(path.parent.name for path in images.glob("*/Dockerfile"))
    if name not in known:
        there = ", ".join(known) or "none, so this installation is incomplete: install wirelab again"
        raise ImageError("there is no such image", where=name, remedy=f"the images are: {there}")
    folders = {f"images/{name}": images / name}
    if name == NODE:
        folders["lab/apps"] = root / "lab" / "apps"
    return sorted(
        (f"{inside}/{path.relative_to(folder).as_posix()}", path)
        for inside, folder in folders.items()
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".pyc" and "__pycache__" not in path.parts
    )


def read_context(root: Path, name: str) -> Context:
    """Read an image's build context: only what goes into the image, so that nothing else rebuilds it."""
    return Context(
        tuple(
            File(inside, 0o755 if path.stat().st_mode & 0o100 else 0o644, path.read_bytes())
            for inside, path in context_files(root, name)
        )
    )


def ensure_node_image(store: ImageStore, root: Path, say: Say) -> str:
    """Make sure of the image that nodes are made of; see `ensure_image`."""
    return ensure_image(store, NODE, root, say)


def node_tag(root: Path) -> str:
    """The tag that the image of nodes has, whether it is there or not."""
    return f"wirelab-{NODE}:{read_context(root, NODE).digest()}"


def ensure_image(store: ImageStore, name: str, root: Path, say: Say) -> str:
    """Make sure of an image, and of those that it is built from.

    Args:
        store: where the engine keeps its images.
        name: the image, a folder of `images/`; all but `node` are built from the node's.
        root: the folder that `build_root` gives.
        say: takes each line of progress.

    Returns:
        The tag: `wirelab-NAME:` and 12 hexadecimal digits of the content. `wirelab-NAME:latest` is that, too.

    Raises:
        ImageError: the image could not be made; with the end of what the build printed, and what to do next.
    """
    context = read_context(root, name)
    below = [] if name == NODE else [ensure_image(store, NODE, root, say)]
    tag = f"wirelab-{name}:{context.digest(*below)}"
    if not store.has(tag):
        with alone(say):
            if not store.has(tag):  # who held the lock may have made it
                base = below[0] if below else _ensure_base(store, say)
                _build(store, context, name=name, tag=tag, base=base, say=say)
    store.tag(tag, f"wirelab-{name}:latest")
    return tag


def _build(store: ImageStore, context: Context, *, name: str, tag: str, base: str, say: Say) -> None:
    say(f"building the image {tag} from {base}")
    tail: deque[str] = deque(maxlen=TAIL_LINES)

    def on_line(line: str) -> None:
        words = _COLOUR.sub("", line).strip()  # the engine paints what a step says on stderr red
        if words.startswith("Step "):
            words = textwrap.shorten(words, PROGRESS_WIDTH, placeholder=" …")
            say(words)
        if words:
            tail.append(words)

    try:
        store.build(
            context.tar(),
            dockerfile=f"images/{name}/Dockerfile",
            tag=tag,
            buildargs={"BASE": base},
            on_line=on_line,
        )
    except ImageError as error:
        remedy = f"do containers reach the package mirror? type: docker run --rm {base} apt-get update"
        raise failed(f"the build failed: {error.what}", tag, tail, error.remedy or remedy) from error


def _ensure_base(store: ImageStore, say: Say) -> str:
    """The image that the node's is built from: the one that is there, else pulled, else made of packages."""
    for tag in (BASE, PULLED_BASE):
        if store.has(tag):
            return tag
    say(f"pulling {PULLED_BASE}")
    try:
        store.pull(PULLED_BASE, PULL_IDLE_SECONDS)
    except ImageError as error:
        say(f"no registry gave {PULLED_BASE} ({error.what}): making a base from Debian's packages")
    else:
        return PULLED_BASE
    with tempfile.TemporaryDirectory(prefix="wirelab-base-") as folder:
        tar = Path(folder, "base.tar")
        bootstrap(tar, say)
        say(f"importing {BASE}")
        store.load_base(tar, BASE)
    return BASE


@contextlib.contextmanager
def alone(say: Say) -> Iterator[None]:
    """Hold the lock that lets one process at a time make images; it goes when the process does."""
    with (_lock_folder() / "images.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another process is making images: waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _lock_folder() -> Path:
    """A folder of the user's own: fs.protected_regular forbids to open another user's file in /tmp itself."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser(), "wirelab")
    for folder in (cache, Path(tempfile.gettempdir(), f"wirelab-{os.getuid()}")):
        with contextlib.suppress(OSError):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            # In /tmp, somebody else may have made it first, with a link in it to where we shall write.
            if os.access(folder, os.W_OK) and folder.lstat().st_uid == os.getuid() and not folder.is_symlink():
                return folder
    raise ImageError("no folder can be written for the lock", where=str(cache), remedy="set XDG_CACHE_HOME to one")
