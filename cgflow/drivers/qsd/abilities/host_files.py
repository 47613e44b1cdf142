"""Exports as files of the host for the qsd driver."""

from __future__ import annotations

from dataclasses import replace

from cgflow.drivers.contract import Connection, SnapshotSpec, SupportsHostFiles, VolumeSpec
from cgflow.drivers.qsd.home.nbd_address import home_id_of
from cgflow.drivers.qsd.home_registry import HomeRegistry
from cgflow.drivers.qsd.operations import host_files
from cgflow.drivers.qsd.operations.recovery import hold_settled


class QsdHostFiles(SupportsHostFiles):
    """Serves the exports of a home as files, and withdraws them."""

    _homes: HomeRegistry

    def serve_file(self, thing: VolumeSpec | SnapshotSpec) -> Connection:
        """See the contract."""
        home = self._homes.get(home_id_of(thing))
        volume_id = thing.volume_id if isinstance(thing, SnapshotSpec) else thing.id
        with hold_settled(home):
            address, path = host_files.serve(home, volume_id, thing.id)
        return replace(address, data={**address.data, "path": str(path)})

    def withdraw_file(self, thing: VolumeSpec | SnapshotSpec) -> None:
        """See the contract."""
        home = self._homes.find(home_id_of(thing))
        if home is not None:
            with home.lock:
                host_files.withdraw(home, thing.id)
