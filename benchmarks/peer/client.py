"""The client whose waiting is measured: it creates and deletes, and polls until the effect is visible."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks.peer.connection import Connection, OperationFailed


@dataclass(frozen=True)
class Resource:
    """A kind of resource: the path of its collection, and its key in bodies."""

    path: str
    key: str


CGSNAPSHOT = Resource("/cgsnapshots", "cgsnapshot")
GROUP = Resource("/consistencygroups", "consistencygroup")
VOLUME = Resource("/volumes", "volume")


@dataclass(frozen=True)
class Timing:
    """How long one operation took, in milliseconds from just before its request was sent.

    ``answered_ms`` ends with the response to the request, ``settled_ms`` with the first poll that shows the
    effect.
    """

    id: str
    answered_ms: float
    settled_ms: float


class Client:
    """One client of one service over one connection, with one interval between polls."""

    def __init__(self, connection: Connection, poll_s: float, timeout_s: float) -> None:
        self.connection = connection
        self._poll_s = poll_s
        self._timeout_s = timeout_s

    def create(self, resource: Resource, body: Mapping[str, object]) -> Timing:
        """Create a resource and poll until it is ``available``."""
        began = time.perf_counter()
        made = str(self.connection.call("POST", resource.path, {resource.key: body})[resource.key]["id"])
        answered = time.perf_counter()
        self.wait_available(resource, made)
        return _timing(made, began, answered)

    def delete(self, resource: Resource, resource_id: str) -> Timing:
        """Delete a resource and poll until it is not found."""
        began = time.perf_counter()
        self.connection.call("DELETE", f"{resource.path}/{resource_id}")
        answered = time.perf_counter()
        self._poll(resource, resource_id, None)
        return _timing(resource_id, began, answered)

    def wait_available(self, resource: Resource, resource_id: str) -> None:
        """Poll until a resource is ``available``."""
        self._poll(resource, resource_id, "available")

    def _poll(self, resource: Resource, resource_id: str, wanted: str | None) -> None:
        """Poll until the resource has the wanted status; None waits until it is not found."""
        path = f"{resource.path}/{resource_id}"
        deadline = time.monotonic() + self._timeout_s
        while (status := self._status(path, resource.key)) != wanted:
            if status is None:
                raise OperationFailed(f"{path} has disappeared")
            if status.startswith("error"):
                raise OperationFailed(f"{path} is in status {status}")
            if time.monotonic() > deadline:
                raise OperationFailed(f"{path} is still in status {status} after {self._timeout_s:.0f} s")
            time.sleep(self._poll_s)

    def _status(self, path: str, key: str) -> str | None:
        status, content = self.connection.request("GET", path)
        if status == 404:
            return None
        if status != 200:
            raise OperationFailed(f"GET {path}: HTTP {status}")
        return str(json.loads(content)[key]["status"])


def _timing(resource_id: str, began: float, answered: float) -> Timing:
    return Timing(resource_id, (answered - began) * 1000, (time.perf_counter() - began) * 1000)
