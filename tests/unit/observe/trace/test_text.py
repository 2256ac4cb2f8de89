"""What is shown at a terminal: everything of the document, whatever the message is, and nothing that drives it."""

from __future__ import annotations

import re
from io import StringIO
from typing import Any

from rich.console import Console

from lab.observe.trace import text
from lab.observe.trace.document import document
from lab.observe.trace.story import Story
from tests.made import Tape, greeting, tape


def shown(made: Tape, message: str = "hello there!", protocol: str = "tcp", *, width: int = 110, **more: Any) -> str:
    """What is printed on a terminal of `width` columns, without colours."""
    story = Story(protocol=protocol, sender="h2", to="h1", message=message, port=11267, **more)
    out = StringIO()
    Console(file=out, width=width).print(text.render(document(made.scene, story, made.frames)))
    return out.getvalue()


def test_a_conversation_is_drawn_in_time() -> None:
    """Phases in their order, an arrow for each packet across the hub, and what each acknowledges."""
    made = tape("star")
    greeting(made, "h2", "h1")
    printed = shown(made)
    assert printed.index("— handshake —") < printed.index("— data —") < printed.index("— closing —")
    assert "0.000 ms 1 ●────────▶●────────▶●  SYN" in printed
    assert "●◀────────●◀────────●  ACK 13  has #4" in printed
    assert "68 65 6c 6c 6f 20 74 68 65 72 65 21              hello there!" in printed
    assert "on h1-hub other bytes stand at MAC to, MAC from, TTL, header checksum" in printed


def test_the_bytes_fit_on_a_terminal_of_80_columns() -> None:
    """A full row of sixteen bytes, and what it says as characters, stay on one line."""
    made = tape("star")
    greeting(made, "h2", "h1")
    rows = [line for line in shown(made, width=80).splitlines() if line.startswith("IPv4 ")]
    assert len(rows) == 1
    assert re.fullmatch(r"IPv4 +000e  (?:[0-9a-f]{2} ){16} .{16}", rows[0].rstrip("\n"))


def test_what_was_lost_is_marked_where_it_was_lost() -> None:
    """A cross on the second link, and the words beside it."""
    made = tape("star")
    made.tcp("h2 h1", 100, 0, "S", lose=1)
    made.tcp("h2 h1", 100, 0, "S", after=1_000_000_000)
    printed = shown(made)
    assert "●────────▶●────✕    │  SYN  was lost on h1-hub" in printed
    assert "SYN  #1 again" in printed
    assert "number 1 was lost on h1-hub; no acknowledgement came for 1 s" in printed


def test_addresses_are_no_pictures_and_messages_no_styles() -> None:
    """Rich's own language in an address or a message is shown as it is; a control character is not passed on."""
    made = tape("star")
    made.udp("h2", "h1", b"[red]x[/red]")
    printed = shown(made, "[red]:smile:\x1b[31m", "udp", said=[("h1", "stdout", "[bold]:ab:")])
    assert "[red]:smile:\\x1b[31m" in printed
    assert "[bold]:ab:" in printed
    assert "\x1b" not in printed


def test_a_long_conversation_is_shortened_but_for_what_went_wrong() -> None:
    """Of a hundred packets the first and the last are shown, and the one that was lost in between."""
    made = tape("star")
    made.tcp("h2 h1", 100, 0, "S")
    for number in range(100):
        made.tcp("h2 h1", 101 + number, 901, "A", b"x", **({"lose": 0} if number == 50 else {}))
    printed = shown(made, "x" * 100)
    assert printed.count("more of the same") == 2
    assert "data 51-51  was lost on h2-hub" in printed
    assert "data 40-40" not in printed
