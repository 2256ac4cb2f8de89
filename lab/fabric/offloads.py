"""Turns off what network cards would do for the kernel: without it, 64 kB super-packets cross a link as one frame.

The same as `ethtool -K DEV rx off tx off tso off gso off gro off`, but without a process for every device.
Source: linux/ethtool.h, linux/sockios.h.
"""

from __future__ import annotations

import array
import fcntl
import socket
import struct
from collections.abc import Iterable

SIOCETHTOOL = 0x8946
OFF = {  # ETHTOOL_S*
    "rx": 0x15,
    "tx": 0x17,
    "tso": 0x1F,
    "gso": 0x24,
    "gro": 0x2C,
}
READ = {"tx": 0x16, "tso": 0x1E, "gso": 0x23, "gro": 0x2B}  # ETHTOOL_G*; veth cannot report rx apart


def turn_off(devices: Iterable[str]) -> None:
    """Turn all offloads of devices in the caller's namespace off.

    Raises:
        OSError: a device is gone.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as handle:
        for device in devices:
            for command in OFF.values():
                _ethtool(handle, device, command)


def still_on(device: str) -> list[str]:
    """The offloads of a device that are on."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as handle:
        return [name for name, command in READ.items() if _ethtool(handle, device, command)]


def _ethtool(handle: socket.socket, device: str, command: int) -> int:
    """One ethtool request: a struct ethtool_value (command, value 0), and the value that comes back."""
    value = array.array("I", (command, 0))
    request = struct.pack("16sP16x", device.encode(), value.buffer_info()[0])
    fcntl.ioctl(handle, SIOCETHTOOL, request)
    return value[1]
