"""Snapshots of groups and of single volumes for the qsd driver."""

from __future__ import annotations

from cgflow.drivers.contract import JSON, Connection, GroupSnapshots, SnapshotSpec
from cgflow.drivers.qsd.home.nbd_address import home_id_of, nbd
from cgflow.drivers.qsd.home_registry import HomeRegistry
from cgflow.drivers.qsd.operations import snapshots
from cgflow.errors import FinalDriverError


class QsdGroupSnapshots(GroupSnapshots):
    """Prepares, cuts, verifies, exports and deletes snapshots."""

    _homes: HomeRegistry

    def prepare(self, snapshot: SnapshotSpec) -> None:
        """See the contract."""
        home = self._homes.get(home_id_of(snapshot))
        snapshots.prepare(home, snapshot.volume_id, snapshot.id, snapshot.cgsnapshot_id)

    def cut(self, cgsnapshot_id: str, group_id: str | None, snapshots: list[SnapshotSpec]) -> JSON:
        """See the contract."""
        members = {snapshot.volume_id: snapshot.id for snapshot in snapshots}
        if not members or len(members) != len(snapshots):
            raise FinalDriverError(
                f"{cgsnapshot_id} needs exactly one snapshot of each member, and at least one"
            )
        if {snapshot.group_id for snapshot in snapshots} != {group_id} or (
            group_id is None and len(members) > 1
        ):
            raise FinalDriverError(f"{cgsnapshot_id} names volumes that are not in group {group_id}")
        return _cut(self._homes.get(home_id_of(snapshots[0])), cgsnapshot_id, members)

    def snapshot(self, snapshot: SnapshotSpec) -> JSON:
        """See the contract."""
        return snapshots.verify(self._homes.get(home_id_of(snapshot)), snapshot.volume_id, snapshot.id)

    def delete_snapshot(self, snapshot: SnapshotSpec) -> None:
        """See the contract. The snapshot's layer is merged at once if nothing else reads it."""
        home = self._homes.find(home_id_of(snapshot))
        if home is not None:
            snapshots.delete(home, snapshot.volume_id, snapshot.id)

    def has_snapshot(self, snapshot: SnapshotSpec) -> bool:
        """See the contract. Never waits for other operations."""
        home = self._homes.find(home_id_of(snapshot))
        volume = None if home is None else home.manifest.volumes.get(snapshot.volume_id)
        return volume is not None and (snapshot.id in volume.bound or snapshot.id in volume.pending)

    def export_snapshot(self, snapshot: SnapshotSpec) -> Connection:
        """See the contract."""
        home = self._homes.get(home_id_of(snapshot))
        snapshots.export(home, snapshot.volume_id, snapshot.id)
        facts = snapshots.verify(home, snapshot.volume_id, snapshot.id)
        return nbd(home, snapshot.id, facts["size_bytes"], read_only=True)

    def unexport_snapshot(self, snapshot: SnapshotSpec) -> None:
        """See the contract."""
        home = self._homes.find(home_id_of(snapshot))
        if home is not None:
            snapshots.unexport(home, snapshot.volume_id, snapshot.id)


# In ``QsdGroupSnapshots.cut``, the contract's parameter ``snapshots`` hides the module of that name.
_cut = snapshots.cut
