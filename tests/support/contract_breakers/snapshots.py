"""Drivers that cut only whole groups, or too much."""

from __future__ import annotations

from cgflow.errors import BusyDriverError, FinalDriverError
from tests.support.contract_breakers.base import BrokenDriver


class RefusesPlainSnapshots(BrokenDriver):
    breaks = {
        "test_plain_snapshot_of_a_volume_in_no_group": "prepare of a plain snapshot must succeed; it raised"
    }

    def prepare(self, snapshot):
        if snapshot.group_id is None:
            raise FinalDriverError("is in no group")
        super().prepare(snapshot)


class CutsOnlyWholeGroups(BrokenDriver):
    breaks = {
        "test_plain_snapshot_of_a_member": "cut of a plain snapshot must succeed; it raised",
        "test_cut_of_some_members": "cut must succeed; it raised",
    }

    def cut(self, cgsnapshot_id, group_id, snapshots):
        if {s.volume_id for s in snapshots} != self.inventory(group_id).volumes:
            raise FinalDriverError("members are missing")
        return super().cut(cgsnapshot_id, group_id, snapshots)


class AcceptsCutOfVolumesInNoGroup(BrokenDriver):
    breaks = {
        "test_cut_of_several_volumes_without_group_is_refused": (
            "cut of two volumes outside any group must raise FinalDriverError"
        )
    }

    def cut(self, cgsnapshot_id, group_id, snapshots):
        return {} if group_id is None else super().cut(cgsnapshot_id, group_id, snapshots)


class FailsToDeletePlainSnapshotOfAbsentVolume(BrokenDriver):
    breaks = {
        "test_delete_unknown_plain_snapshot": (
            "delete_snapshot of a plain snapshot that never was must succeed"
        )
    }

    def delete_snapshot(self, snapshot):
        if snapshot.group_id is None and snapshot.volume_id not in self._state.volumes:
            raise FinalDriverError("there is no such volume")
        super().delete_snapshot(snapshot)


class ChangesSnapshotsWithTheirVolume(BrokenDriver):
    breaks = {
        "test_snapshot_is_immutable": "an exported snapshot does not follow its volume: the snapshot at byte"
    }

    def cut(self, cgsnapshot_id, group_id, snapshots):
        evidence = super().cut(cgsnapshot_id, group_id, snapshots)
        for snapshot in snapshots:
            self._state.snapshots[snapshot.id].content = self._state.volumes[snapshot.volume_id].content
        return evidence


class ReportsPreparedSnapshotAbsent(BrokenDriver):
    breaks = {"test_has_snapshot_until_it_is_deleted": "after prepare, has_snapshot must be True, not False"}

    def has_snapshot(self, snapshot):
        return super().has_snapshot(snapshot) and self._state.snapshots[snapshot.id].content is not None


class ReportsDeletedSnapshotPresent(BrokenDriver):
    breaks = {"test_has_snapshot_until_it_is_deleted": "after delete_snapshot, has_snapshot must be False"}
    seen = frozenset()

    def has_snapshot(self, snapshot):
        if super().has_snapshot(snapshot):
            self.seen = self.seen | {snapshot.id}
        return snapshot.id in self.seen


class ReturnsEmptyDescription(BrokenDriver):
    breaks = {"test_snapshot_is_described": "snapshot must return facts about the snapshot, not {}"}

    def snapshot(self, snapshot):
        return {}


class FailsToDeletePreparedSnapshot(BrokenDriver):
    breaks = {
        "test_delete_of_prepared_snapshot": "delete_snapshot of a prepared snapshot must succeed; it raised"
    }

    def delete_snapshot(self, snapshot):
        if snapshot.id in self._state.snapshots and not self.is_cut(snapshot):
            raise FinalDriverError("is not a snapshot")
        super().delete_snapshot(snapshot)


class NeverDeletesCutSnapshots(BrokenDriver):
    breaks = {
        "test_delete_of_cut_snapshot": "after delete_snapshot of a cut snapshot, .* in its snapshots: too",
        "test_deleted_snapshot_is_gone": "after delete_snapshot, .* in its snapshots: too many",
    }

    def delete_snapshot(self, snapshot):
        if not self.is_cut(snapshot):
            super().delete_snapshot(snapshot)


class RefusesToDeleteExportedSnapshot(BrokenDriver):
    breaks = {
        "test_delete_of_exported_snapshot": "of an exported snapshot with a reader must succeed; it raised"
    }

    def delete_snapshot(self, snapshot):
        if self._state.snapshots[snapshot.id].is_exported:
            raise BusyDriverError("a reader is connected")
        super().delete_snapshot(snapshot)


class MergesDeletedSnapshotIntoNextOne(BrokenDriver):
    """Merges a layer into the wrong one: the volume's next snapshot reads what the deleted one did."""

    breaks = {
        "test_delete_of_oldest": "of the oldest of three, the snapshot of B: the snapshot at byte 0 must",
        "test_delete_of_middle": "of the middle of three, the snapshot of C: the snapshot at byte 0 must",
        "test_delete_of_newest": "of the newest of three: the volume at byte 0 must read as 'D'",
        "test_snapshots_can_be_deleted_in_any_order_after_a_restore": (
            "after a restore, in order .* must read as"
        ),
    }

    def delete_snapshot(self, snapshot):
        owners = [c for c in self._state.snapshots.values() if c.spec.volume_id == snapshot.volume_id]
        owners.append(self._state.volumes[snapshot.volume_id])
        place = next(n for n, owner in enumerate(owners) if owner is self._state.snapshots[snapshot.id])
        owners[place + 1].content = owners[place].content
        super().delete_snapshot(snapshot)
