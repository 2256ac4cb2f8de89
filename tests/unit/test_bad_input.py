"""Whatever is typed, it is a lab that can be made, or one error that names the place. Thousands of inputs.

`pytest tests/unit/test_bad_input.py --hypothesis-profile=thorough` tries 10,000 of each.
"""

from __future__ import annotations

import json
from contextlib import suppress
from ipaddress import IPv4Network

from hypothesis import given, settings
from hypothesis import strategies as st

from lab.commands.base import words
from lab.errors import LabError, PoolError, SpecError, WordsError
from lab.model import plan as model
from lab.model import spec, steering, wiring
from lab.model.change import UNCHANGED
from lab.model.media import MEDIA
from lab.model.plan import LabSpec, decide, summary
from lab.model.topology import SHAPES

INPUTS = max(300, settings().max_examples)

KEYS = ("rate", "delay", "jitter", "loss", "duplicate", "corrupt", "reorder", "mtu", "queue", "length")
ODD = st.text(max_size=12) | st.sampled_from(["", " ", "=", ",", "/", "//", "\0", "\n", "٣", "1e999", "nan", "-1", "٪"])
FIGURES = st.one_of(
    st.integers(-2, 10**12).map(str),
    st.floats(allow_nan=True, allow_infinity=True).map(repr),
    st.decimals(0, 10**6, places=3).map(str),
)
UNITS = st.sampled_from(
    ["", "bit", "kbit", "mbit", "gbit", "ms", "s", "us", "%", "b", "kb", "mb", "km", "m", "furlong"]
)
VALUES = st.builds("{}{}".format, FIGURES, UNITS) | ODD
GOOD = st.one_of(
    st.integers(1, 10**5).map("rate={}kbit".format),
    st.integers(0, 3000).map("delay={}ms".format),
    st.integers(0, 100).map("loss={}%".format),
    st.integers(68, 9000).map("mtu={}".format),
    st.integers(2, 900).map("queue={}kb".format),
)
SETTINGS = st.one_of(GOOD, GOOD, st.builds("{}={}".format, st.sampled_from(KEYS) | ODD, VALUES), ODD)
HALVES = st.builds(
    lambda medium, given: ",".join([medium, *given]),
    st.sampled_from([*MEDIA, "", "coaxx", "COAX"]) | ODD,
    st.lists(SETTINGS, max_size=4),
)
SPECS = st.lists(HALVES, min_size=1, max_size=3).map("/".join) | st.text(max_size=40)
COUNTS = st.integers(2, 9).map(str) | st.sampled_from(["-1", "0", "1", "64", "251", "1000", "07"]) | ODD
LINKS = st.builds(
    lambda name, equals, text: f"{name}{equals}{text}",
    st.builds("{}{}".format, st.sampled_from(["h", "n", "bus", "hub", "h1-h", "n1-n"]), st.integers(0, 13)) | ODD,
    st.sampled_from(["=", "=", "=", ""]),
    SPECS,
)
POOLS = st.one_of(
    st.just(""),
    st.just(""),
    st.builds("{}/{}".format, st.ip_addresses(v=4), st.integers(0, 33)),
    st.builds("198.18.0.0/{}".format, st.integers(15, 32)),
    ODD,
)
TYPED = st.fixed_dictionaries(
    {
        "nodes": COUNTS,
        "seed": st.integers(0, 10**9 - 1).map(str) | ODD,
        "links": st.lists(LINKS, max_size=3),
        "topology": st.sampled_from([*SHAPES, *SHAPES, "mesh"]) | ODD,
        "media": HALVES | SPECS,
        "name": st.from_regex(r"[a-z0-9][a-z0-9-]{0,30}", fullmatch=True) | ODD,
        "routing": st.sampled_from(["clockwise", "shortest", "clockwise", "widdershins"]),
        "shaper": st.sampled_from(["auto", "auto", "netem", "wire", "tape"]),
        "pool": POOLS,
    }
)
FLAGS = {
    "nodes": "--nodes",
    "seed": "--seed",
    "media": "--media",
    "links": "--link",
    "pool": "--pool",
    "topology": "topology",
    "name": "name",
    "routing": "routing",
    "shaper": "shaper",
}


