"""`DockerEngine`: what `lab.engine.base.Engine` asks, by Docker's API."""

from __future__ import annotations

import json
import threading
import time
import uuid
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cached_property
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any, TypeVar

from docker.errors import APIError, NotFound

from lab.engine import archive, container, images
from lab.engine.attendant import Attendant
from lab.engine.base import EngineFacts, LabRecord, Say, unheard
from lab.engine.docker import claims, helpers, podman, services
from lab.engine.docker.attached import AttachedHelper
from lab.engine.docker.client import connect, connection, refusals
from lab.engine.docker.creation import Creation
from lab.engine.docker.process import DockerProcess, start_supervised
from lab.engine.docker.store import DockerImageStore
from lab.engine.owner import Owner
from lab.errors import EngineError, ImageError
from lab.model import wiring
from lab.model.plan import LabPlan, LabSpec

IN_FLIGHT = 8  # the engine works on few requests at once; more of them only wait there
QUIET_SECONDS = 2.0  # how long nothing must turn up after somebody was killed; docs/adr/0013 has the figures
SWEEPS = 5  # of a removal, each over what turned up during the one before
T = TypeVar("T")


class DockerEngine:
    """Talks to one Docker engine."""

    name = "docker"

    def __init__(self) -> None:
        self._attendants: dict[str, Attendant] = {}

    @cached_property
    def _api(self) -> Any:
        client = connect()
        weakref.finalize(self, client.close)
        return client

    @cached_property
    def _images(self) -> DockerImageStore:
        return DockerImageStore(connection())

    def facts(self) -> EngineFacts:
        """Version of the engine and of its API."""
        with refusals("docker"):
            version = self._api.version()
        return EngineFacts(self.name, version["Version"], version["ApiVersion"])

    def labs(self) -> dict[str, LabRecord]:
        """Every lab that left anything, by the labels of containers and networks."""
        ours = claims.held()
        with refusals("docker"):
            containers = self._api.containers(all=True, filters={"label": container.LAB})
            networks = self._api.networks(filters={"label": container.LAB})
        nodes: dict[str, dict[str, str]] = {}
        links: dict[str, set[str]] = {}
        told: dict[str, dict[str, str]] = {}
        for found in (*containers, *networks):
            marks = found["Labels"]
            if claims.is_claim(marks) and not claims.is_dead(marks, ours):
                continue  # somebody is at work: that is nothing of the lab
            name = marks[container.LAB]
            nodes.setdefault(name, {})
            links.setdefault(name, set())
            told.setdefault(name, {}).update(
                (key, marks[key]) for key in (container.WORDS, container.OWNER) if key in marks
            )
            if container.NODE in marks:
                nodes[name][marks[container.NODE]] = found["State"]
            elif container.LINK in marks:
                links[name].add(marks[container.LINK])
        return {
            name: LabRecord(
                name,
                _read_words(told[name].get(container.WORDS)),
                nodes[name],
                frozenset(links[name]),
                Owner.read(told[name].get(container.OWNER, "")),
            )
            for name in nodes
        }

    def knows(self, name: str) -> bool:
        """Whether a container or a network has the lab's label; a look sees no devices, which only the agent finds."""
        label = {"label": f"{container.LAB}={name}"}
        with refusals("docker"):
            marked = self._api.containers(all=True, filters=label) or self._api.networks(filters=label)
            return bool(marked or self._api.images(images.node_tag(images.build_root()), quiet=True))

    def taken(self) -> list[IPv4Network]:
        """The subnets of the engine's networks."""
        with refusals("docker"):
            configs = [net["IPAM"]["Config"] or [] for net in self._api.networks()]
        subnets = [row["Subnet"] for rows in configs for row in rows if row.get("Subnet")]
        return [IPv4Network(subnet) for subnet in subnets if ":" not in subnet]

    def prepare(self, say: Say) -> str:
        """Make sure of the image that nodes are made of."""
        return images.ensure_node_image(self._images, images.build_root(), say)

    @contextmanager
    def claim(self, name: str, doing: str, say: Say = unheard, *, patience: float = 0.0) -> Iterator[bool]:
        """Hold a container that bears the name; end what the one before left running, if it was killed."""
        with claims.claim(self._api, self.prepare(say), name, doing, say=say, patience=patience) as abandoned:
            if abandoned:
                self._end_agents(name)
            yield abandoned

    def create(self, plan: LabPlan, say: Say, owner: Owner | None = None) -> None:
        """Make networks and containers, as many at once as the engine can use."""
        image = self.prepare(say)
        run = uuid.uuid4().hex
        try:
            Creation(self._api, plan, self._own(plan) or image, run, owner=owner, in_flight=IN_FLIGHT).perform(say)
        except BaseException:
            say("removing what was made")
            self._remove(f"{container.RUN}={run}")
            raise

    def revive(self, name: str, nodes: Sequence[str]) -> bool:
        """Start stopped containers: Docker keeps them, and their networks, over its own restart too."""

        def start(node: str) -> None:
            with refusals(node, remedy=f"./inv down --name {name}, then up again"):
                self._api.start(f"{name}-{node}")

        self._each(start, nodes)
        return bool(nodes)

    def _own(self, plan: LabPlan) -> str:
        """The image that the words name, if they name one.

        Raises:
            ImageError: it is not here.
        """
        image = plan.spec.image
        if image and not self._images.has(image if ":" in image else f"{image}:latest"):
            remedy = f"docker build --tag {image} FOLDER; its Dockerfile begins with FROM wirelab-node:latest"
            raise ImageError("there is no such image here", where=image, remedy=remedy)
        return image

    def remove(self, name: str, *, abandoned: bool = False) -> int:
        """Remove what the agent made in the fabric, then a lab's containers and networks."""
        if attendant := self._attendants.pop(name, None):
            attendant.close()
        try:
            self._end_agents(name)  # one that a killed caller left could still make something
            self.agent(name, wiring.removal(name))
        finally:
            count = self._remove(f"{container.LAB}={name}")
            if abandoned:
                count += self._await_the_rest(f"{container.LAB}={name}")
        return count

    def _end_agents(self, name: str) -> None:
        label = [f"{container.LAB}={name}", f"{container.HELPER}={helpers.AGENT}"]
        with refusals(name):
            found = self._api.containers(all=True, filters={"label": label})
        self._each(self._remove_container, (each["Id"] for each in found))

    def _await_the_rest(self, label: str) -> int:
        """Remove what still turns up: the engine finishes what it was asked for even when the one who asked is gone.

        Nothing tells when it has: so until nothing more came for a while.
        """
        total, quiet_since = 0, time.monotonic()
        while time.monotonic() - quiet_since < QUIET_SECONDS:
            if count := self._remove(label):
                total += count
                quiet_since = time.monotonic()
            else:
                threading.Event().wait(QUIET_SECONDS / 20)
        return total

    def _remove(self, label: str) -> int:
        """Remove everything that carries a label, until a listing is empty; but for the claim on it."""
        total = 0
        last: EngineError | None = None
        for _ in range(SWEEPS):
            with refusals("docker"):
                found = self._api.containers(all=True, filters={"label": label})
                networks = self._api.networks(filters={"label": label})
            containers = [each for each in found if not claims.is_claim(each["Labels"])]
            if not containers and not networks:
                return total
            try:
                self._each(self._remove_container, (found["Id"] for found in containers))
                self._each(self._remove_network, (found["Id"] for found in networks))
            except EngineError as error:  # somebody beside us may still be on it: look again
                last = error
            total += len(containers) + len(networks)
        raise last or EngineError("more turns up as fast as it is removed", where=label)

    def _remove_container(self, identity: str) -> None:
        try:
            with refusals(identity[:12]):
                self._api.remove_container(identity, v=True, force=True)
        except EngineError as error:
            # Another `down` may be at the same container: gone, or "removal is already in progress".
            if not isinstance(error.__cause__, APIError) or error.__cause__.status_code not in (404, 409):
                raise

    def _remove_network(self, identity: str) -> None:
        try:
            with refusals(identity[:12], remedy=f"docker network inspect {identity[:12]} shows who is on it"):
                self._api.remove_network(identity)
        except EngineError as error:
            if not isinstance(error.__cause__, NotFound):
                raise

    def _each(self, work: Callable[[str], T], items: Iterable[str]) -> list[T]:
        """Do the same with all of them, several at once; the first error is raised after all are done."""
        with ThreadPoolExecutor(IN_FLIGHT) as pool:
            futures = [pool.submit(work, item) for item in items]
        return [future.result() for future in futures]

    def agent(self, name: str, document: dict[str, Any]) -> dict[str, Any]:
        """Run the agent in a helper container that sees every port and every node's namespace."""
        process_of = self._processes(name)
        for node in document["nodes"]:
            node["namespace"] = f"/proc/{process_of.get(node['name']) or 'gone'}/ns/net"
        if document["op"] in ("wire", "steer"):
            with refusals(name):
                document["wire_socket"] = helpers.wire_socket(self._api, name)
        answer = self._attended(name, document)
        if answer is None:
            answer = json.loads(helpers.run_agent(self._api, self.prepare(unheard), name, document))
        if not answer["ok"]:
            raise EngineError(**answer["error"])
        return dict(answer)

    def attend(self, name: str) -> None:
        """Start an agent in a helper container, and stay attached to it."""
        if name not in self._attendants:
            image = self.prepare(unheard)
            helper = AttachedHelper(self._api, image, name, "attend", container.AGENT_CAPABILITIES)
            self._attendants[name] = Attendant(helper)

    def _attended(self, name: str, document: dict[str, Any]) -> dict[str, Any] | None:
        """The answer of a lab's attendant; None where there is none, or none any more."""
        if name not in self._attendants:
            return None
        answer = self._attendants[name].ask(document)
        if answer is None:
            del self._attendants[name]
        return answer

    def _processes(self, name: str) -> dict[str, int]:
        """The first process of each of a lab's nodes, by node; 0 where a node does not run."""
        label = [f"{container.LAB}={name}", container.NODE]
        with refusals(name):
            found = self._api.containers(all=True, filters={"label": label})

        def inspect(identity: str) -> tuple[str, int]:
            with refusals(identity[:12]):
                seen = self._api.inspect_container(identity)
            return seen["Config"]["Labels"][container.NODE], seen["State"]["Pid"]

        return dict(self._each(inspect, (each["Id"] for each in found)))

    def start_wire(self, name: str, document: dict[str, Any]) -> None:
        """Start the wire in a container that lasts as long as the lab."""
        helpers.start_wire(self._api, self.prepare(unheard), name, document)

    def ask_wire(self, name: str, request: dict[str, Any]) -> dict[str, Any] | None:
        """Ask the wire through a process in its container."""
        with refusals(name):
            if name in self._attendants and (socket := helpers.wire_socket(self._api, name)):
                told = self._attended(name, {"op": "ask", "socket": socket, "request": request})
                if told is not None:
                    answer: dict[str, Any] | None = told["answer"]
                    return answer
            return helpers.ask_wire(self._api, name, request)

    def start_tap(self, name: str, document: dict[str, Any]) -> AttachedHelper:
        """Start the tap in a helper container that sees every port and every node's namespace."""
        process_of = self._processes(name)
        for node in document["nodes"]:
            if not process_of.get(node["name"]):
                raise EngineError(f"{node['name']} does not run", where=name, remedy="./inv up makes the lab anew")
            node["namespace"] = f"/proc/{process_of[node['name']]}/ns/net"
        tap = AttachedHelper(self._api, self.prepare(unheard), name, "tap", container.TAP_CAPABILITIES)
        tap.tell(json.dumps(document).encode() + b"\n")
        return tap

    def start(self, name: str, node: str, argv: Sequence[str], env: Mapping[str, str] | None = None) -> DockerProcess:
        """Start a program under the supervisor, which logs what it says and ends it when we go away."""
        return start_supervised(self._api, name, f"{name}-{node}", argv, env)

    def serve(self, name: str, node: str, service: str, say: Say) -> services.Place:
        """Start a server in a container of its own, on the node's interfaces."""
        return services.start(self._api, self._service_image(service, say), name, node, service)

    @contextmanager
    def beside(self, name: str, node: str, service: str) -> Iterator[services.Place]:
        """The server's container, or one of the same image for as long as it is held."""
        image = self._service_image(service, unheard)
        with services.beside(self._api, image, name, node, service) as place:
            yield place

    def _service_image(self, service: str, say: Say) -> str:
        return images.ensure_image(self._images, service, images.build_root(), say)

    def shell(self, name: str, node: str, argv: Sequence[str]) -> list[str]:
        """`docker exec`, for a terminal is a matter of the command line."""
        return ["docker", "exec", "--interactive", "--tty", f"{name}-{node}", *argv]

    def put(self, name: str, node: str, source: Path, target: str) -> None:
        """Copy a file, owned by root, with its permissions."""
        folder, given = archive.target_of(source, target)
        file = (given, source.read_bytes(), source.stat().st_mode & 0o777)
        where = f"{name}-{node}"
        with refusals(where, remedy=f"does {folder} exist there? ./inv exec {node} 'ls -ld {folder}'"):
            if podman.answers(self._api.version()):
                podman.check_folder(self._api, where, folder)
            # The SDK's put_archive lacks this setting: without it, a file takes the place of a whole folder.
            params = {"path": folder, "noOverwriteDirNonDir": "true"}
            url = self._api._url("/containers/{0}/archive", where)  # noqa: SLF001
            self._api._raise_for_status(self._api.put(url, params=params, data=archive.pack([file])))  # noqa: SLF001

    def get(self, name: str, node: str, source: str) -> bytes:
        """Read a file, whether the node runs or not."""
        where = f"{name}-{node}"
        with refusals(where, remedy=f"what is there? ./inv exec {node} 'ls -l {source}' --name {name}"):
            parts, _ = self._api.get_archive(where, source)
            packed = b"".join(parts)
        return archive.only_file(packed, f"{where}:{source}")

    def logs(self, name: str, node: str, *, follow: bool) -> Iterator[str]:
        """What the supervisor wrote down."""
        return helpers.log_lines(self._api, f"{name}-{node}", follow=follow)


def _read_words(text: str | None) -> LabSpec | None:
    """The words on a label; None where another version of the project wrote them."""
    try:
        return LabSpec.from_json(text) if text else None
    except (ValueError, TypeError, KeyError):
        return None
