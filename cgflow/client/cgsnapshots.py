"""Cgsnapshots: snapshots of every member of a group at one instant."""

from __future__ import annotations

from cgflow.client.http import Accepted
from cgflow.client.statuses import Resettable


class Cgsnapshots(Resettable):
    """``/cgsnapshots``."""

    plural, key, noun = "cgsnapshots", "cgsnapshot", "cgsnapshot"
    root, listing = "/cgsnapshots", "/cgsnapshots/detail"
    acting, reset, since = "/group_snapshots", "reset_status", "3.19"

    def create(
        self, name: str, consistencygroup_id: str, description: str | None, level: str | None = None
    ) -> Accepted:
        """Take a cgsnapshot of a group; with a ``level``, only if the backend reaches it."""
        asked = {"name": name, "consistencygroup_id": consistencygroup_id, "description": description}
        if level is not None:
            asked["cgflow:level"] = level
        return self._http.post(self.root, {self.key: asked}).accepted(self.key)

    def delete(self, id_: str) -> Accepted:
        """Delete a cgsnapshot with the snapshots in it."""
        return Accepted({"id": id_}, self._http.delete(self.path(id_)).flow_id)
