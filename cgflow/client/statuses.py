"""Reset of the status of a resource, for all resources that support it."""

from __future__ import annotations

from typing import ClassVar

from cgflow.client.collection import Collection
from cgflow.client.http import segment


class Resettable(Collection):
    """A resource whose status an administrator may set. ``reset`` is the action's key in the API.

    ``acting`` is the path of the action, if it differs from ``root``; ``since`` is the microversion of the
    action.
    """

    acting: ClassVar[str | None] = None
    reset: ClassVar[str] = "os-reset_status"
    since: ClassVar[str | None] = None

    def reset_status(self, id_: str, status: str) -> None:
        """Set the status of one, without a flow and without a change on a backend."""
        path = "/".join((self.acting or self.root, segment(id_), "action"))
        self._http.post(path, {self.reset: {"status": status}}, microversion=self.since)
