"""What `@pytest.mark.lab(…)` says: the words of a lab, and for how long it is kept. Knows nothing of engines."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from lab.api import spec_of
from lab.errors import WordsError
from lab.model.plan import LabSpec, check_words

SCOPES = ("session", "module", "function")
OWN = {"scope", "pcap"}
WORDS = {each.name for each in fields(LabSpec)} - {"name"}


@dataclass(frozen=True, slots=True)
class Wish:
    """A lab that a test asks for.

    Attributes:
        scope: who shares it: all tests of the `session` that ask for the same, those of a `module`, or nobody else.
        pcap: whether frames are captured, to be kept where the test fails.
    """

    spec: LabSpec = field(default_factory=LabSpec)
    scope: str = "session"
    pcap: bool = True

    def __str__(self) -> str:
        return f"{self.spec.topology}-{self.spec.nodes}-{self.spec.media}"


def wishes(words: Mapping[str, Any]) -> dict[str, Wish]:
    """The labs that a marker's words describe, by a name for each: one, or all combinations of what is a list.

    Raises:
        WordsError: they describe none.

    >>> list(wishes({"topology": ["star", "ring"], "media": ["coax", "satellite"], "nodes": 3}))
    ['star-coax', 'star-satellite', 'ring-coax', 'ring-satellite']
    """
    unknown = sorted(set(words) - WORDS - OWN)
    if unknown:
        raise WordsError(
            f"there is no word {unknown[0]!r}", where="@pytest.mark.lab", remedy=", ".join(sorted(WORDS | OWN))
        )
    many = {key: value for key, value in words.items() if isinstance(value, (list, tuple))}
    found = {}
    for values in itertools.product(*many.values()):
        chosen = dict(zip(many, values, strict=True))
        found["-".join(_short(value) for value in values)] = _wish({**words, **chosen})
    return found


def _wish(words: Mapping[str, Any]) -> Wish:
    given = {key: value for key, value in words.items() if key not in OWN}
    if "media" in given:
        given["media"] = spec_of(given["media"])
    if "links" in given:
        given["links"] = tuple((name, spec_of(value)) for name, value in given["links"].items())
    spec = LabSpec(**given)
    check_words(spec)
    wish = Wish(spec, words.get("scope", "session"), words.get("pcap", True))
    if wish.scope not in SCOPES:
        raise WordsError(
            f"no scope is called {wish.scope!r}", where="@pytest.mark.lab", remedy=f"there are {', '.join(SCOPES)}"
        )
    return wish


def _short(value: Any) -> str:
    if isinstance(value, Mapping):
        return ",".join(f"{name}={_short(each)}" for name, each in value.items())
    return str(getattr(value, "name", value))
