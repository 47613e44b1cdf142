"""Volumes, members of a consistency group or not."""

from __future__ import annotations

from cgflow.client.connections import Connectable
from cgflow.client.http import Accepted


class Volumes(Connectable):
    """``/volumes``. Sizes are in GiB."""

    plural, key, noun = "volumes", "volume", "volume"
    root, listing = "/volumes", "/volumes/detail"

    def create(
        self,
        name: str,
        size: int,
        *,
        volume_type: str | None,
        consistencygroup_id: str | None,
        description: str | None,
        availability_zone: str | None,
    ) -> Accepted:
        """Make a volume."""
        asked = {
            "name": name,
            "size": size,
            "volume_type": volume_type,
            "consistencygroup_id": consistencygroup_id,
            "description": description,
            "availability_zone": availability_zone,
        }
        return self._http.post(self.root, {self.key: asked}).accepted(self.key)

    def extend(self, id_: str, new_size: int) -> Accepted:
        """Make a volume larger."""
        answer = self._http.post(self.path(id_, "action"), {"os-extend": {"new_size": new_size}})
        return Accepted({"id": id_}, answer.flow_id)

    def delete(self, id_: str) -> Accepted:
        """Delete a volume."""
        return Accepted({"id": id_}, self._http.delete(self.path(id_)).flow_id)
