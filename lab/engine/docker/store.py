"""Docker's images, as `lab.engine.images` wants them: an `ImageStore`."""

from __future__ import annotations

import contextlib
import json
import weakref
from typing import TYPE_CHECKING, Any, BinaryIO

import docker
import docker.errors
import requests

from lab.engine.docker.client import TROUBLE
from lab.errors import ImageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

_A_DAY = 24 * 60 * 60


class _ImpatientClient(docker.APIClient):
    """A client that keeps its time limit between two reads; the SDK itself drops it for pulls."""

    def request(self, *args: Any, **kwargs: Any) -> requests.Response:
        """Send a request, as `requests.Session.request` does."""
        return super().request(*args, **{**kwargs, "timeout": self.timeout})


class DockerImageStore:
    """The images of a Docker engine.

    Args:
        connection: arguments of `docker.APIClient`, as `lab.engine.docker.client.connection` gives them.
    """

    def __init__(self, connection: Mapping[str, Any]) -> None:
        self._connection = dict(connection)
        # A build step may be silent for long, and Ctrl-C ends it: as good as no time limit.
        self._api = docker.APIClient(timeout=_A_DAY, **self._connection)
        weakref.finalize(self, self._api.close)

    def has(self, tag: str) -> bool:
        """Whether there is an image of this tag."""
        with _as_image_error(tag):
            try:
                self._api.inspect_image(tag)  # type: ignore[no-untyped-call]  # a gap in types-docker
            except docker.errors.ImageNotFound:
                return False
        return True

    def pull(self, reference: str, idle_timeout: int) -> None:
        """Fetch an image from its registry; give up after `idle_timeout` seconds without progress."""
        name, _, version = reference.rpartition(":")
        # The engine tells of each step: only a silent registry meets a limit that is between two reads.
        # Closing the connection ends the pull: the engine stops one that nobody listens to.
        with (
            _as_image_error(reference),
            contextlib.closing(_ImpatientClient(timeout=idle_timeout, **self._connection)) as client,
        ):
            _follow(client.pull(name, tag=version, stream=True, decode=True), reference)

    def load_base(self, tar: Path, tag: str) -> None:
        """Make an image of one layer out of a tar of a root file system."""
        name, _, version = tag.rpartition(":")
        with _as_image_error(tag):
            answer = self._api.import_image_from_file(str(tar), repository=name, tag=version)
            _follow(map(json.loads, answer.splitlines()), tag)

    def build(
        self,
        context: BinaryIO,
        *,
        dockerfile: str,
        tag: str,
        buildargs: Mapping[str, str],
        on_line: Callable[[str], None],
    ) -> None:
        """Build an image from a tar of files; every line that the build prints goes to `on_line`."""
        with _as_image_error(tag):
            answer = self._api.build(
                fileobj=context,
                custom_context=True,
                dockerfile=dockerfile,
                tag=tag,
                buildargs=dict(buildargs),
                rm=True,
                forcerm=True,
                decode=True,
            )
            _follow(answer, tag, on_line)

    def tag(self, source: str, target: str) -> None:
        """Give an image one more tag; one that is there moves."""
        name, _, version = target.rpartition(":")
        with _as_image_error(source):
            self._api.tag(source, name, version)


@contextlib.contextmanager
def _as_image_error(where: str) -> Iterator[None]:
    try:
        yield
    except docker.errors.APIError as error:
        raise ImageError(str(error.explanation or error).strip(), where=where) from error
    except TROUBLE as error:
        raise ImageError(str(error), where=where) from error


def _follow(events: Iterable[Any], where: str, on_line: Callable[[str], None] = lambda _: None) -> None:
    """Read an answer to its end: the engine says 200 before it starts, and in the stream that it failed."""
    for event in events:
        if "error" in event:
            raise ImageError(event["error"].strip(), where=where)
        for line in event.get("stream", "").splitlines():
            if line.strip():
                on_line(line.rstrip())
