"""Reaching a volume's or a snapshot's data: the part of the wire they share."""

from __future__ import annotations

from cgflow.client.collection import Collection
from cgflow.client.http import Record


class Connectable(Collection):
    """Something that a backend can export."""

    def connect(self, id_: str) -> Record:
        """Have it exported and return how to reach it (``driver_volume_type`` and ``data``)."""
        asked: Record = {"os-initialize_connection": {"connector": {}}}
        info: Record = self._http.post(self.path(id_, "action"), asked).take("connection_info")
        return info

    def disconnect(self, id_: str) -> None:
        """End the export."""
        self._http.post(self.path(id_, "action"), {"os-terminate_connection": {"connector": {}}})
