"""Drivers that break the rules for repeated calls, and for the undo of what does not exist."""

from __future__ import annotations

import itertools
from dataclasses import replace

from cgflow.drivers.contract import Connection
from cgflow.drivers.memory.state import Content
from cgflow.errors import AmbiguousDriverError, FinalDriverError
from tests.support.contract_breakers.base import BrokenDriver


class FailsToCreateExistingGroup(BrokenDriver):
    breaks = {
        "test_create_group_twice": "a second create_group must succeed; it raised FinalDriverError: exists"
    }

    def create_group(self, group_id):
        if group_id in self._state.groups:
            raise FinalDriverError("exists")
        super().create_group(group_id)


class FailsToDeleteAbsentGroup(BrokenDriver):
    breaks = {
        "test_delete_group_twice": "a second delete_group must succeed",
        "test_delete_unknown_group": "delete_group of a group that never was must succeed",
    }

    def delete_group(self, group_id):
        if group_id not in self._state.groups:
            raise FinalDriverError("no such group")
        super().delete_group(group_id)


class RecreatesExistingVolume(BrokenDriver):
    breaks = {
        "test_create_volume_twice": "a second create_volume leaves the volume as it is: the volume at byte 0"
    }

    def create_volume(self, volume):
        super().delete_volume(volume)
        super().create_volume(volume)


class FailsToDeleteAbsentVolume(BrokenDriver):
    breaks = {
        "test_delete_volume_twice": "a second delete_volume must succeed",
        "test_delete_unknown_volume": "delete_volume of a volume that never was must succeed",
    }

    def delete_volume(self, volume):
        self.connection(volume)
        super().delete_volume(volume)


