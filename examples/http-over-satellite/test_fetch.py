"""A client that tries again gets its page from nginx, over a satellite link that comes and goes."""

from pathlib import Path

import pytest

from lab import Lab

HERE = Path(__file__).parent
NGINX = ["nginx", "-g", "daemon off;"]


@pytest.mark.lab(nodes=2, links={"h2": "satellite"}, image="wirelab-example-nginx")
def test_a_page_comes_in_the_end(lab: Lab) -> None:
    """The link is cut when the client begins, and healed after 3 s."""
    lab["h2"].put(HERE / "fetch.py")
    with lab["h1"].start(NGINX) as server, lab.play("0s cut h2 for 3s") as faults:
        server.wait_for_port(80)
        fetched = lab["h2"].run(["python3", "/root/fetch.py", "http://h1/", "20"]).check()
        assert "again" in fetched.stderr
        assert int(fetched.stdout) > 100
        faults.wait()
