"""Clones, moves between groups, and restores for the qsd driver."""

from __future__ import annotations

from cgflow.drivers.contract import Cloning, Regrouping, Restoring, SnapshotSpec, VolumeSpec
from cgflow.drivers.qsd.home.home import Home
from cgflow.drivers.qsd.home.nbd_address import GIB, home_id_of
from cgflow.drivers.qsd.home_registry import HomeRegistry
from cgflow.drivers.qsd.operations import full_clones, linked_clones, moves, restores
from cgflow.errors import BusyDriverError, FinalDriverError


class QsdRearranging(Cloning, Regrouping, Restoring):
    """Clones, moves and restores volumes."""

    _homes: HomeRegistry

    def clone_volume(self, volume: VolumeSpec, source: SnapshotSpec) -> None:
        """See the contract. A clone is linked, or copied by ``qemu-img`` without blocking other calls."""
        known = self._homes.find(home_id_of(volume))
        if known is not None and volume.id in known.manifest.volumes:
            return
        origin = self._homes.get(home_id_of(source))
        target = self._target(volume.id, volume.group_id)
        wanted = (target, volume.id, volume.size_gib * GIB, origin, (source.volume_id, source.id))
        try:
            if not (target.config.linked_clones and linked_clones.clone(*wanted)):
                full_clones.clone(*wanted)
        except FinalDriverError:
            self._remove_if_vacant(target)
            raise

    def move_volume(self, volume: VolumeSpec, group_id: str | None) -> None:
        """See the contract."""
        source = self._homes.find(home_id_of(volume))
        target = self._target(volume.id, group_id)
        try:
            if source is None or source is target:
                _refuse_missing_volume(target, volume.id)
            else:
                moves.move(source, target, volume.id)
        except (FinalDriverError, BusyDriverError):
            self._remove_if_vacant(target)
            raise
        if source is not None:
            self._remove_if_vacant(source)

    def restore(self, restore_id: str, snapshots: list[SnapshotSpec]) -> None:
        """See the contract. A volume with a connected client is not restored."""
        members = {snapshot.volume_id: snapshot.id for snapshot in snapshots}
        places = {home_id_of(snapshot) for snapshot in snapshots}
        if len(places) != 1 or len(members) != len(snapshots):
            raise FinalDriverError(f"restore {restore_id} needs one copy of each volume, all of one group")
        restores.restore(self._homes.get(places.pop()), restore_id, members)

    def undo_restore(self, restore_id: str, snapshots: list[SnapshotSpec]) -> None:
        """See the contract."""
        for home in self._homes_of(snapshots):
            restores.undo(home, restore_id)

    def finish_restore(self, restore_id: str, snapshots: list[SnapshotSpec]) -> None:
        """See the contract. Layers that no snapshot needs any more are removed."""
        for home in self._homes_of(snapshots):
            restores.finish(home, restore_id, [snapshot.volume_id for snapshot in snapshots])

    def _target(self, volume_id: str, group_id: str | None) -> Home:
        """Return the home that a volume is to be in; create it if the volume is in no group.

        Raises: DriverError.
        """
        if group_id is None:
            return self._homes.make(volume_id, is_group=False)
        home = self._homes.get(group_id)
        if not home.manifest.is_group:
            raise FinalDriverError(f"{group_id} is not a group; nothing was made")
        return home

    def _remove_if_vacant(self, home: Home) -> None:
        """Remove the home of a volume outside any group if the volume is not in it."""
        if not home.manifest.is_group and home.manifest.is_vacant:
            self._homes.remove(home.id)

    def _homes_of(self, snapshots: list[SnapshotSpec]) -> list[Home]:
        found = [self._homes.find(key) for key in sorted({home_id_of(snapshot) for snapshot in snapshots})]
        return [home for home in found if home is not None]


def _refuse_missing_volume(home: Home, volume_id: str) -> None:
    """Raises: FinalDriverError, if a volume is not in a home."""
    if volume_id not in home.manifest.volumes:
        raise FinalDriverError(f"there is no volume {volume_id} in {home.id}")
