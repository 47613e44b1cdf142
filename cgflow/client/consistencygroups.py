"""Consistency groups."""

from __future__ import annotations

from collections.abc import Sequence

from cgflow.client.collection import Collection
from cgflow.client.http import Accepted


class ConsistencyGroups(Collection):
    """``/consistencygroups``."""

    plural, key, noun = "consistencygroups", "consistencygroup", "consistency group"
    root, listing = "/consistencygroups", "/consistencygroups/detail"

    def create(
        self, name: str, volume_types: Sequence[str], description: str | None, availability_zone: str | None
    ) -> Accepted:
        """Make a group whose members may be of the types given by name or id."""
        asked = {
            "name": name,
            "description": description,
            "volume_types": ",".join(volume_types),
            "availability_zone": availability_zone,
        }
        return self._http.post(self.root, {self.key: asked}).accepted(self.key)

    def delete(self, id_: str, *, force: bool) -> Accepted:
        """Delete a group, with ``force`` together with its members."""
        answer = self._http.post(self.path(id_, "delete"), {self.key: {"force": force}})
        return Accepted({"id": id_}, answer.flow_id)
