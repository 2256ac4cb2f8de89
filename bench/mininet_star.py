"""Brings a star up in Mininet, through its Python API, and times it. Run by the system's Python, which has Mininet.

    /usr/bin/python3 bench/mininet_star.py HOSTS

One switch (a Linux bridge), a 10 Mbit/s link (HTB) for each host; prints {"up": seconds, "down": seconds}.
"""

from __future__ import annotations

import json
import sys
import time

from mininet.link import TCLink
from mininet.net import Mininet
from mininet.nodelib import LinuxBridge
from mininet.topo import Topo


class Star(Topo):  # type: ignore[misc]  # Mininet has no types
    """Hosts on one switch."""

    def build(self, hosts: int) -> None:
        """Add the switch, the hosts, and a link for each."""
        switch = self.addSwitch("s1")
        for number in range(hosts):
            self.addLink(self.addHost(f"h{number + 1}"), switch, bw=10)


def main() -> None:
    """Up, prove that packets pass, down."""
    begun = time.perf_counter()
    net = Mininet(topo=Star(hosts=int(sys.argv[1])), switch=LinuxBridge, link=TCLink, controller=None)
    try:
        net.start()
        up = time.perf_counter() - begun
    finally:
        begun = time.perf_counter()
        net.stop()
    print(json.dumps({"up": up, "down": time.perf_counter() - begun}))


if __name__ == "__main__":
    main()
