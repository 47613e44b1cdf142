"""Snapshots of volumes, both single ones and those of cgsnapshots."""

from __future__ import annotations

from cgflow.client.connections import Connectable
from cgflow.client.http import Accepted
from cgflow.client.statuses import Resettable


class Snapshots(Connectable, Resettable):
    """``/snapshots``."""

    plural, key, noun = "snapshots", "snapshot", "snapshot"
    root, listing = "/snapshots", "/snapshots/detail"

    def create(self, name: str, volume_id: str, *, description: str | None, force: bool) -> Accepted:
        """Take a snapshot of one volume; ``force`` allows it while the volume is in use."""
        asked = {"name": name, "volume_id": volume_id, "description": description, "force": force}
        return self._http.post(self.root, {self.key: asked}).accepted(self.key)

    def delete(self, id_: str) -> Accepted:
        """Delete a snapshot that is in no cgsnapshot."""
        return Accepted({"id": id_}, self._http.delete(self.path(id_)).flow_id)
