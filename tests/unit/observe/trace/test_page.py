"""The page stands alone, is small, escapes everything, and can be read by everybody."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from importlib.resources import files
from typing import Any

import pytest

from lab.observe.trace.document import document
from lab.observe.trace.page import page
from lab.observe.trace.story import Story
from tests.made import Tape, greeting, tape

HOSTILE = '<script>alert(1)</script><img src=x onerror="alert(2)">\'"&'
VOID = {"meta", "br", "hr", "img", "input", "link"}


def html(made: Tape, message: str = "hello there!", **more: Any) -> str:
    """The page of what was made."""
    client, server = ("n2", "n1") if made.plan.topology.kind == "ring" else ("h2", "h1")
    story = Story(protocol="tcp", sender=client, to=server, message=message, port=11267, **more)
    return page(document(made.scene, story, made.frames))


def greeted(topology: str, message: str = "hello there!", **words: Any) -> str:
    """The page of a conversation in which nothing goes wrong."""
    made = tape(topology, **words)
    client, server = ("n2", "n1") if topology == "ring" else ("h2", "h1")
    greeting(made, client, server, message.encode())
    return html(made, message, said=[(server, "stdout", f"server received  {message}")])


class Outline(HTMLParser):
    """What is in a page: headings, ids, what has a text of its own, and whether elements are closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.headings: list[int] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self._open: list[str] = []
        self.wrong: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        self.elements.append((tag, dict(attrs)))
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element that has nothing in it."""
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        """Hold it against the last that was opened."""
        if not self._open or self._open.pop() != tag:
            self.wrong.append(tag)

    @classmethod
    def of(cls, text: str) -> Outline:
        """Read a page."""
        found = cls()
        found.feed(text)
        found.close()
        found.wrong += found._open
        return found


@pytest.mark.parametrize("topology", ["star", "ring", "bus"])
def test_it_stands_alone_and_is_well_made(topology: str) -> None:
    """Nothing is fetched; elements close in order; under 500 KB; one h1, and no level of headings is left out."""
    text = greeted(topology)
    assert not re.search(r"""(src|href|srcset|action)\s*=|url\(|@import|https?:""", text)
    assert "default-src 'none'" in text
    assert len(text.encode()) < 500_000
    outline = Outline.of(text)
    assert outline.wrong == []
    assert outline.headings.count(1) == 1
    assert all(deeper <= before + 1 for before, deeper in zip([0, *outline.headings], outline.headings, strict=False))


def test_a_long_message_stays_small() -> None:
    """A hundred kilobytes in seventy segments, of which some are lost: the page is still under 500 KB."""
    made = tape("star")
    made.tcp("h2 h1", 100, 0, "S")
    for number in range(70):
        lost = {"lose": 0} if number % 5 == 0 else {}
        made.tcp("h2 h1", 101 + 1440 * number, 901, "A", b"x" * 1440, **lost)
    assert len(html(made, "x" * 100_800).encode()) < 500_000


def test_everything_is_escaped() -> None:
    """A message that is a program is shown, and does not run: neither it, nor what a server says of it."""
    text = greeted("star", HOSTILE)
    outline = Outline.of(text)
    assert outline.wrong == []
    assert [tag for tag, _ in outline.elements].count("script") == 1
    assert "img" not in {tag for tag, _ in outline.elements}
    assert not any(name.startswith("on") for _, attributes in outline.elements for name in attributes)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text


def test_pictures_and_tables_have_words() -> None:
    """Each drawing has a label, each table a caption and scoped heads, each scrolling part a name and the focus."""
    outline = Outline.of(greeted("ring"))
    tags = [tag for tag, _ in outline.elements]
    for tag, attributes in outline.elements:
        if tag == "svg":
            assert (attributes.get("role"), bool(attributes.get("aria-label"))) == ("img", True)
        if tag == "th":
            assert "scope" in attributes
        if "scroll" in (attributes.get("class") or ""):
            assert attributes.get("tabindex") == "0"
            assert attributes.get("aria-label")
    assert tags.count("table") == tags.count("caption") == 2
    assert ("html", {"lang": "en"}) in outline.elements
    labels = [attributes["aria-label"] or "" for tag, attributes in outline.elements if tag == "svg"]
    assert "n2 to n3 over n2-n3, n3 to n4 over n3-n4, n4 to n1 over n4-n1" in labels[0]


def test_it_works_without_javascript() -> None:
    """What the buttons step through is all in the page; the buttons themselves are hidden until the script runs."""
    text = greeted("ring")
    assert ".player { display: none;" in text
    steps = [attributes for tag, attributes in Outline.of(text).elements if tag == "li" and "data-node" in attributes]
    assert len(steps) == 16


def luminance(colour: str) -> float:
    """Relative luminance of `#rrggbb` (WCAG 2.2)."""
    shares = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


LAYERS = ("application", "transport", "network", "link")
PAIRS = [
    *((layer, ground) for layer in LAYERS for ground in (f"{layer}-bg", "card")),
    *(("ink", ground) for ground in ("paper", "card", *(f"{layer}-bg" for layer in LAYERS))),
    *((ink, ground) for ink in ("soft", "good", "bad", "way") for ground in ("paper", "card")),
]


@pytest.mark.parametrize(("ink", "ground"), PAIRS)
def test_colours_can_be_told_apart(ink: str, ground: str) -> None:
    """Every colour of text has a contrast of 4.5 to 1 to what it stands on (WCAG 2.2, 1.4.3, level AA)."""
    style = files("lab.observe.trace").joinpath("page.css").read_text(encoding="utf-8")
    colours = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", style))
    light, dark = sorted((luminance(colours[ink]), luminance(colours[ground])), reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= 4.5


def test_a_large_lab_is_drawn_as_far_as_there_is_room() -> None:
    """Of two hundred hosts those of the way are drawn, and the rest is counted."""
    text = greeted("star", nodes=200)
    assert "and 185 nodes more" in text
    assert all(f'data-node="{name}"' in text for name in ("h1", "h2", "hub"))
