from __future__ import annotations

from typing import Any

import pytest

from lab.fabric.wire_settings import Settings, SettingsError


def test_a_part_replaces_only_itself() -> None:
    """Settings that are not named stay as they were, and the original is untouched."""
    before = Settings(rate=1e6, delay=0.02, loss=0.01)
    after = before.changed({"loss": 0.05, "rate": None})
    assert after == Settings(delay=0.02, loss=0.05)
    assert before.loss == 0.01


@pytest.mark.parametrize(
    ("partial", "message"),
    [
        ({"loss": 1.5}, "loss must be a share from 0 to 1, not 1.5"),
        ({"loss": "1%"}, "loss must be a number, 0 or more, not '1%'"),
        ({"corrupt": True}, "corrupt must be a number, 0 or more, not True"),
        ({"delay": -0.1}, "delay must be a number, 0 or more, not -0.1"),
        ({"delay": float("nan")}, "delay must be a number, 0 or more, not nan"),
        ({"delay": None}, "delay must be a number, 0 or more, not None"),
        ({"delay": 270_000}, "delay is in seconds, at most 3600, not 270000"),
        ({"queue": float("inf")}, "queue must be a number, 0 or more, not inf"),
        ({"rate": 0}, "rate must be more than 0 bit/s, or null; to stop a link, cut it"),
        ({"latency": 1, "bandwidth": 2}, "unknown setting: bandwidth, latency"),
    ],
)
def test_a_wrong_setting_is_refused_by_name(partial: dict[str, Any], message: str) -> None:
    """Every value that no link can have is refused with its name and what was wrong."""
    with pytest.raises(SettingsError) as caught:
        Settings().changed(partial)
    assert str(caught.value) == message
