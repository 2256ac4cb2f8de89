"""What a link of the software wire does to its frames: one direction's settings, checked."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_LONGEST = 3600.0  # seconds of delay; more is a mistake in the unit
_SHARES = ("loss", "duplicate", "corrupt", "reorder", "loss_correlation", "delay_correlation")


def as_dict(record: Any) -> dict[str, Any]:
    """A slotted record as a dict, not copied: `dataclasses.asdict` would hold up the frames of a large lab."""
    return {name: getattr(record, name) for name in record.__slots__}


class SettingsError(ValueError):
    """A setting that no link can have."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What a channel does to its frames.

    Attributes:
        rate: Bit/s, or None where something behind the channel (a TBF) keeps the rate.
        delay: Seconds of propagation, after serialisation.
        jitter: Standard deviation of the delay in seconds. Never reorders: a frame waits for the one before
            it.
        loss: Share of the frames that is lost, before the serialiser.
        duplicate: Share that is sent twice.
        corrupt: Share that has one bit flipped beyond the Ethernet header.
        reorder: Share that skips the delay and so overtakes.
        queue: Bytes that may wait for the serialiser. The frame being sent and those in flight do not count.
        loss_correlation: Of a frame's loss with the last one's. The share that is lost stays `loss`.
        delay_correlation: Correlation of one frame's jitter with the last one's. The standard deviation stays
            `jitter`.
    """

    rate: float | None = None
    delay: float = 0.0
    jitter: float = 0.0
    loss: float = 0.0
    duplicate: float = 0.0
    corrupt: float = 0.0
    reorder: float = 0.0
    queue: int = 2**20
    loss_correlation: float = 0.0
    delay_correlation: float = 0.0

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if field.name == "rate" and value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not isfinite(value) or value < 0:
                raise SettingsError(f"{field.name} must be a number, 0 or more, not {value!r}")
            if field.name in _SHARES and value > 1:
                raise SettingsError(f"{field.name} must be a share from 0 to 1, not {value!r}")
            if field.name in {"delay", "jitter"} and value > _LONGEST:
                raise SettingsError(f"{field.name} is in seconds, at most {_LONGEST:.0f}, not {value!r}")
        if self.rate == 0:
            raise SettingsError("rate must be more than 0 bit/s, or null; to stop a link, cut it")

    def changed(self, partial: Mapping[str, Any]) -> Settings:
        """These settings with some of them replaced.

        Raises:
            SettingsError: A name that is unknown or a value that is out of range.
        """
        unknown = set(partial) - {field.name for field in dataclasses.fields(self)}
        if unknown:
            raise SettingsError(f"unknown setting: {', '.join(sorted(unknown))}")
        return dataclasses.replace(self, **partial)
