"""Drivers whose snapshots change, or are not deleted."""

from cgflow.errors import BusyDriverError, FinalDriverError
from tests.support.contract_breakers.base import Broken


class LetsCopiesFollowTheirVolume(Broken):
    breaks = {"test_copy_is_immutable": "an exported copy does not follow its volume: the snapshot at byte 0"}

    def cut(self, cgsnapshot_id, group_id, snapshots):
        evidence = super().cut(cgsnapshot_id, group_id, snapshots)
        for snapshot in snapshots:
            self._state.snapshots[snapshot.id].content = self._state.volumes[snapshot.volume_id].content
        return evidence


class DeniesUncutCopies(Broken):
    breaks = {"test_copy_is_known_until_it_is_deleted": "after prepare, has_snapshot must be True, not False"}

    def has_snapshot(self, snapshot):
        return super().has_snapshot(snapshot) and self._state.snapshots[snapshot.id].content is not None


class RemembersDeletedCopies(Broken):
    breaks = {"test_copy_is_known_until_it_is_deleted": "after delete_snapshot, has_snapshot must be False"}
    seen = frozenset()

    def has_snapshot(self, snapshot):
        if super().has_snapshot(snapshot):
            self.seen = self.seen | {snapshot.id}
        return snapshot.id in self.seen


class DescribesNothing(Broken):
    breaks = {"test_snapshot_describes_a_copy": "snapshot must return facts about the copy, not {}"}

    def snapshot(self, snapshot):
        return {}


class CannotDropPreparedCopies(Broken):
    breaks = {
        "test_delete_of_prepared_copy": "delete_snapshot of a prepared copy must succeed; it raised Final"
    }

    def delete_snapshot(self, snapshot):
        if snapshot.id in self._state.snapshots and not self.is_cut(snapshot):
            raise FinalDriverError("is not a snapshot")
        super().delete_snapshot(snapshot)


class KeepsCutCopies(Broken):
    breaks = {
        "test_delete_of_cut_copy": "after delete_snapshot of a cut copy, .* in its snapshots: too many",
        "test_deleted_copy_is_gone": "after delete_snapshot, .* in its snapshots: too many",
    }

    def delete_snapshot(self, snapshot):
        if not self.is_cut(snapshot):
            super().delete_snapshot(snapshot)


class DeletesOnlyWhatIsNotExported(Broken):
    breaks = {
        "test_delete_of_exported_copy": "of an exported copy with a reader must succeed; it raised Busy"
    }

    def delete_snapshot(self, snapshot):
        if self._state.snapshots[snapshot.id].is_exported:
            raise BusyDriverError("a reader is connected")
        super().delete_snapshot(snapshot)


class MergesIntoTheNextCopy(Broken):
    """Merges a layer into the wrong one: the volume's next snapshot reads what the deleted one did."""

    breaks = {
        "test_delete_of_oldest": "of the oldest of three, the copy of B: the snapshot at byte 0 must read",
        "test_delete_of_middle": "of the middle of three, the copy of C: the snapshot at byte 0 must read",
        "test_delete_of_newest": "of the newest of three: the volume at byte 0 must read as 'D'",
        "test_copies_go_in_any_order_after_a_restore": "after a restore, in order .* must read as",
    }

    def delete_snapshot(self, snapshot):
        owners = [c for c in self._state.snapshots.values() if c.spec.volume_id == snapshot.volume_id]
        owners.append(self._state.volumes[snapshot.volume_id])
        place = next(n for n, owner in enumerate(owners) if owner is self._state.snapshots[snapshot.id])
        owners[place + 1].content = owners[place].content
        super().delete_snapshot(snapshot)
