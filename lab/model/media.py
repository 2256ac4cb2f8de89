"""The media that a link can be made of, each with its figures and where they come from.

A medium gives one direction of a link its `Settings`. The catalogue is data: a new medium is a new entry.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from lab.errors import SpecError

ETHERNET_HEADER = 14  # bytes over the IP packet; a veth carries no frame check sequence (IEEE 802.3, 3.1.1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How one direction of a link behaves.

    Attributes:
        rate: bit/s, counted over whole frames (IP packet and Ethernet header).
        queue: bytes that wait before the link when it is busy; what comes on top is dropped.
        mtu: the largest IP packet, in bytes.
        delay: propagation, in seconds, one way.
        jitter: standard deviation of the delay, in seconds (normal distribution).
        loss: share of the frames that vanish, 0 to 1.
        duplicate: share of the frames that arrive twice, 0 to 1.
        corrupt: share of the frames that arrive with one bit turned over, 0 to 1.
        reorder: share of the frames that skip the delay and overtake, 0 to 1.
        loss_correlation: how much likelier a frame is lost if the one before it was, 0 to 1: the correlation of the
            two. As many are lost as ever, but in bursts.
        delay_correlation: of a frame's jitter with that of the one before it, 0 to 1.
    """

    rate: int
    queue: int
    mtu: int = 1500
    delay: float = 0.0
    jitter: float = 0.0
    loss: float = 0.0
    duplicate: float = 0.0
    corrupt: float = 0.0
    reorder: float = 0.0
    loss_correlation: float = 0.0
    delay_correlation: float = 0.0

    @property
    def frame(self) -> int:
        """The largest frame, in bytes."""
        return self.mtu + ETHERNET_HEADER

    @property
    def frame_time(self) -> float:
        """How long the largest frame takes to be put on the link, in seconds."""
        return self.frame * 8 / self.rate

    @property
    def impaired(self) -> bool:
        """Whether there is more to it than a rate."""
        return any((self.delay, self.jitter, self.loss, self.duplicate, self.corrupt, self.reorder))


@dataclass(frozen=True, slots=True, kw_only=True)
class Medium:
    """What a link is made of.

    Attributes:
        shared: whether all ends of a link share its rate in both directions (half duplex).
        seconds_per_km: propagation along the cable, or None where a length means nothing.
    """

    name: str
    summary: str
    settings: Settings
    source: str
    shared: bool = False
    seconds_per_km: float | None = None


# Light in glass and signals in copper take about 5 µs for a kilometre (ITU-T G.114, annex A, for planning).
_CABLE = 5e-6


def _modem(rate: int, recommendation: str, mtu: int) -> Medium:
    return Medium(
        name=f"twisted-pair-{rate}",
        summary=f"telephone pair with a {rate:,} bit/s modem",
        settings=Settings(rate=rate, mtu=mtu, queue=10 * (mtu + ETHERNET_HEADER)),
        seconds_per_km=_CABLE,
        source=f"rate: ITU-T {recommendation}, within the lecture's 2,400 to 33,600 bit/s; "
        + (
            "MTU 296: pppd(8), option mru, for slow lines (40 bytes of headers, 256 of data)"
            if mtu < 576  # noqa: PLR2004 - what every IPv4 host accepts (RFC 791)
            else "MTU 576: RFC 791, what every host accepts"
        )
        + "; queue: ten frames, our choice",
    )


MEDIA: dict[str, Medium] = {
    medium.name: medium
    for medium in (
        _modem(2_400, "V.22 bis (1984)", 296),
        _modem(9_600, "V.32 (1984)", 296),
        _modem(14_400, "V.32 bis (1991)", 576),
        _modem(28_800, "V.34 (1994)", 576),
        _modem(33_600, "V.34 (1996)", 576),
        Medium(
            name="coax",
            summary="coaxial cable, 10 Mbit/s Ethernet",
            settings=Settings(rate=10_000_000, queue=62_500),
            seconds_per_km=_CABLE,
            source="rate: IEEE 802.3, 10BASE5, and the lecture; queue: 50 ms, our choice",
        ),
        Medium(
            name="fibre",
            summary="optical fibre, 1 Gbit/s Ethernet",
            settings=Settings(rate=1_000_000_000, queue=1_250_000),
            seconds_per_km=_CABLE,
            source="rate: IEEE 802.3, 1000BASE-LX, and the lecture; 5 µs/km: ITU-T G.114, annex A; "
            "queue: 10 ms, our choice",
        ),
        Medium(
            name="wireless",
            summary="radio over a short distance, one channel for all",
            settings=Settings(rate=11_000_000, queue=68_750, delay=2e-3, jitter=0.5e-3, loss=0.01),
            shared=True,
            source="rate: IEEE 802.11b, its highest; delay, jitter and loss stand for contention and "
            "a link layer that gave up, our choice (the lecture gives no figure); queue: 50 ms, our choice",
        ),
        Medium(
            name="satellite",
            summary="geostationary satellite, up and down once",
            settings=Settings(rate=10_000_000, queue=675_000, delay=0.27),
            source="delay: ITU-T G.114, geostationary hop, about 260 ms and coding; rate and queue "
            "(one round trip of it), our choice (the lecture gives no figure)",
        ),
        Medium(
            name="satellite-leo",
            summary="satellite in a low orbit",
            settings=Settings(rate=100_000_000, queue=625_000, delay=0.02, jitter=0.002, loss=0.002),
            source="delay: round trips of 40 to 60 ms are published of Starlink (Michel et al., A First Look at "
            "Starlink Performance, IMC 2022); rate, jitter, loss and queue are our choice (the lecture gives none)",
        ),
    )
}
ALIASES = {"twisted-pair": "twisted-pair-33600"}


def medium(name: str) -> Medium:
    """Look a medium up by name or alias.

    Raises:
        SpecError: there is none of that name.
    """
    found = MEDIA.get(ALIASES.get(name, name))
    if found:
        return found
    names = [*MEDIA, *ALIASES]
    close = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(names)}"
    raise SpecError(f"no medium is called {name!r}", remedy=hint)
