"""Reaching a volume's or a snapshot's data: the part of the wire they share."""

from __future__ import annotations

from cgflow.client.collection import Collection
from cgflow.client.http import Record


class Connectable(Collection):
    """Something that a backend can export."""

    def connect(self, id_: str, *, as_file: bool = False) -> Record:
        """Have it exported and return how to reach it (``driver_volume_type`` and ``data``).

        ``as_file`` has the backend's host show it as a file too, whose ``path`` is in ``data``.
        """
        asked: Record = {"os-initialize_connection": {"connector": _connector(as_file)}}
        info: Record = self._http.post(self.path(id_, "action"), asked).take("connection_info")
        return info

    def disconnect(self, id_: str, *, as_file: bool = False) -> None:
        """End the export; of a volume, which stays exported, the file if ``as_file``."""
        asked: Record = {"os-terminate_connection": {"connector": _connector(as_file)}}
        self._http.post(self.path(id_, "action"), asked)


def _connector(as_file: bool) -> Record:
    return {"cgflow:file": True} if as_file else {}
