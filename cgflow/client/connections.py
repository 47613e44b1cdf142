"""Connections to the data of volumes and snapshots."""

from __future__ import annotations

from cgflow.client.collection import Collection
from cgflow.client.http import Record


class Connectable(Collection):
    """A resource that a backend can export."""

    def connect(self, id_: str, *, as_file: bool = False) -> Record:
        """Export it and return the connection (``driver_volume_type`` and ``data``).

        ``as_file`` also makes it a file on the backend's host, with its ``path`` in ``data``.
        """
        asked: Record = {"os-initialize_connection": {"connector": _connector(as_file)}}
        info: Record = self._http.post(self.path(id_, "action"), asked).take("connection_info")
        return info

    def disconnect(self, id_: str, *, as_file: bool = False) -> None:
        """End the connection: remove a snapshot's export, or with ``as_file`` a volume's file."""
        asked: Record = {"os-terminate_connection": {"connector": _connector(as_file)}}
        self._http.post(self.path(id_, "action"), asked)


def _connector(as_file: bool) -> Record:
    return {"cgflow:file": True} if as_file else {}
