"""What a trace has to know of the lab: who has which address, what each link is like now, which routes there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv4Network

from lab.model.media import Settings
from lab.model.plan import LabPlan, LinkPlan
from lab.model.readback import Figures
from lab.model.tables import Route
from lab.observe.trace.timing import Way


@dataclass(frozen=True, slots=True)
class Scene:
    """A lab as a trace sees it.

    Attributes:
        macs: by node and link.
        owners: nodes by link and hardware address.
        names: nodes by IP address.
        ways: by link and sender.
    """

    plan: LabPlan
    engine: str
    macs: Mapping[tuple[str, str], str]
    owners: Mapping[tuple[str, str], str]
    names: Mapping[str, str]
    ways: Mapping[tuple[str, str], Way]

    def addresses(self, node: str) -> frozenset[str]:
        """All addresses of a node; of an address that is no node's, itself."""
        own = frozenset(address for address, name in self.names.items() if name == node)
        return own or frozenset({node})

    def route(self, node: str, target: str) -> Route | None:
        """The row of a node's routing table that holds for an address: the longest prefix."""
        rows = [row for row in self.plan.node(node).routes if IPv4Address(target) in IPv4Network(row.to)]
        return max(rows, key=lambda row: IPv4Network(row.to).prefixlen, default=None)


def scene(plan: LabPlan, engine: str, live: Mapping[str, Sequence[Figures]]) -> Scene:
    """Look at a lab.

    Args:
        plan: the lab, decided.
        engine: what it runs on.
        live: how each direction of each link is shaped now; where nothing is known, it is taken as declared.
    """
    ports = [port for ports in plan.addresses.ports.values() for port in ports]
    return Scene(
        plan=plan,
        engine=engine,
        macs={(port.node, port.link): port.mac for port in ports},
        owners={(port.link, port.mac): port.node for port in ports},
        names={str(port.address): port.node for port in ports},
        ways={
            (link.name, end): way for link in plan.links for end, way in _ways(link, live.get(link.name, ())).items()
        },
    )


def _ways(link: LinkPlan, live: Sequence[Figures]) -> dict[str, Way]:
    found: dict[str, Way] = {}
    for end in link.link.ends:
        back = not link.link.shared and end != link.link.ends[0]
        declared = (link.link.spec.back if back else link.link.spec.forward).settings
        figures = live[-1 if back else 0] if live else None
        channel = link.name if link.link.shared else f"{link.name} from {end}"
        found[end] = Way(channel, _settings(declared, figures), figures.shaper if figures else "netem")
    return found


def _settings(declared: Settings, live: Figures | None) -> Settings:
    """How a direction behaves now."""
    if live is None:
        return declared
    shares = {name: getattr(live, name) for name in ("delay", "jitter", "loss", "duplicate", "corrupt", "reorder")}
    return replace(declared, rate=round(live.rate or declared.rate), **shares)
