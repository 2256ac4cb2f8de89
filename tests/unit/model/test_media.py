"""The catalogue of media: complete, sourced, and within the lecture's figures."""

from __future__ import annotations

import pytest

from lab.errors import SpecError
from lab.model import media
from lab.model.media import MEDIA, Settings

ISSUE = (
    "twisted-pair-2400",
    "twisted-pair-9600",
    "twisted-pair-14400",
    "twisted-pair-28800",
    "twisted-pair-33600",
    "coax",
    "fibre",
    "wireless",
    "satellite",
    "satellite-leo",
)
TWISTED_PAIRS = ISSUE[:5]


def test_the_catalogue_holds_what_was_asked_for() -> None:
    """Every medium of the issue is there, in its order."""
    assert tuple(MEDIA) == ISSUE


@pytest.mark.parametrize("name", ISSUE)
def test_every_medium_is_whole(name: str) -> None:
    """A medium goes by its own name, says what it is and where its figures come from, and can carry a frame."""
    medium = media.medium(name)
    assert medium.name == name
    assert medium.summary
    assert medium.source
    assert medium.settings.queue >= medium.settings.frame
    assert medium.settings.jitter <= medium.settings.delay


def test_twisted_pair_is_the_fastest_modem() -> None:
    """The alias means the medium itself, not a copy of it."""
    assert media.medium("twisted-pair") is media.medium("twisted-pair-33600")


@pytest.mark.parametrize("name", TWISTED_PAIRS)
def test_twisted_pairs_are_within_the_lecture(name: str) -> None:
    """2,400 to 33,600 bit/s; the rate is the one in the name, and the packets are small enough for it."""
    settings = MEDIA[name].settings
    assert settings.rate == int(name.rpartition("-")[2])
    assert 2_400 <= settings.rate <= 33_600
    assert settings.mtu <= 576
    assert settings.frame * 8 / settings.rate < 1.1, "a frame lasts no longer than about a second"


@pytest.mark.parametrize(("name", "at_most"), [("coax", 10**7), ("fibre", 10**9)])
def test_cables_reach_the_lectures_figures(name: str, at_most: int) -> None:
    """The lecture gives an upper bound; the medium is at it, with no delay of its own."""
    assert MEDIA[name].settings == Settings(rate=at_most, queue=MEDIA[name].settings.queue)
    assert MEDIA[name].seconds_per_km == pytest.approx(5e-6)


def test_wireless_is_shared_and_imperfect() -> None:
    """One channel for all, with delay, jitter and loss; it is the only shared medium."""
    settings = MEDIA["wireless"].settings
    assert [medium.name for medium in MEDIA.values() if medium.shared] == ["wireless"]
    assert 0 < settings.jitter < settings.delay < 0.05
    assert 0 < settings.loss < 0.05


def test_satellites_are_far_away() -> None:
    """About 270 ms one way for the geostationary orbit, a tenth of it at most for a low one."""
    assert MEDIA["satellite"].settings.delay == pytest.approx(0.27)
    assert 0.005 < MEDIA["satellite-leo"].settings.delay <= 0.03


@pytest.mark.parametrize("name", ["wireless", "satellite", "satellite-leo"])
def test_a_length_means_something_on_cables_only(name: str) -> None:
    """What is not a cable has no delay by the kilometre."""
    assert MEDIA[name].seconds_per_km is None


@pytest.mark.parametrize("name", ISSUE)
def test_impaired_says_whether_a_token_bucket_is_enough(name: str) -> None:
    """Pairs, coax and fibre are a rate only; the others need more."""
    assert MEDIA[name].settings.impaired is (name in ("wireless", "satellite", "satellite-leo"))


@pytest.mark.parametrize("figure", ["delay", "jitter", "loss", "duplicate", "corrupt", "reorder"])
def test_any_figure_beside_the_rate_impairs(figure: str) -> None:
    """Each of them is more than a rate."""
    assert Settings(rate=1000, queue=9000, **{figure: 0.001}).impaired  # type: ignore[arg-type]


def test_a_frame_is_the_packet_and_its_ethernet_header() -> None:
    """14 bytes over the MTU: a veth has no frame check sequence."""
    assert Settings(rate=1, queue=1, mtu=1500).frame == 1514


@pytest.mark.parametrize(
    ("name", "remedy"), [("fiber", "did you mean fibre?"), ("satelite", "did you mean satellite?")]
)
def test_a_slip_of_the_pen_is_met_with_the_right_name(name: str, remedy: str) -> None:
    """A name that is nearly right gets the right one as its remedy."""
    with pytest.raises(SpecError) as caught:
        media.medium(name)
    assert (caught.value.what, caught.value.remedy) == (f"no medium is called {name!r}", remedy)


def test_an_unknown_medium_is_met_with_all_names() -> None:
    """Where nothing is near, the whole catalogue and the alias are named."""
    with pytest.raises(SpecError) as caught:
        media.medium("wet-string")
    assert caught.value.remedy == f"there are {', '.join([*ISSUE, 'twisted-pair'])}"
