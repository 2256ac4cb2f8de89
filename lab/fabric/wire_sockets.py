"""The software wire's ports: AF_PACKET sockets on the fabric's ends of veth pairs.

VLAN tags are not carried: the kernel takes them off the frame into PACKET_AUXDATA, which is not read, for a
lab has no VLANs.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import socket
import struct
from typing import TYPE_CHECKING, Any

from .wire_schedule import ETHERNET_HEADER, NS

if TYPE_CHECKING:
    from .wire_schedule import Channel, Reason

# From linux/if_packet.h, linux/if_ether.h and linux/sockios.h; Python's socket module lacks them.
_ETH_P_ALL = 0x0003
_SOL_PACKET = 263
_PACKET_ADD_MEMBERSHIP = 1
_PACKET_STATISTICS = 6
_PACKET_IGNORE_OUTGOING = 23
_PACKET_MR_PROMISC = 1
_SIOCGIFFLAGS = 0x8913
_SIOCGIFMTU = 0x8921
_IFF_UP = 1
_SO_SNDBUFFORCE = 32
_SO_RCVBUFFORCE = 33
_SIOCGSTAMPNS = 0x8907
_TIMESPEC = struct.Struct("ll")  # struct timespec, of the kernel that Python was built for

# A frame that waits in the far port's TBF is charged to the socket that sent it, so the send buffer must be
# larger than any queue there. The receive buffer must outlast the time that the process is kept from its core.
_SEND_BUFFER = 64 * 2**20
_RECEIVE_BUFFER = 16 * 2**20

_GONE = (errno.ENETDOWN, errno.ENXIO, errno.ENODEV)
_GONE_REASONS: dict[int, Reason] = dict.fromkeys(_GONE, "gone")
_REFUSED: dict[int, Reason] = _GONE_REASONS | {
    errno.ENOBUFS: "queue",  # what packet(7) says when the port's qdisc drops the frame
    errno.EMSGSIZE: "oversize",
}


class Port:
    """One open port. `feeds` is the channel that takes what is heard here."""

    def __init__(self, number: int, node: str, device: str, feeds: Channel) -> None:
        self.number = number
        self.node = node
        self.device = device
        self.feeds = feeds
        self.cut = False
        self.mute = False
        self.received = self.received_bytes = self.sent = self.sent_bytes = 0
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        try:
            self._prepare()
        except OSError:
            self._socket.close()
            raise

    def fileno(self) -> int:
        """The socket's file descriptor."""
        return self._socket.fileno()

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def _prepare(self) -> None:
        self._socket.setblocking(False)
        self._socket.setsockopt(_SOL_PACKET, _PACKET_IGNORE_OUTGOING, 1)
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _RECEIVE_BUFFER)
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_SNDBUFFORCE, _SEND_BUFFER)
        self._index = socket.if_nametoindex(self.device)
        membership = struct.pack("iHH8s", self._index, _PACKET_MR_PROMISC, 0, b"")
        self._socket.setsockopt(_SOL_PACKET, _PACKET_ADD_MEMBERSHIP, membership)
        self._longest = self._read_longest()
        self._stamp = bytearray(_TIMESPEC.size)
        with contextlib.suppress(OSError):  # there is none yet; asking makes the kernel keep them from now on
            fcntl.ioctl(self._socket, _SIOCGSTAMPNS, self._stamp)
        # Protocol 0 until here: bound last, the socket never holds a frame of another interface.
        self._socket.bind((self.device, _ETH_P_ALL))

    def _read_longest(self) -> int:
        request = struct.pack("16si12x", self.device.encode(), 0)
        mtu: int = struct.unpack_from("16si", fcntl.ioctl(self._socket, _SIOCGIFMTU, request))[1]
        return mtu + ETHERNET_HEADER

    def receive(self) -> bytes | None:
        """The next frame, or None where there is none.

        Returns:
            The frame, one byte too long where it is longer than the port's MTU allows.

        Raises:
            OSError: The port has gone down or away.
        """
        try:
            frame = self._socket.recv(self._longest + 1)
        except BlockingIOError:
            return None
        self.received += 1
        self.received_bytes += len(frame)
        return frame

    def arrived(self) -> int:
        """When the kernel got the frame that was received last, in ns of CLOCK_REALTIME (socket(7), SIOCGSTAMP).

        A third of what recvmsg() with SO_TIMESTAMPNS costs, which also looks up the port's name for each frame.
        """
        fcntl.ioctl(self._socket, _SIOCGSTAMPNS, self._stamp)
        seconds, nanoseconds = _TIMESPEC.unpack(self._stamp)
        return int(seconds * NS + nanoseconds)

    def is_oversize(self, frame: bytes) -> bool:
        """Whether a frame is longer than the MTU allows: with offloads left on, many frames in one.

        The MTU is read again first, for it may have been raised since. (That frame is cut short already, and
        dropped.)
        """
        if len(frame) <= self._longest:
            return False
        with contextlib.suppress(OSError):  # it has gone away
            self._longest = self._read_longest()
        return True

    def send(self, frame: bytes) -> Reason | None:
        """Send a frame out of the port.

        Returns:
            None, or why it was not sent.
        """
        if self.cut:
            return "cut"
        try:
            self._socket.send(frame)
        except OSError as error:
            return _REFUSED.get(error.errno or 0, "send")
        self.sent += 1
        self.sent_bytes += len(frame)
        return None

    def is_stale(self) -> bool:
        """Whether the device that was opened is no more; one of the same name may be another."""
        try:
            return socket.if_nametoindex(self.device) != self._index
        except OSError:
            return True

    def state(self) -> str:
        """`up`, `cut` (as asked), `gone` (down) or `lost` (the device is no more)."""
        if self.is_stale():
            return "lost"
        request = struct.pack("16si12x", self.device.encode(), 0)
        try:
            flags: int = struct.unpack_from("16sh", fcntl.ioctl(self._socket, _SIOCGIFFLAGS, request))[1]
        except OSError:
            return "lost"
        return "cut" if self.cut else "up" if flags & _IFF_UP else "gone"

    def stats(self) -> dict[str, Any]:
        """The port's state and counters."""
        return {
            "node": self.node,
            "device": self.device,
            "state": self.state(),
            "mute": self.mute,
            "received": self.received,
            "received_bytes": self.received_bytes,
            "sent": self.sent,
            "sent_bytes": self.sent_bytes,
        }

    def kernel_drops(self) -> int:
        """Frames that the kernel has dropped since the last call, because the receive buffer was full."""
        packets_and_drops = self._socket.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 8)  # and begins again at 0
        drops: int = struct.unpack("II", packets_and_drops)[1]
        return drops