def tells(error: LabError, *places: str) -> None:
    """Hold an error to what every error is: it names the place, says what to do, and can be shown on a terminal."""
    assert error.what
    assert error.remedy
    told = f"{error.where or ''} {error.what} {error.remedy}"
    assert any(place in told for place in places), told
    assert str(error)


@settings(max_examples=INPUTS)
@given(SPECS, st.sampled_from(["coax", "satellite,loss=1%", "twisted-pair-2400/fibre", "wireless"]), st.booleans())
def test_any_spec(text: str, default: str, shared: bool) -> None:
    """A SPEC is both directions of a link, within bounds; or an error that quotes the word that is wrong."""
    try:
        read = spec.parse(text, default=default, shared=shared)
    except SpecError as error:
        tells(error, *(repr(word) for word in (text, *text.split(","))), *KEYS, "'", "direction")
        return
    for way in (read.forward, read.back):
        assert way.medium in MEDIA
        assert 80 <= way.settings.rate <= 100 * 10**9
        assert 0 <= way.settings.jitter <= way.settings.delay <= 60
        assert way.settings.frame <= way.settings.queue
        assert all(0 <= getattr(way.settings, key) <= 1 for key in ("loss", "duplicate", "corrupt", "reorder"))


@settings(max_examples=INPUTS)
@given(TYPED, st.lists(st.builds(IPv4Network, st.sampled_from(["198.18.0.0/16", "198.19.0.0/16", "10.0.0.0/8"]))))
def test_any_words_of_up(typed: dict[str, object], taken: list[IPv4Network]) -> None:
    """What is typed after `up` is a plan, complete and the same each time; or one error that names a word of it."""
    try:
        described = words(**typed)  # type: ignore[arg-type]
        plan = decide(described, taken)
    except (WordsError, PoolError) as error:
        tells(error, *FLAGS.values(), *(str(value) for value in typed.values() if value), "link", "block", "'")
        return
    assert decide(described, taken) == plan
    assert LabSpec.from_json(described.to_json()) == described
    assert json.loads(json.dumps(model.as_document(plan)))["lab"] == plan.name
    assert json.loads(json.dumps(wiring.document(plan, "wire")))["probes"]
    assert not any(plan.addresses.block.overlaps(network) for network in taken) or described.pool
    assert summary(described)


@settings(max_examples=INPUTS)
@given(SPECS, st.sampled_from(["h1-hub", "bus", "n2-n3"]), st.sampled_from([None, "h1", "n2", "hub", "h9"]))
def test_any_change_of_a_running_link(text: str, name: str, sender: str | None) -> None:
    """What is typed after `link` is a change of it; or one error that says what is wrong."""
    kind = {"h1-hub": "star", "bus": "bus", "n2-n3": "ring"}[name]
    link = decide(LabSpec(topology=kind)).link(name).link
    try:
        change = steering.altered(link, UNCHANGED, text, sender)
    except LabError as error:
        tells(error, *(repr(word) for word in (text, *text.split(","))), *KEYS, "'", "direction", name)
        return
    assert change.spec(link.spec).forward.settings.mtu == link.spec.forward.settings.mtu


FIELDS = st.sampled_from(["name", "topology", "nodes", "media", "links", "routing", "pool", "shaper", "seed", "colour"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 300) | st.floats(allow_nan=False) | ODD,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELDS, inner, max_size=4),
    max_leaves=6,
)


@settings(max_examples=INPUTS)
@given(st.one_of(st.text(max_size=20), JSON.map(json.dumps), st.dictionaries(FIELDS, JSON).map(json.dumps)))
def test_any_label(text: str) -> None:
    """What a label holds, whoever wrote it, is words that can be decided, or refused by one error of ours."""
    try:
        described = LabSpec.from_json(text)
    except (ValueError, TypeError, KeyError):  # what both engines take for another version's
        return
    with suppress(LabError):
        decide(described)
