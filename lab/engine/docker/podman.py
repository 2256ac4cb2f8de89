"""Where Podman, which speaks Docker's API, must be talked to otherwise. ADR 14."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lab.model.plan import LinkPlan

API = "/v4.0.0/libpod"  # Podman's own, on the same socket; every Podman since 4.0 speaks this version


def answers(version: Mapping[str, Any]) -> bool:
    """Whether Podman answers in Docker's place.

    Args:
        version: what the engine says at `/version`.
    """
    return any("Podman" in part.get("Name", "") for part in version.get("Components") or [])


def make_network(api: Any, name: str, link: LinkPlan, labels: Mapping[str, str]) -> str:
    """Make a link's network.

    `internal` is what lets transit pass here: Podman masquerades what comes from every other network, bridged frames
    included. Without `dns_enabled`, which Docker's API cannot say, the bridge has no address and no resolver.

    Returns:
        Its id.
    """
    wanted = {
        "name": name,
        "driver": "bridge",
        "internal": True,
        "dns_enabled": False,
        "subnets": [{"subnet": link.subnet}],
        "options": {"mtu": str(link.mtu)},
        "labels": dict(labels),
    }
    # The SDK has no public way to ask for what it does not know.
    made = api._post_json(f"{api.base_url}{API}/networks/create", data=wanted)  # noqa: SLF001
    return str(api._result(made, json=True)["id"])  # noqa: SLF001


def check_folder(api: Any, where: str, folder: str) -> None:
    """Have a folder that is not in a container refused, as Docker does; Podman would make it for a file put there.

    Raises:
        APIError: it is not there.
    """
    api._raise_for_status(api.head(api._url("/containers/{0}/archive", where), params={"path": folder}))  # noqa: SLF001
