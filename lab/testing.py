"""What tests over a lab want to say: it is as predicted, it happens in the end, these nodes are cut off.

Works with any test runner; the pytest plugin brings the labs.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from lab.api import Lab
from lab.errors import CheckError, LateError, TopologyError
from lab.model import predict
from lab.model.predict import Prediction

T = TypeVar("T")
LOOK_EVERY_SECONDS = 0.05
TOLERANCE = 0.05  # for a figure of one's own, that has no prediction with an interval


def assert_within(measured: float, predicted: Prediction | float, tolerance: float = TOLERANCE) -> None:
    """Make sure that a figure is as predicted.

    Args:
        measured: the figure.
        predicted: what `lab.model.predict` or `predicted_echo` returned, with the interval that it allows; or a
            plain figure.
        tolerance: the share by which a plain figure may be missed, on either side.

    Raises:
        CheckError: it is not.

    >>> assert_within(10.2e6, 10e6)
    >>> assert_within(11e6, 10e6)
    Traceback (most recent call last):
    lab.errors.CheckError: measured 1.1e+07, predicted 1e+07, which allows 9.5e+06 to 1.05e+07
    """
    __tracebackhide__ = True  # for pytest: the failure is the caller's
    if not isinstance(predicted, Prediction):
        share = abs(predicted) * tolerance
        predicted = Prediction(predicted, predicted - share, predicted + share)
    if not predicted.holds(measured):
        allowed = f"{_figure(predicted.lowest)} to {_figure(predicted.highest)}"
        raise CheckError(f"measured {measured:.6g}, predicted {_figure(predicted.value)}, which allows {allowed}")


def _figure(value: float | None) -> str:
    return "anything" if value is None else f"{value:.6g}"


def predicted_echo(lab: Lab, sender: str, receiver: str, payload: int = 56) -> Prediction:
    """What a ping should take, in seconds: out and back over idle links, as they were declared.

    Args:
        lab: the lab.
        sender: the node that pings.
        receiver: the node that answers.
        payload: bytes of it; ping(8) sends 56 unless told otherwise.

    Raises:
        TopologyError: no such node.
    """
    out = predict.along(lab.plan, sender, receiver)
    back = predict.along(lab.plan, receiver, sender)
    value = predict.echo(out, back, payload)
    share = max(predict.TOLERANCE.trip * value, predict.TOLERANCE.trip_other * (len(out) + len(back)) / 2)
    return Prediction(value, value - share, value + share)


def eventually(check: Callable[[], T], timeout: float = 10.0) -> T:
    """Call a check again and again until it holds, and return what it returned.

    Args:
        check: holds if it raises no `AssertionError` or `CheckError`, and does not return False.
        timeout: in seconds.

    Raises:
        LateError: it did not hold in that time; the last failure is its cause.

    >>> tries = iter([False, False, "done"])
    >>> eventually(lambda: next(tries))
    'done'
    """
    __tracebackhide__ = True
    until = time.monotonic() + timeout
    while True:
        failure: BaseException | None = None
        try:
            found = check()
        except (AssertionError, CheckError) as error:
            failure = error
        else:
            if found is not False:
                return found
        if time.monotonic() >= until:
            raise LateError(f"it did not hold within {timeout:g} s: {failure or 'False'}") from failure
        time.sleep(LOOK_EVERY_SECONDS)  # what a check asks for is the caller's, and tells nobody when it changes


@contextmanager
def partition(lab: Lab, *nodes: str) -> Iterator[tuple[str, ...]]:
    """Cut some nodes off from all others, as long as the block lasts; among each other they go on talking.

    Every link that leads from one of them to one of the others is cut: on a star, `partition(lab, "h1", "hub")` keeps
    h1 and the hub together; on a bus, their taps are pulled one by one, so each is alone.

    Returns:
        The links that are cut.

    Raises:
        TopologyError: no such node, or nobody is left on the other side.
    """
    inside = {lab.plan.node(name).name for name in nodes}
    if not inside or len(inside) == len(lab.plan.nodes):
        raise TopologyError("a partition needs nodes on both sides", where=lab.name)
    links = [link for link in lab.plan.links if inside & set(link.link.ends) and set(link.link.ends) - inside]
    try:
        for link in links:
            for end in sorted(inside) if link.link.is_bus else [None]:
                lab.link(link.name).cut(end)
        yield tuple(link.name for link in links)
    finally:
        for link in links:
            lab.link(link.name).heal()
