"""A client that tries again gets its page from nginx, over a satellite link that comes and goes."""

from pathlib import Path

import pytest

from lab import Lab

HERE = Path(__file__).parent
NGINX = ["nginx", "-g", "daemon off;"]


@pytest.mark.lab(nodes=2, links={"h2": "satellite"}, image="wirelab-example-nginx")
def test_a_page_comes_in_the_end(lab: Lab) -> None:
    """The link is cut when the client begins, and healed as soon as it has tried in vain."""
    lab["h2"].put(HERE / "fetch.py")
    lab.link("h2").cut()
    with lab["h1"].start(NGINX) as server:
        server.wait_for_port(80, timeout=30)
        with lab["h2"].start(["python3", "/root/fetch.py", "http://h1/", "40"]) as client:
            client.wait_for_line("again", timeout=30)
            lab.link("h2").heal()
            assert int(client.wait().check().stdout) > 100
