"""Consistency groups."""

from __future__ import annotations

from collections.abc import Sequence

from cgflow.client.http import Accepted
from cgflow.client.statuses import Resettable


class ConsistencyGroups(Resettable):
    """``/consistencygroups``."""

    plural, key, noun = "consistencygroups", "consistencygroup", "consistency group"
    root, listing = "/consistencygroups", "/consistencygroups/detail"
    acting, reset, since = "/groups", "reset_status", "3.20"

    def create(
        self, name: str, volume_types: Sequence[str], description: str | None, availability_zone: str | None
    ) -> Accepted:
        """Create a group whose members may have the given types, by name or id."""
        asked = {
            "name": name,
            "description": description,
            "volume_types": ",".join(volume_types),
            "availability_zone": availability_zone,
        }
        return self._http.post(self.root, {self.key: asked}).accepted(self.key)

    def create_from(
        self, name: str, description: str | None, *, cgsnapshot_id: str | None, source_cgid: str | None
    ) -> Accepted:
        """Create a group whose volumes have the data of a cgsnapshot or of another group."""
        asked = {
            "name": name,
            "description": description,
            "cgsnapshot_id": cgsnapshot_id,
            "source_cgid": source_cgid,
        }
        path = f"{self.root}/create_from_src"
        return self._http.post(path, {"consistencygroup-from-src": asked}).accepted(self.key)

    def update(
        self,
        id_: str,
        *,
        name: str | None,
        description: str | None,
        add_volumes: Sequence[str],
        remove_volumes: Sequence[str],
    ) -> Accepted:
        """Change a group; None and empty values change nothing. Without volumes there is no flow."""
        asked = {
            "name": name,
            "description": description,
            "add_volumes": ",".join(add_volumes),
            "remove_volumes": ",".join(remove_volumes),
        }
        given = {key: value for key, value in asked.items() if value}
        return Accepted({"id": id_}, self._http.put(self.path(id_), {self.key: given}).flow_id)

    def revert(self, id_: str, cgsnapshot_id: str, *, safety: str | None) -> Accepted:
        """Restore a group to a cgsnapshot, after taking one named ``safety``, if given."""
        how = {"cgsnapshot_id": cgsnapshot_id, "safety": None if safety is None else {"name": safety}}
        answer = self._http.post(self.path(id_, "action"), {"revert_to_cgsnapshot": how})
        return Accepted({"id": id_}, answer.flow_id)

    def delete(self, id_: str, *, force: bool) -> Accepted:
        """Delete a group; with ``force``, its members, too."""
        answer = self._http.post(self.path(id_, "delete"), {self.key: {"force": force}})
        return Accepted({"id": id_}, answer.flow_id)
