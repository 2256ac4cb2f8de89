"""A Redis replica that loses its link catches up when it has it again."""

import pytest

from lab import Lab
from lab.testing import eventually, partition

REDIS = ["redis-server", "--save", "", "--dir", "/tmp", "--bind", "0.0.0.0", "--protected-mode", "no"]


def value(lab: Lab, node: str) -> str:
    """What a node's Redis says of the key."""
    return lab[node].run(["redis-cli", "get", "key"]).check().stdout


@pytest.mark.lab(nodes=2, image="wirelab-example-redis")
def test_a_replica_catches_up(lab: Lab) -> None:
    """What is written while the replica is cut off is there afterwards."""
    replica = [*REDIS, "--replicaof", "h1", "6379", "--repl-timeout", "5"]
    with lab["h1"].start(REDIS) as first, lab["h2"].start(replica) as second:
        first.wait_for_port(6379)
        second.wait_for_line("Finished with success", timeout=20)
        with partition(lab, "h2"):
            lab["h1"].run(["redis-cli", "set", "key", "new"]).check()
            assert value(lab, "h2") == ""
        eventually(lambda: value(lab, "h2") == "new", timeout=30)
