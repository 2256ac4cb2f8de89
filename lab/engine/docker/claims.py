"""The claim on a lab's name: of those who would make, mend or remove the same lab at once, one does.

A claim is a container that never runs. Its name is given once, by the engine itself, so it holds for everybody who
uses that engine, from wherever. Its label tells whose it is, so that one whose holder was killed is told from one
that is held; it is removed by its id, so of two who find the same one dead, none takes away what the other has claimed
since. ADR 13.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from http import HTTPStatus
from typing import Any

from docker.errors import APIError, NotFound

from lab.engine import container
from lab.engine.base import Say
from lab.engine.docker.client import TROUBLE, refusals
from lab.engine.owner import Owner
from lab.errors import BusyError, EngineError

CLAIM = "claim"
FAR_SECONDS = 20.0  # how long a holder is waited for that cannot be seen from here
_PAUSE_SECONDS = 0.1
_ASKED_FOR_SECONDS = 2.0  # until the engine has done what it was asked for; twice the longest seen, ADR 13
_held: set[str] = set()  # the marks of claims that this process has, or asks for: it may lose one without its own end
_patience = threading.Event()  # never set: what is waited for happens elsewhere, and tells nobody


@contextmanager
def claim(api: Any, image: str, name: str, doing: str, *, say: Say, patience: float) -> Iterator[bool]:
    """Hold the claim on a lab's name.

    Args:
        api: the engine.
        image: any image that is there.
        name: the lab.
        doing: what the holder does, in a word.
        say: is told whom it waits for.
        patience: seconds to wait for another holder.

    Returns:
        Whether the one who held it before was killed at what it did.

    Raises:
        BusyError: another one holds it, and goes on.
        EngineError: the engine refused.
    """
    mark = uuid.uuid4().hex
    labels = {
        container.LAB: name,
        container.HELPER: CLAIM,
        container.DOING: doing,
        container.OWNER: Owner.here().to_json(),
        container.RUN: mark,
    }
    _held.add(mark)
    try:
        with refusals(f"{name}.{CLAIM}"):
            identity, abandoned = _take(api, image, name, labels, say=say, patience=patience)
        try:
            yield abandoned
        finally:
            with suppress(*TROUBLE):  # the engine itself may be gone; then the claim is a dead one
                api.remove_container(identity, force=True)
    finally:
        _held.discard(mark)


def _take(api: Any, image: str, name: str, labels: dict[str, str], *, say: Say, patience: float) -> tuple[str, bool]:
    nowhere = api.create_host_config(network_mode="none")
    abandoned = told = False
    begun = time.monotonic()
    while True:
        try:
            made = api.create_container(image, ["true"], name=f"{name}.{CLAIM}", labels=labels, host_config=nowhere)
        except APIError as error:
            if error.status_code != HTTPStatus.CONFLICT:
                raise
        except BaseException:  # Ctrl-C before the answer was here: the engine goes on with what it was asked for
            _take_back(api, name, labels)
            raise
        else:
            return str(made["Id"]), abandoned
        ours = held()
        with suppress(NotFound):  # it was let go just now
            other = api.inspect_container(f"{name}.{CLAIM}")
            marks, waited = other["Config"]["Labels"] or {}, time.monotonic() - begun
            if not is_claim(marks):
                raise EngineError("a container of this name is there, and it is not ours", where=f"{name}.{CLAIM}")
            if is_dead(marks, ours) or _is_out_of_sight(marks, waited, patience):
                with suppress(APIError):  # somebody else has found it dead, too
                    api.remove_container(other["Id"], force=True)
                abandoned = True
                continue
            if waited >= patience:
                raise _busy(name, marks)
            if not told:
                say(f"waiting for {_who(marks)} to finish")
                told = True
            _patience.wait(_PAUSE_SECONDS)


def _take_back(api: Any, name: str, labels: Mapping[str, str]) -> None:
    """Remove the claim that we asked for and were not told of, if it turns up."""
    begun = time.monotonic()
    while time.monotonic() - begun < _ASKED_FOR_SECONDS:
        with suppress(*TROUBLE):
            found = api.inspect_container(f"{name}.{CLAIM}")
            if labels.items() <= found["Config"]["Labels"].items():
                api.remove_container(found["Id"], force=True)
            return
        _patience.wait(_PAUSE_SECONDS)


def is_claim(marks: Mapping[str, str]) -> bool:
    """Whether the labels are a claim's."""
    return marks.get(container.HELPER) == CLAIM


def held() -> frozenset[str]:
    """The marks of claims that this process has, or asks for: to be taken before the engine is asked, see `is_dead`."""
    return frozenset(_held)


def is_dead(marks: Mapping[str, str], ours: frozenset[str]) -> bool:
    """Whether the holder of a claim is gone, or is this process, which knows nothing of it any more.

    Args:
        marks: the claim's labels.
        ours: what this process held before the engine told of the claim: another thread may have let go since.
    """
    owner = Owner.read(marks.get(container.OWNER, ""))
    if owner is None or owner.gone:
        return True
    mark = marks.get(container.RUN)
    return mark is not None and owner == Owner.here() and mark not in ours and mark not in _held


def _is_out_of_sight(marks: Mapping[str, str], waited: float, patience: float) -> bool:
    """Whether a holder that nobody can see from here was waited for long enough; only who is patient may judge so."""
    owner = Owner.read(marks.get(container.OWNER, ""))
    return owner is not None and not owner.seen and patience > FAR_SECONDS <= waited


def _busy(name: str, marks: Mapping[str, str]) -> BusyError:
    """What the one is told who comes second."""
    return BusyError(
        f"{_who(marks)} is at work on it",
        where=name,
        remedy=f"wait until it is done, or give another --name; ./inv down --name {name} waits by itself",
    )


def _who(marks: Mapping[str, str]) -> str:
    owner = Owner.read(marks.get(container.OWNER, ""))
    return f"`{marks.get(container.DOING, '?')}` ({owner or 'somebody'})"
