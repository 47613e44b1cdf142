"""Drivers that restore the wrong content, restore only a part, or cannot undo."""

from cgflow.errors import FinalDriverError
from tests.support.contract_breakers.base import BrokenDriver


class RestoresNothing(BrokenDriver):
    breaks = {
        "test_restore_brings_back_snapshot_content": (
            "a volume that was restored: the volume at byte 0 must read as 'A'"
        ),
        "test_restore_of_a_volume_in_no_group": "a volume in no group that was restored: the volume",
    }

    def restore(self, restore_id, snapshots):
        super().restore(restore_id, snapshots)
        for snapshot in snapshots:
            volume = self._state.volumes[snapshot.volume_id]
            volume.content = volume.previous.content.snapshot()


class UndoesNoRestore(BrokenDriver):
    breaks = {
        "test_undo_restore_brings_back_previous_content": (
            "a volume whose restore is undone: the volume at byte 0"
        ),
        "test_volume_can_be_deleted_before_finish": "undo_restore when another volume is gone: the vol",
    }

    def undo_restore(self, restore_id, snapshots):
        self.finish_restore(restore_id, snapshots)


class RestoresAgainOnRepeatedCall(BrokenDriver):
    breaks = {"test_restore_twice": "a second restore leaves the volumes as they are: the volume at byte 0"}

    def restore(self, restore_id, snapshots):
        self.undo_restore(restore_id, snapshots)
        super().restore(restore_id, snapshots)


class FailsToFinishRestoreTwice(BrokenDriver):
    breaks = {
        "test_finish_restore_twice": "a second finish_restore must succeed; it raised",
        "test_undo_of_unknown_restore": "finish_restore of a restore that never was must succeed",
    }

    def finish_restore(self, restore_id, snapshots):
        if not self._state.previous_contents(restore_id):
            raise FinalDriverError("no such restore")
        super().finish_restore(restore_id, snapshots)


class RestoresVolumesOneByOne(BrokenDriver):
    breaks = {"test_restore_is_all_or_nothing": "one is gone, inventory.* in its restores: too many"}

    def restore(self, restore_id, snapshots):
        for snapshot in snapshots:
            super().restore(f"{restore_id}-{snapshot.id}", [snapshot])


class OverwritesNewerSnapshotsOnRestore(BrokenDriver):
    breaks = {"test_newer_snapshots_outlive_a_restore": "a snapshot during a restore: the snapshot at byte 0"}

    def restore(self, restore_id, snapshots):
        super().restore(restore_id, snapshots)
        for snapshot in self._state.snapshots.values():
            snapshot.content = self.content_of(snapshots[0])


class RestoresSizeOfVolume(BrokenDriver):
    breaks = {"test_restore_keeps_volume_size": "a read must succeed; it raised"}

    def restore(self, restore_id, snapshots):
        super().restore(restore_id, snapshots)
        for snapshot in snapshots:
            self._state.volumes[snapshot.volume_id].size_gib = self._state.snapshots[snapshot.id].size_gib


class RestoresSnapshotLargerThanVolume(BrokenDriver):
    breaks = {
        "test_snapshot_larger_than_its_volume_is_refused": (
            "restore to a larger snapshot must raise FinalDriverError"
        )
    }

    def restore(self, restore_id, snapshots):
        for snapshot in snapshots:
            self._state.snapshots[snapshot.id].size_gib = 1
        super().restore(restore_id, snapshots)


class AllowsChangesDuringRestore(BrokenDriver):
    breaks = {
        "test_unfinished_restore_blocks_other_changes": (
            "extend_volume while a restore is unfinished must raise"
        )
    }

    def _require_no_restore(self, volume):
        pass


class ForgetsUnfinishedRestoreOnRestart(BrokenDriver):
    breaks = {"test_unfinished_restore_survives_a_restart": "unfinished restore, inventory.* in its restores"}

    def start(self):
        for volume in self._state.volumes.values():
            volume.previous = None


class RefusesToDeleteSnapshotDuringRestore(BrokenDriver):
    breaks = {
        "test_restored_snapshot_can_be_deleted_before_finish": (
            "of a snapshot that is restored to must succeed"
        )
    }

    def delete_snapshot(self, snapshot):
        if any(v.previous is not None for v in self._state.volumes.values()):
            raise FinalDriverError("is in use")
        super().delete_snapshot(snapshot)


class RefusesToDeleteVolumeDuringRestore(BrokenDriver):
    breaks = {"test_volume_can_be_deleted_before_finish": "delete_volume in an unfinished restore must"}

    def delete_volume(self, volume):
        if self._state.volumes[volume.id].previous is not None:
            raise FinalDriverError("is in use")
        super().delete_volume(volume)