class FailsToDeleteInAbsentGroup(BrokenDriver):
    breaks = {
        "test_delete_unknown_volume_in_unknown_group": "in a group that never was must succeed",
        "test_delete_snapshot_of_unknown_volume": "of a volume that never was must succeed",
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


class ExtendsAgainOnRepeatedExtend(BrokenDriver):
    breaks = {"test_extend_twice": "twice, provisioned_gib must be 2, not 3"}

    def extend_volume(self, volume, new_size_gib):
        size = self._state.volumes[volume.id].size_gib
        super().extend_volume(volume, size + new_size_gib - volume.size_gib)


class ChangesAddressOnRepeatedCall(BrokenDriver):
    breaks = {
        "test_connection_twice": "connection must give the same address again",
        "test_export_twice": "export_snapshot must give the same address again",
    }
    numbers = itertools.count()

    def connection(self, volume):
        return replace(super().connection(volume), data={"port": next(self.numbers)})

    def export_snapshot(self, snapshot):
        return replace(super().export_snapshot(snapshot), data={"port": next(self.numbers)})


class FailsToPreparePreparedSnapshot(BrokenDriver):
    breaks = {
        "test_prepare_twice": "a second prepare must succeed",
        "test_restart_keeps_partly_prepared_cgsnapshot": "prepare again after a restart must succeed",
    }

    def prepare(self, snapshot):
        if snapshot.id in self._state.snapshots:
            raise FinalDriverError("exists")
        super().prepare(snapshot)


class ReplacesCutSnapshotOnPrepare(BrokenDriver):
    breaks = {
        "test_prepare_after_the_cut": "is not exact in its snapshots|must succeed; it raised FinalDriverError"
    }

    def prepare(self, snapshot):
        super().delete_snapshot(snapshot)
        super().prepare(snapshot)


class CutsAgainOnRepeatedCut(BrokenDriver):
    breaks = {
        "test_cut_twice": "a cut that has happened is never repeated: the snapshot at byte 0 must read as",
        "test_restart_keeps_cut_snapshots": "a cut before a restart is not repeated after it: the snapshot",
    }

    def cut(self, cgsnapshot_id, group_id, snapshots):
        self._state.cuts.pop(cgsnapshot_id, None)
        return super().cut(cgsnapshot_id, group_id, snapshots)


class ChangesDescriptionOnRepeatedCall(BrokenDriver):
    breaks = {"test_snapshot_twice": "snapshot must describe a snapshot the same again"}
    numbers = itertools.count()

    def snapshot(self, snapshot):
        return {"number": next(self.numbers)}


class FailsToUnexportTwice(BrokenDriver):
    breaks = {"test_unexport_twice": "a second unexport_snapshot must succeed"}

    def unexport_snapshot(self, snapshot):
        if not self._state.snapshots[snapshot.id].is_exported:
            raise FinalDriverError("not exported")
        super().unexport_snapshot(snapshot)


class FailsToDeleteAbsentSnapshot(BrokenDriver):
    breaks = {
        "test_delete_snapshot_twice": "a second delete_snapshot must succeed; it raised KeyError",
        "test_delete_unknown_snapshot": (
            "delete_snapshot of a snapshot that never was must succeed; it raised"
        ),
    }

    def delete_snapshot(self, snapshot):
        self._state.snapshots[snapshot.id]
        super().delete_snapshot(snapshot)


class CreatesUnknownGroupForVolume(BrokenDriver):
    breaks = {
        "test_create_volume_in_unknown_group_is_refused": (
            "in an unknown group must raise FinalDriverError; it reported success"
        )
    }

    def create_volume(self, volume):
        if volume.group_id:
            self.create_group(volume.group_id)
        super().create_volume(volume)


class CreatesUnknownGroupAndRefusesVolume(BrokenDriver):
    breaks = {
        "test_create_volume_in_unknown_group_is_refused": (
            "after the refusal of create_volume in an unknown group, inventory"
        )
    }

    def create_volume(self, volume):
        if volume.group_id and volume.group_id not in self._state.groups:
            self.create_group(volume.group_id)
            raise FinalDriverError("no such group")
        super().create_volume(volume)


class AcceptsUnknownVolumes(BrokenDriver):
    breaks = {
        "test_connection_of_unknown_volume_is_refused": (
            "connection of an unknown volume must raise FinalDriverError"
        ),
        "test_extend_of_unknown_volume_is_refused": (
            "extend_volume of an unknown volume must raise FinalDriverError"
        ),
        "test_prepare_of_unknown_volume_is_refused": (
            "prepare for an unknown volume must raise FinalDriverError"
        ),
    }

    def connection(self, volume):
        return Connection("memory", {})

    def extend_volume(self, volume, new_size_gib):
        pass

    def prepare(self, snapshot):
        pass


class RaisesAmbiguousErrorForUnknownSnapshot(BrokenDriver):
    breaks = {
        "test_calls_on_unknown_snapshot_are_refused": (
            "must raise FinalDriverError; it raised AmbiguousDriverError: who knows"
        )
    }

    def snapshot(self, snapshot):
        raise AmbiguousDriverError("who knows")


class DescribesUncutSnapshot(BrokenDriver):
    breaks = {
        "test_snapshot_call_on_uncut_snapshot_is_refused": (
            "a call of snapshot for a snapshot that is not cut must"
        )
    }

    def snapshot(self, snapshot):
        return {"exists": snapshot.id in self._state.snapshots}


class AcceptsCutOfUnknownGroup(BrokenDriver):
    breaks = {
        "test_cut_of_unknown_group_is_refused": (
            "cut of an unknown group must raise FinalDriverError; it reported"
        )
    }

    def cut(self, cgsnapshot_id, group_id, snapshots):
        return {}


class DeletesGroupsWithVolumes(BrokenDriver):
    breaks = {
        "test_delete_group_with_volumes_is_refused": (
            "delete_group of a group with volumes must raise FinalDriverError"
        )
    }

    def delete_group(self, group_id):
        self._state.groups.discard(group_id)


class DeletesVolumesWithSnapshots(BrokenDriver):
    breaks = {
        "test_delete_volume_with_prepared_snapshot_is_refused": (
            "with a prepared snapshot must raise FinalDriverError;"
        ),
        "test_delete_volume_with_snapshot_is_refused": (
            "with a snapshot must raise FinalDriverError; it reported"
        ),
    }

    def delete_volume(self, volume):
        for snapshot in [
            snapshot for snapshot in self._state.snapshots.values() if snapshot.spec.volume_id == volume.id
        ]:
            super().delete_snapshot(snapshot.spec)
        super().delete_volume(volume)


class LosesContentOnRefusedDelete(BrokenDriver):
    breaks = {
        "test_delete_volume_with_snapshot_is_refused": (
            "a refused delete_volume leaves the volume as it is and served"
        )
    }

    def delete_volume(self, volume):
        try:
            super().delete_volume(volume)
        except FinalDriverError:
            self._state.volumes[volume.id].content = Content()
            raise


class IgnoresCapacity(BrokenDriver):
    breaks = {
        "test_volume_larger_than_free_space": "create_volume on full storage must raise FinalDriverError"
    }

    def _require_capacity(self, *_):
        pass


class ReportsThinAndRefusesOvercommit(BrokenDriver):
    breaks = {
        "test_volume_larger_than_free_space": "of more than is free, on thin storage must succeed; it raised"
    }

    def report(self):
        return replace(super().report(), thin=True)
