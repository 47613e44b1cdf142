"""One of the services that are measured: what the benchmark prepares on it, and removes again."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any, TypeVar

from benchmarks.peer.client import CGSNAPSHOT, GROUP, VOLUME, Client, Resource
from benchmarks.peer.connection import Connection, OperationFailed

# Cinder's API accepts project ids of hexadecimal digits.
PROJECT = "be" * 16
POLL_MS = 5
QUOTAS = ("volumes", "snapshots", "gigabytes", "groups")
_NEEDED = 5000
_PAUSE_S = 0.1

T = TypeVar("T")


class Service:
    """A service under its name in the tables.

    Whatever is created in it has a name that begins with ``tag``, by which ``remove_all`` finds it.
    """

    def __init__(self, name: str, url: str, *, project: str = PROJECT, timeout_s: float = 120) -> None:
        self.name = name
        self.url = url
        self.tag = f"benchmark-{uuid.uuid4().hex[:8]}"
        self._project = project
        self._timeout_s = timeout_s
        self._type_id = ""

    @contextmanager
    def client(self, poll_ms: float = POLL_MS) -> Iterator[Client]:
        """Yield a client with a connection of its own."""
        connection = Connection(self.url, self._project, self._timeout_s)
        try:
            yield Client(connection, poll_ms / 1000, self._timeout_s)
        finally:
            connection.close()

    @contextmanager
    def prepared(self) -> Iterator[None]:
        """Raise the quota and create a volume type; afterwards remove everything and restore the quota."""
        with ExitStack() as stack:
            stack.callback(self._set_quota, self._raise_quota())
            stack.callback(self._remove_types)
            stack.callback(self.remove_all)
            with self.client() as client:
                body = {"volume_type": {"name": f"{self.tag}-type"}}
                self._type_id = client.connection.call("POST", "/types", body)["volume_type"]["id"]
            yield

    def create_group(self, client: Client) -> str:
        """Create an empty consistency group; return its id."""
        return client.create(GROUP, {"name": f"{self.tag}-group", "volume_types": self._type_id}).id

    def create_populated_group(self, members: int, clients: int) -> tuple[str, float]:
        """Create a group and let clients fill it; return its id, and the volumes a second."""
        with self.client() as client:
            group_id = self.create_group(client)
        shares = [len(range(number, members, clients)) for number in range(min(clients, members))]
        began = time.perf_counter()
        self.each_client(shares, POLL_MS, lambda client, share: self._add_volumes(client, group_id, share))
        return group_id, members / (time.perf_counter() - began)

    def each_client(self, items: Sequence[T], poll_ms: float, work: Callable[[Client, T], object]) -> None:
        """Work on all items at the same time, with a client for each. The first failure is raised."""
        together = threading.Barrier(len(items))

        def one(item: T) -> None:
            with self.client(poll_ms) as client:
                together.wait()
                work(client, item)

        with ThreadPoolExecutor(len(items)) as pool:
            for done in [pool.submit(one, item) for item in items]:
                done.result()

    def volume_body(self, group_id: str | None = None) -> dict[str, object]:
        """Return the body that creates a volume, in a group or outside any."""
        body: dict[str, object] = {"name": f"{self.tag}-volume", "size": 1, "volume_type": self._type_id}
        return body if group_id is None else {**body, "consistencygroup_id": group_id}

    def cgsnapshot_body(self, group_id: str) -> dict[str, object]:
        """Return the body that creates a cgsnapshot."""
        return {"name": f"{self.tag}-cgsnapshot", "consistencygroup_id": group_id}

    def remove_all(self) -> None:
        """Remove all that was created except the type, whatever failed before."""
        self.remove_cgsnapshots()
        force = {"consistencygroup": {"force": True}}
        self._remove(GROUP, lambda group_id: ("POST", f"{GROUP.path}/{group_id}/delete", force))
        self._remove(VOLUME, lambda volume_id: ("DELETE", f"{VOLUME.path}/{volume_id}", None))

    def remove_cgsnapshots(self) -> None:
        """Remove the cgsnapshots that were created."""
        self._remove(CGSNAPSHOT, lambda cgsnapshot_id: ("DELETE", f"{CGSNAPSHOT.path}/{cgsnapshot_id}", None))

    def _add_volumes(self, client: Client, group_id: str, count: int) -> None:
        """Create volumes without waiting between them, then wait for each."""
        body = {"volume": self.volume_body(group_id)}
        made = [client.connection.call("POST", VOLUME.path, body)["volume"]["id"] for _ in range(count)]
        for volume_id in made:
            client.wait_available(VOLUME, volume_id)

    def _remove(
        self, resource: Resource, request: Callable[[str], tuple[str, str, Mapping[str, object] | None]]
    ) -> None:
        """Request the removal of all resources of a kind that were created, and wait until none is listed.

        Refusals are repeated: what a failure interrupted may still be in progress.
        """
        accepted: set[str] = set()
        deadline = time.monotonic() + self._timeout_s
        with self.client() as client:
            while left := self._created(client, resource.path):
                for resource_id in left - accepted:
                    status, _ = client.connection.request(*request(resource_id))
                    if status < 300:
                        accepted.add(resource_id)
                if time.monotonic() > deadline:
                    ids = ", ".join(sorted(left))
                    raise OperationFailed(f"{self.name}: not removed from {resource.path} are {ids}")
                time.sleep(_PAUSE_S)

    def _created(self, client: Client, path: str) -> set[str]:
        """Return the ids of what the benchmark created in a collection and what is still there."""
        answer: dict[str, list[dict[str, Any]]] = client.connection.call("GET", f"{path}?limit=1000")
        (listed,) = (value for key, value in answer.items() if not key.endswith("_links"))
        return {record["id"] for record in listed if str(record["name"]).startswith(self.tag)}

    def _remove_types(self) -> None:
        with self.client() as client:
            answer = client.connection.call("GET", "/types?limit=1000")
            for record in answer["volume_types"]:
                if record["name"].startswith(self.tag):
                    client.connection.call("DELETE", f"/types/{record['id']}")

    def _raise_quota(self) -> dict[str, int]:
        """Lift the limits of the project that are too low; return those from before."""
        try:
            with self.client() as client:
                limits = client.connection.call("GET", f"/os-quota-sets/{self._project}")["quota_set"]
        except OSError as error:
            raise OperationFailed(f"{self.name} at {self.url} does not answer: {error}") from error
        low = {name: limits[name] for name in QUOTAS if 0 <= limits.get(name, -1) < _NEEDED}
        try:
            self._set_quota(dict.fromkeys(low, -1))
        except OperationFailed as error:
            advice = f"raise {', '.join(low)} of project {self._project} to {_NEEDED} by hand"
            raise OperationFailed(
                f"{self.name} does not let its quota be raised ({error}): {advice}"
            ) from error
        return low

    def _set_quota(self, limits: Mapping[str, int]) -> None:
        if limits:
            with self.client() as client:
                client.connection.call("PUT", f"/os-quota-sets/{self._project}", {"quota_set": dict(limits)})
