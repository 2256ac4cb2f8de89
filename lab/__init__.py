"""wirelab: a laboratory of computers on real cables, made of containers.

>>> from lab import Lab, star
>>> star(4, media="satellite").topology
'star'

What it gives is loaded when it is first asked for: on the nodes there are only the programs in `lab.apps`, which
must start fast, and cannot load the rest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lab.api import MEDIA, Lab, LabSpec, LateError, LiveLink, LiveNode, Medium, Result, Running, bus, ring, star

__all__ = [
    "MEDIA",
    "Lab",
    "LabSpec",
    "LateError",
    "LiveLink",
    "LiveNode",
    "Medium",
    "Result",
    "Running",
    "bus",
    "ring",
    "star",
]


if not TYPE_CHECKING:  # a type checker knows the names, and shall find fault with others

    def __getattr__(name: str) -> Any:
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from lab import api  # noqa: PLC0415 - see above

        return getattr(api, name)

    def __dir__() -> list[str]:
        return sorted([*globals(), *__all__])
