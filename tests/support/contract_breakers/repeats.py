"""Drivers that break the rules for repeated calls, and for the undo of what does not exist."""

import itertools
from dataclasses import replace

from cgflow.errors import FinalDriverError
from tests.support.contract_breakers.base import Broken


class CreatesGroupsOnce(Broken):
    breaks = {
        "test_create_group_twice": "a second create_group must succeed; it raised FinalDriverError: exists"
    }

    def create_group(self, group_id):
        if group_id in self._state.groups:
            raise FinalDriverError("exists")
        super().create_group(group_id)


class DeletesGroupsOnce(Broken):
    breaks = {
        "test_delete_group_twice": "a second delete_group must succeed",
        "test_undo_of_no_group": "delete_group of a group that never was must succeed",
    }

    def delete_group(self, group_id):
        if group_id not in self._state.groups:
            raise FinalDriverError("no such group")
        super().delete_group(group_id)


class CreatesVolumesAnew(Broken):
    breaks = {
        "test_create_volume_twice": "a second create_volume leaves the volume as it is: the volume at byte 0"
    }

    def create_volume(self, volume):
        super().delete_volume(volume)
        super().create_volume(volume)


class DeletesVolumesOnce(Broken):
    breaks = {
        "test_delete_volume_twice": "a second delete_volume must succeed",
        "test_undo_of_no_volume": "delete_volume of a volume that never was must succeed",
    }

    def delete_volume(self, volume):
        self.connection(volume)
        super().delete_volume(volume)


class LooksForTheGroupFirst(Broken):
    breaks = {
        "test_undo_of_no_volume_in_no_group": "in a group that never was must succeed",
        "test_undo_of_no_snapshot_of_no_volume": "of a volume that never was must succeed",
    }

    def look(self, export):
        if export.group_id is not None and export.group_id not in self._state.groups:
            raise FinalDriverError("no such group")

    def delete_volume(self, volume):
        self.look(volume)
        super().delete_volume(volume)

    def delete_snapshot(self, snapshot):
        self.look(snapshot)
        super().delete_snapshot(snapshot)


class ExtendsByTheDifference(Broken):
    breaks = {"test_extend_twice": "twice, provisioned_gib must be 2, not 3"}

    def extend_volume(self, volume, new_size_gib):
        size = self._state.volumes[volume.id].size_gib
        super().extend_volume(volume, size + new_size_gib - volume.size_gib)


class GivesNewAddresses(Broken):
    breaks = {
        "test_connection_twice": "connection must give the same address again",
        "test_export_twice": "export_snapshot must give the same address again",
    }
    numbers = itertools.count()

    def connection(self, volume):
        return replace(super().connection(volume), data={"port": next(self.numbers)})

    def export_snapshot(self, snapshot):
        return replace(super().export_snapshot(snapshot), data={"port": next(self.numbers)})


class PreparesOnce(Broken):
    breaks = {
        "test_prepare_twice": "a second prepare must succeed",
        "test_restart_keeps_half_prepared_copies": "prepare again after a restart must succeed",
    }

    def prepare(self, snapshot):
        if snapshot.id in self._state.snapshots:
            raise FinalDriverError("exists")
        super().prepare(snapshot)


class PreparesAnew(Broken):
    breaks = {
        "test_prepare_after_the_cut": "is not exact in its snapshots|must succeed; it raised FinalDriverError"
    }

    def prepare(self, snapshot):
        super().delete_snapshot(snapshot)
        super().prepare(snapshot)


class CutsAgain(Broken):
    breaks = {
        "test_cut_twice": "a cut that has happened is never repeated: the snapshot at byte 0 must read as",
        "test_restart_keeps_cut_copies": "a cut before a restart is not repeated after it: the snapshot at",
    }

    def cut(self, cgsnapshot_id, group_id, snapshots):
        self._state.cuts.pop(cgsnapshot_id, None)
        return super().cut(cgsnapshot_id, group_id, snapshots)


class DescribesDifferently(Broken):
    breaks = {"test_snapshot_twice": "snapshot must describe a copy the same again"}
    numbers = itertools.count()

    def snapshot(self, snapshot):
        return {"number": next(self.numbers)}


class UnexportsOnce(Broken):
    breaks = {"test_unexport_twice": "a second unexport_snapshot must succeed"}

    def unexport_snapshot(self, snapshot):
        if not self._state.snapshots[snapshot.id].is_exported:
            raise FinalDriverError("not exported")
        super().unexport_snapshot(snapshot)


class DeletesSnapshotsOnce(Broken):
    breaks = {
        "test_delete_snapshot_twice": "a second delete_snapshot must succeed; it raised KeyError",
        "test_undo_of_no_snapshot": "delete_snapshot of a copy that never was must succeed; it raised",
    }

    def delete_snapshot(self, snapshot):
        self._state.snapshots[snapshot.id]
        super().delete_snapshot(snapshot)
