"""Snapshots: frozen copies of volumes, alone or inside a cgsnapshot."""

from __future__ import annotations

from cgflow.client.connections import Connectable
from cgflow.client.http import Accepted
from cgflow.client.statuses import Resettable


class Snapshots(Connectable, Resettable):
    """``/snapshots``."""

    plural, key, noun = "snapshots", "snapshot", "snapshot"
    root, listing = "/snapshots", "/snapshots/detail"

    def create(self, name: str, volume_id: str, *, description: str | None, force: bool) -> Accepted:
        """Copy one volume; one that is in use only with ``force``."""
        asked = {"name": name, "volume_id": volume_id, "description": description, "force": force}
        return self._http.post(self.root, {self.key: asked}).accepted(self.key)

    def delete(self, id_: str) -> Accepted:
        """Delete a snapshot that is not one of a cgsnapshot."""
        return Accepted({"id": id_}, self._http.delete(self.path(id_)).flow_id)
