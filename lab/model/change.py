"""What was changed of a running link since `up`, and the one line in which it is remembered. Pure.

The line is the alias of the link's bridge (ip-link(8); 255 bytes at most), which is there as long as the link:

    MARK/LINK;0=satellite,rate=5000000,delay=0.27;1=…;cut=3;mute=1;wire;reroute

`0` and `1` are the directions whose settings were set, with what differs from what `up` declared (bit/s, seconds,
shares, bytes). `cut` and `mute` count the link's ends from 1, 2, 4 …, in hexadecimal digits.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from typing import Any

from lab.errors import WordsError
from lab.model.media import Settings
from lab.model.spec import Direction, LinkSpec
from lab.model.topology import Link

LONGEST_LINE = 255  # bytes: the kernel's IFALIASZ (linux/if.h), less its ending
INTEGERS = ("rate", "queue", "mtu")


@dataclass(frozen=True, slots=True)
class Change:
    """How a link differs on purpose from what `up` declared.

    Attributes:
        forward, back: the directions' new settings, or None where they are as declared.
        cut: the ends whose port is down.
        mute: the ends whose frames are dropped where they enter the fabric, while others still reach them.
        moved: whether the software wire carries the link where there is no netem, whatever its settings ask for: it
            went over when a token bucket was no longer enough, or was there before its settings changed.
        reroute: whether the nodes go round the cut.
    """

    forward: Direction | None = None
    back: Direction | None = None
    cut: frozenset[str] = frozenset()
    mute: frozenset[str] = frozenset()
    moved: bool = False
    reroute: bool = False

    @property
    def is_set(self) -> bool:
        """Whether settings were changed."""
        return self.forward is not None or self.back is not None

    @property
    def is_cut(self) -> bool:
        """Whether frames are kept from passing, one way at least."""
        return bool(self.cut or self.mute)

    def spec(self, declared: LinkSpec) -> LinkSpec:
        """The link's SPEC with the changes over it."""
        forward = self.forward or declared.forward
        return replace(declared, forward=forward, back=forward if declared.shared else self.back or declared.back)

    def with_ways(self, spec: LinkSpec, declared: LinkSpec) -> Change:
        """This change with other settings; a direction that is as declared again is not a change."""
        forward = spec.forward if spec.forward != declared.forward else None
        back = spec.back if not declared.shared and spec.back != declared.back else None
        return replace(self, forward=forward, back=back)


UNCHANGED = Change()


def write(change: Change, link: Link) -> str:
    """The line of a change, without the mark; empty where there is none.

    Args:
        change: what to write down.
        link: the link as `up` declared it.
    """
    parts = [
        f"{number}={_way(way, declared)}"
        for number, (way, declared) in enumerate(
            ((change.forward, link.spec.forward), (change.back, link.spec.back)),
        )
        if way is not None
    ]
    parts += [f"{key}={_ends(ends, link)}" for key, ends in (("cut", change.cut), ("mute", change.mute)) if ends]
    parts += [word for word, yes in (("wire", change.moved), ("reroute", change.reroute)) if yes]
    return ";".join(parts)


def read(line: str, link: Link) -> Change:
    """The change that a line tells of.

    Raises:
        WordsError: another version wrote it, or somebody by hand.
    """
    values: dict[str, Any] = {}
    try:
        for part in filter(None, line.split(";")):
            key, _, value = part.partition("=")
            match key:
                case "0" | "1":
                    declared = link.spec.forward if key == "0" else link.spec.back
                    values["forward" if key == "0" else "back"] = _read_way(value, declared)
                case "cut" | "mute":
                    values[key] = frozenset(end for bit, end in enumerate(link.ends) if int(value, 16) >> bit & 1)
                case "wire":
                    values["moved"] = True
                case "reroute":
                    values["reroute"] = True
                case _:
                    values[part] = True  # which Change refuses
        return Change(**values)
    except (TypeError, ValueError) as error:
        raise WordsError(f"its bridge carries {line!r}, which cannot be read", where=link.name) from error


def alias(mark: str, link: str, line: str) -> str:
    """What a link's bridge carries.

    Raises:
        WordsError: it is too long.
    """
    text = f"{mark}/{link}" + (f";{line}" if line else "")
    if len(text) > LONGEST_LINE:
        raise WordsError("so many changes cannot be remembered", where=link, remedy=f"./inv link {link} --reset")
    return text


def _way(way: Direction, declared: Direction) -> str:
    differing = (
        f"{field.name}={_figure(getattr(way.settings, field.name))}"
        for field in fields(Settings)
        if getattr(way.settings, field.name) != getattr(declared.settings, field.name)
    )
    return ",".join((way.medium, *differing))


def _figure(value: float) -> str:
    return repr(value)


def _read_way(text: str, declared: Direction) -> Direction:
    medium, *words = text.split(",")
    figures = dict(word.split("=", 1) for word in words)
    values: dict[str, Any] = {key: int(text) if key in INTEGERS else float(text) for key, text in figures.items()}
    return Direction(medium, replace(declared.settings, **values))


def _ends(names: Iterable[str], link: Link) -> str:
    return f"{sum(1 << bit for bit, end in enumerate(link.ends) if end in names):x}"
