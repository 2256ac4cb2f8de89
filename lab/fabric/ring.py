"""A packet socket whose frames come by shared memory: packet(7), PACKET_RX_RING with TPACKET_V3.

The kernel copies each frame, with its time, into a block of memory that is ours too, and hands blocks over when they
are full or some milliseconds old. So no frame costs a system call, and a process that is kept from its core for a
second loses nothing. Whatever the kernel had no room for, it counts.
Source: linux/if_packet.h, and the kernel's Documentation/networking/packet_mmap.rst.
"""

from __future__ import annotations

import ctypes
import mmap
import socket
import struct
from collections.abc import Iterator, Sequence

# From linux/if_packet.h, linux/if_ether.h and asm-generic/socket.h; Python's socket module lacks them.
_ETH_P_ALL = 0x0003
_SOL_PACKET = 263
_PACKET_RX_RING, _PACKET_STATISTICS, _PACKET_VERSION = 5, 6, 10
_TPACKET_V3 = 2
_SO_ATTACH_FILTER, _SO_TIMESTAMPNS = 26, 35

_BLOCK_BYTES = 1 << 17  # holds the largest frame that a veth carries, 65,549 bytes
_BLOCKS = range(16, 129)
_BLOCKS_OF_ALL = 1024  # 128 MiB
_FRAME_BYTES = 2048  # only to reckon with: TPACKET_V3 packs frames as they are
_RETIRE_MILLISECONDS = 10

_BLOCK = struct.Struct("8xIII")  # status, frames, offset of the first: struct tpacket_block_desc
_FRAME = struct.Struct("IIIII4xH")  # next, seconds, nanoseconds, bytes here, bytes in all, start: struct tpacket3_hdr
_STATUS_AT, _FRAMES_AT = 8, 12
_OURS = 1  # TP_STATUS_USER

Instruction = Sequence[int]
"""One of a classic BPF program: code, jump if true, jump if false, operand; as `tcpdump -ddd` prints them."""

NOTHING: tuple[Instruction, ...] = ((0x06, 0, 0, 0),)
"""The program that takes no frame: `ret 0`."""

Seen = tuple[int, int, bytes]
"""A frame: time (ns, CLOCK_REALTIME), bytes on the wire, and the frame."""


def blocks_each(rings: int) -> int:
    """How many blocks each of several rings gets, so that all together stay within bounds."""
    return min(max(_BLOCKS_OF_ALL // rings, _BLOCKS[0]), _BLOCKS[-1])


class Ring:
    """What passes one device, in both directions, from the moment it is made."""

    def __init__(self, device: str, blocks: int, program: Sequence[Instruction] = ()) -> None:
        """Begin to capture.

        Args:
            device: its name in the caller's network namespace.
            blocks: of 128 KiB, how many.
            program: a filter; nothing takes everything.

        Raises:
            OSError: there is no such device, or the caller lacks CAP_NET_RAW.
        """
        self._at = 0
        self._blocks = blocks
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        try:
            if program:
                self._attach(program)
            # So that frames are stamped where they come off the cable, not where the kernel finds time for them.
            self._socket.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
            self._socket.setsockopt(_SOL_PACKET, _PACKET_VERSION, _TPACKET_V3)
            size = _BLOCK_BYTES * blocks
            shape = (_BLOCK_BYTES, blocks, _FRAME_BYTES, size // _FRAME_BYTES, _RETIRE_MILLISECONDS, 0, 0)
            self._socket.setsockopt(_SOL_PACKET, _PACKET_RX_RING, struct.pack("7I", *shape))
            self._memory = mmap.mmap(self._socket.fileno(), size)
            # Protocol 0 until here: bound last, the socket never holds a frame of another device.
            self._socket.bind((device, _ETH_P_ALL))
        except OSError:
            self._socket.close()
            raise

    def fileno(self) -> int:
        """The socket's file descriptor; readable when a block is ours."""
        return self._socket.fileno()

    def _attach(self, program: Sequence[Instruction]) -> None:
        """Have the kernel ask a filter about each frame: struct sock_fprog, linux/filter.h."""
        code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *each) for each in program))
        filled = struct.pack("HP", len(program), ctypes.addressof(code))
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, filled)

    def stop(self) -> None:
        """Take no more frames; those that are there can still be had."""
        self._attach(NOTHING)

    @property
    def empty(self) -> bool:
        """Whether no frame waits, not even in the block that the kernel still fills."""
        _, frames, _ = _BLOCK.unpack_from(self._memory, self._at * _BLOCK_BYTES)
        return not frames

    @property
    def gone(self) -> bool:
        """Whether the device is not there any more. One that is only down will be heard again when it is up."""
        self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)  # and forget why we were woken
        return not self._socket.getsockname()[0]

    def dropped(self) -> int:
        """How many frames the kernel had no room for since the last call."""
        statistics = self._socket.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 12)  # and begins again at 0
        drops: int = struct.unpack("III", statistics)[1]
        return drops

    def take(self) -> Iterator[Seen]:
        """The frames of all blocks that are ours, in the order in which the kernel saw them."""
        memory = self._memory
        for _ in range(self._blocks):
            block = self._at * _BLOCK_BYTES
            status, frames, offset = _BLOCK.unpack_from(memory, block)
            if not status & _OURS:
                return
            at = block + offset
            for _ in range(frames):
                step, seconds, nanoseconds, here, length, start = _FRAME.unpack_from(memory, at)
                begin = at + start
                yield seconds * 1_000_000_000 + nanoseconds, length, memory[begin : begin + here]
                at += step
            struct.pack_into("I", memory, block + _FRAMES_AT, 0)
            struct.pack_into("I", memory, block + _STATUS_AT, 0)  # it is the kernel's again
            self._at = (self._at + 1) % self._blocks

    def close(self) -> None:
        """Let go of socket and memory."""
        self._memory.close()
        self._socket.close()
