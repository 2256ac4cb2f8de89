"""What a lab is known by: its words, in whichever order and by whichever names they come."""

from __future__ import annotations

import pytest

from lab.model.plan import LabSpec, same_lab

ONE = LabSpec(links=(("h1", "satellite"), ("h2", "loss=1%,rate=5mbit")))


@pytest.mark.parametrize(
    ("links", "same"),
    [
        ((("h2", "loss=1%,rate=5mbit"), ("h1", "satellite")), True),
        ((("h1-hub", "satellite"), ("hub-h2", "coax,rate=5mbit,loss=1%")), True),
        ((("h1", "satellite"), ("h2", "loss=2%,rate=5mbit")), False),
        ((("h1", "satellite"),), False),
    ],
)
def test_the_order_and_the_names_of_links_do_not_matter(links: tuple[tuple[str, str], ...], same: bool) -> None:
    """Another order, a link's other name, or a SPEC in other words mean the lab that is there; other figures do not."""
    assert same_lab(ONE, LabSpec(links=links)) is same


def test_everything_else_matters() -> None:
    """A seed or a name more makes another lab."""
    assert not same_lab(LabSpec(), LabSpec(seed=2))
    assert not same_lab(LabSpec(), LabSpec(media="fibre"))
