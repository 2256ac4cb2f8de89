from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lab.fabric.wire_loop import Agenda


def test_links_are_taken_when_their_time_has_come() -> None:
    """Those due by now come out, first due first; the others stay."""
    agenda = Agenda()
    for name, when in (("late", 30), ("soon", 10), ("next", 20)):
        agenda.plan(name, when)
    assert agenda.next() == 10
    assert agenda.take(20) == ["soon", "next"]
    assert agenda.next() == 30
    assert agenda.take(20) == []


def test_an_earlier_time_replaces_a_later_one() -> None:
    """A link planned again for an earlier time is taken once, and for a later time not put off."""
    agenda = Agenda()
    agenda.plan("link", 30)
    agenda.plan("link", 10)
    agenda.plan("link", 20)
    assert agenda.take(10) == ["link"]
    assert agenda.take(100) == []
    assert agenda.next() is None


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 50), st.integers(0, 5))))
def test_no_link_is_forgotten_or_taken_early(steps: list[tuple[str, int, int]]) -> None:
    """Against the plainest model: at any time exactly those links are taken whose earliest plan is past."""
    agenda, model, now = Agenda(), dict[str, int](), 0
    for name, ahead, pause in steps:
        agenda.plan(name, now + ahead)
        model[name] = min(model.get(name, now + ahead), now + ahead)
        now += pause
        due = {link for link, when in model.items() if when <= now}
        assert sorted(agenda.take(now)) == sorted(due)
        model = {link: when for link, when in model.items() if link not in due}
