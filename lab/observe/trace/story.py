"""What a trace was asked for, and how the programs ended. Data only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """What was asked, and how the programs ended.

    Attributes:
        to: the server's node, or an address that is no node's.
        loss: the link that was made to lose frames for this message, and the share; None where none was.
        served: whether a server was started.
        codes: exit codes of server and client; None for one that had to be ended, or that was never started.
        said: each line of the programs: node, stream and text.
        places: where was captured: node and link.
        dropped: frames that the captures themselves lost.
    """

    protocol: str
    sender: str
    to: str
    message: str
    port: int
    loss: tuple[str, float] | None = None
    served: bool = True
    codes: tuple[int | None, int | None] = (None, None)
    said: Sequence[tuple[str, str, str]] = ()
    places: Sequence[tuple[str, str]] = ()
    dropped: int = 0

    @property
    def sent(self) -> bytes:
        """The message as the client sends it."""
        return self.message.encode("utf-8", "surrogateescape")
