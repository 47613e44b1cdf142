"""Volumes, inside and outside consistency groups."""

from __future__ import annotations

from cgflow.client.connections import Connectable
from cgflow.client.http import Accepted
from cgflow.client.statuses import Resettable


class Volumes(Connectable, Resettable):
    """``/volumes``. Sizes are in GiB."""

    plural, key, noun = "volumes", "volume", "volume"
    root, listing = "/volumes", "/volumes/detail"

    def create(
        self,
        name: str,
        size: int | None,
        *,
        volume_type: str | None,
        consistencygroup_id: str | None,
        description: str | None,
        availability_zone: str | None,
        snapshot_id: str | None = None,
        source_volid: str | None = None,
    ) -> Accepted:
        """Create a volume, empty or from a snapshot or another volume, which determines its default size."""
        asked = {
            "name": name,
            "size": size,
            "volume_type": volume_type,
            "consistencygroup_id": consistencygroup_id,
            "description": description,
            "availability_zone": availability_zone,
            "snapshot_id": snapshot_id,
            "source_volid": source_volid,
        }
        return self._http.post(self.root, {self.key: asked}).accepted(self.key)

    def extend(self, id_: str, new_size: int) -> Accepted:
        """Extend a volume."""
        return self._act(id_, {"os-extend": {"new_size": new_size}})

    def retype(self, id_: str, new_type: str) -> Accepted:
        """Change the type of a volume, on its backend."""
        return self._act(id_, {"os-retype": {"new_type": new_type, "migration_policy": "never"}})

    def revert(self, id_: str, snapshot_id: str) -> Accepted:
        """Restore a volume to one of its snapshots."""
        return self._act(id_, {"revert": {"snapshot_id": snapshot_id}})

    def delete(self, id_: str, *, cascade: bool = False) -> Accepted:
        """Delete a volume; with ``cascade``, its snapshots, too."""
        path = self.path(id_) + ("?cascade=True" if cascade else "")
        return Accepted({"id": id_}, self._http.delete(path).flow_id)

    def _act(self, id_: str, action: dict[str, object]) -> Accepted:
        return Accepted({"id": id_}, self._http.post(self.path(id_, "action"), action).flow_id)
