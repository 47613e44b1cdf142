"""The qsd driver's ability to serve exports as files of the host, as cgflow sees it."""

from __future__ import annotations

from dataclasses import replace

from cgflow.drivers.contract import Connection, SnapshotSpec, VolumeSpec
from cgflow.drivers.hostfiles import HostFiles
from cgflow.drivers.qsd import home_files
from cgflow.drivers.qsd.addresses import place
from cgflow.drivers.qsd.homes import Homes
from cgflow.drivers.qsd.recovery import settled


class Filing(HostFiles):
    """Serve what a home exports as files, and withdraw them."""

    _homes: Homes

    def serve_file(self, thing: VolumeSpec | SnapshotSpec) -> Connection:
        """See the contract."""
        home = self._homes.get(place(thing))
        volume_id = thing.volume_id if isinstance(thing, SnapshotSpec) else thing.id
        with settled(home):
            address, path = home_files.serve(home, volume_id, thing.id)
        return replace(address, data={**address.data, "path": str(path)})

    def withdraw_file(self, thing: VolumeSpec | SnapshotSpec) -> None:
        """See the contract."""
        home = self._homes.find(place(thing))
        if home is not None:
            with home.lock:
                home_files.withdraw(home, thing.id)
