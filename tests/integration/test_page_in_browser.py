"""The trace's page in a real browser: axe finds nothing, nothing is fetched or run that came in a message, it steps."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from lab.observe.trace.document import document
from lab.observe.trace.page import page
from lab.observe.trace.story import Story
from tests.made import greeting, tape

HOSTILE = "<script>document.documentElement.dataset.broken = 'yes'</script>"
ASK = """
document.getElementById('on').click(); document.getElementById('on').click();
axe.run().then(function (found) {
  parent.document.documentElement.dataset.found = JSON.stringify({
    violations: found.violations.map(function (each) { return each.id + ': ' + each.nodes[0].html; }),
    passes: found.passes.length,
    over: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    fetched: performance.getEntriesByType('resource').map(function (each) { return each.name; }),
    broken: document.documentElement.dataset.broken || '',
    step: document.querySelector('.player output').textContent,
    now: document.querySelectorAll('.now').length
  });
});
"""


@pytest.fixture(scope="module")
def browser() -> str:
    """Chromium's command."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if not found:
        pytest.skip("chromium is not installed")
    return found


def seen(browser: str, text: str, width: int, folder: Path) -> dict[str, Any]:
    """What axe and the page say in a window of a width, in CSS pixels."""
    axe = files("axe_core_python").joinpath("axe.min.js").read_text(encoding="utf-8")
    inside = text.replace("</body>", f"<script>{axe}</script><script>{ASK}</script></body>")
    frame = f'<iframe width="{width}" height="900" srcdoc="{html.escape(inside)}"></iframe>'
    file = folder / "frame.html"
    file.write_text(f"<!doctype html><html><body>{frame}</body></html>", encoding="utf-8")
    options = ("--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder}/profile")
    asked = [browser, *options, "--virtual-time-budget=20000", "--dump-dom", file.as_uri()]
    done = subprocess.run(asked, capture_output=True, text=True, check=False, timeout=120)
    found = re.search(r'data-found="([^"]*)"', done.stdout)
    assert found, done.stderr[-2000:]
    result: dict[str, Any] = json.loads(html.unescape(found[1]))
    return result


@pytest.mark.parametrize(("topology", "width"), [("star", 390), ("ring", 1440), ("bus", 390)])
def test_everybody_can_read_it(browser: str, topology: str, width: int, tmp_path: Path) -> None:
    """On a phone and at a desk: no violation that axe knows of, nothing wider than the window, and the steps go on."""
    made = tape(topology)
    client, server = ("n2", "n1") if topology == "ring" else ("h2", "h1")
    greeting(made, client, server, HOSTILE.encode())
    made.tcp(f"{client} {server}", 300, 902, "A", b"x", lose=0)
    said = [(server, "stdout", f"server received  {HOSTILE}")]
    story = Story(protocol="tcp", sender=client, to=server, message=HOSTILE, port=11267, said=said)
    found = seen(browser, page(document(made.scene, story, made.frames)), width, tmp_path)
    assert found["violations"] == []
    assert found["passes"] > 20
    assert (found["over"], found["fetched"], found["broken"]) == (0, [], "")
    assert found["step"].startswith("2 of ")
    assert found["now"] > 1
