"""Drivers that move too little or too much."""

from dataclasses import replace

from cgflow.errors import FinalDriverError
from tests.support.contract_breakers.base import BrokenDriver


class MovesVolumeWithoutItsSnapshots(BrokenDriver):
    breaks = {"test_move_to_another_group": "after move_volume, inventory.* is not exact in its snapshots"}

    def move_volume(self, volume, group_id):
        super().move_volume(volume, group_id)
        for snapshot in self._state.snapshots.values():
            if snapshot.spec.volume_id == volume.id:
                snapshot.spec = replace(snapshot.spec, group_id=volume.group_id)


class RefusesMoveOutOfGroup(BrokenDriver):
    breaks = {"test_move_out_of_a_group_and_back": "move_volume to no group must succeed; it raised"}

    def move_volume(self, volume, group_id):
        if group_id is None:
            raise FinalDriverError("a volume must be in a group")
        super().move_volume(volume, group_id)


class ForgetsMovesOnRestart(BrokenDriver):
    breaks = {"test_moved_volume_survives_a_restart": "after a restart after move_volume, inventory"}

    def __init__(self):
        super().__init__()
        self.moved = []

    def move_volume(self, volume, group_id):
        super().move_volume(volume, group_id)
        self.moved.append((replace(volume, group_id=group_id), volume.group_id))

    def start(self):
        for volume, group_id in self.moved:
            super().move_volume(volume, group_id)


class FailsToMoveTwice(BrokenDriver):
    breaks = {"test_move_twice": "a second move_volume must succeed; it raised FinalDriverError: is not"}

    def move_volume(self, volume, group_id):
        if volume.id not in self.inventory(volume.group_id).volumes:
            raise FinalDriverError("is not there")
        super().move_volume(volume, group_id)


class UnexportsSnapshotsOnMove(BrokenDriver):
    breaks = {"test_move_keeps_snapshot_exported": "with an exported snapshot, inventory.* in its"}

    def move_volume(self, volume, group_id):
        super().move_volume(volume, group_id)
        for snapshot in self._state.snapshots.values():
            snapshot.is_exported = False


class DropsPreparedSnapshotsOnMove(BrokenDriver):
    breaks = {
        "test_prepared_snapshot_moves_with_its_volume": (
            "a prepared snapshot, inventory.* in its snapshots: .* missing"
        )
    }

    def move_volume(self, volume, group_id):
        for snapshot in list(self._state.snapshots.values()):
            if snapshot.spec.volume_id == volume.id and snapshot.content is None:
                self.delete_snapshot(snapshot.spec)
        super().move_volume(volume, group_id)


class MovesAllMembersOfGroup(BrokenDriver):
    breaks = {
        "test_move_leaves_other_members_in_place": (
            "after move_volume, inventory.* is not exact in its volumes"
        )
    }

    def move_volume(self, volume, group_id):
        for other in list(self._state.volumes.values()):
            if other.group_id == volume.group_id:
                super().move_volume(replace(volume, id=other.id), group_id)


class MovesToUnknownGroup(BrokenDriver):
    breaks = {"test_invalid_moves_are_refused": "move_volume to an unknown group must raise Final.*success"}

    def move_volume(self, volume, group_id):
        if group_id is not None:
            self.create_group(group_id)
        super().move_volume(volume, group_id)
