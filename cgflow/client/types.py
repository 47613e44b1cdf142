"""Volume types and their extra specs."""

from __future__ import annotations

from cgflow.client.collection import Collection
from cgflow.client.errors import ServiceError
from cgflow.client.http import Record


class VolumeTypes(Collection):
    """``/types``."""

    plural, key, noun = "volume_types", "volume_type", "volume type"
    root = listing = "/types"

    def named(self, name: str) -> Record:
        """Select private types as well as public ones."""
        return {"name": name, "is_public": "None"}

    def create(
        self, name: str, description: str | None, *, is_public: bool, extra_specs: dict[str, str]
    ) -> Record:
        """Create a type with its extra specs; if these are refused, delete the type again."""
        asked = {"name": name, "description": description, "os-volume-type-access:is_public": is_public}
        made: Record = self._http.post(self.root, {"volume_type": asked}).take(self.key)
        if not extra_specs:
            return made
        try:
            return made | {"extra_specs": self.set_specs(made["id"], extra_specs)}
        except ServiceError:
            self.delete(made["id"])
            raise

    def set_specs(self, id_: str, extra_specs: dict[str, str]) -> dict[str, str]:
        """Set some extra specs and return those; others stay unchanged."""
        specs: dict[str, str] = self._http.post(
            self.path(id_, "extra_specs"), {"extra_specs": extra_specs}
        ).take("extra_specs")
        return specs

    def unset_spec(self, id_: str, key: str) -> None:
        """Remove one extra spec."""
        self._http.delete(self.path(id_, "extra_specs", key))

    def delete(self, id_: str) -> None:
        """Delete a type that nothing uses."""
        self._http.delete(self.path(id_))
