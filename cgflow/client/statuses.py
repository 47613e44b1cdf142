"""Setting a status by hand: the part of the wire that everything operated on shares."""

from __future__ import annotations

from typing import ClassVar

from cgflow.client.collection import Collection
from cgflow.client.http import segment


class Resettable(Collection):
    """Something whose status an administrator may set. ``reset`` is the wire's word for it.

    ``acting`` is the path under which it takes actions, if that is not its own,
    and ``since`` the microversion that this came with.
    """

    acting: ClassVar[str | None] = None
    reset: ClassVar[str] = "os-reset_status"
    since: ClassVar[str | None] = None

    def reset_status(self, id_: str, status: str) -> None:
        """Set the status of one, at once: nothing on a backend changes."""
        path = "/".join((self.acting or self.root, segment(id_), "action"))
        self._http.post(path, {self.reset: {"status": status}}, microversion=self.since)
