"""Drivers that accept what they must refuse, or refuse it with the wrong error."""

from dataclasses import replace

from cgflow.drivers.contract import Connection
from cgflow.drivers.memory.state import Content
from cgflow.errors import AmbiguousDriverError, FinalDriverError
from tests.support.contract_breakers.base import Broken


class MakesGroupsAsNeeded(Broken):
    breaks = {
        "test_volume_in_unknown_group": "in an unknown group must raise FinalDriverError; it reported success"
    }

    def create_volume(self, volume):
        if volume.group_id:
            self.create_group(volume.group_id)
        super().create_volume(volume)


class MakesTheGroupAndThenRefuses(Broken):
    breaks = {
        "test_volume_in_unknown_group": "after the refusal of create_volume in an unknown group, inventory"
    }

    def create_volume(self, volume):
        if volume.group_id and volume.group_id not in self._state.groups:
            self.create_group(volume.group_id)
            raise FinalDriverError("no such group")
        super().create_volume(volume)


class TakesAnyVolume(Broken):
    breaks = {
        "test_connection_of_unknown_volume": "connection of an unknown volume must raise FinalDriverError",
        "test_extend_of_unknown_volume": "extend_volume of an unknown volume must raise FinalDriverError",
        "test_prepare_of_unknown_volume": "prepare for an unknown volume must raise FinalDriverError",
    }

    def connection(self, volume):
        return Connection("memory", {})

    def extend_volume(self, volume, new_size_gib):
        pass

    def prepare(self, snapshot):
        pass


class IsNeverSure(Broken):
    breaks = {
        "test_unknown_snapshot": "must raise FinalDriverError; it raised AmbiguousDriverError: who knows"
    }

    def snapshot(self, snapshot):
        raise AmbiguousDriverError("who knows")


class TakesPreparedForCut(Broken):
    breaks = {
        "test_prepared_copy_is_not_a_snapshot_yet": "snapshot of a copy that is not cut must raise Final"
    }

    def snapshot(self, snapshot):
        return {"exists": snapshot.id in self._state.snapshots}


class CutsAnything(Broken):
    breaks = {"test_cut_of_unknown_group": "cut of an unknown group must raise FinalDriverError; it reported"}

    def cut(self, cgsnapshot_id, group_id, snapshots):
        return {}


class DropsFullGroups(Broken):
    breaks = {
        "test_group_with_volumes_is_kept": "delete_group of a group with volumes must raise FinalDriverError"
    }

    def delete_group(self, group_id):
        self._state.groups.discard(group_id)


class DropsVolumesWithSnapshots(Broken):
    breaks = {
        "test_volume_with_prepared_copy_is_kept": "with a prepared copy must raise FinalDriverError; it",
        "test_volume_with_snapshot_is_kept": "with a snapshot must raise FinalDriverError; it reported",
    }

    def delete_volume(self, volume):
        for copy in [copy for copy in self._state.snapshots.values() if copy.spec.volume_id == volume.id]:
            super().delete_snapshot(copy.spec)
        super().delete_volume(volume)


class StopsServingWhatItRefusesToDelete(Broken):
    breaks = {
        "test_volume_with_snapshot_is_kept": "a refused delete_volume leaves the volume as it is and served"
    }

    def delete_volume(self, volume):
        try:
            super().delete_volume(volume)
        except FinalDriverError:
            self._state.volumes[volume.id].content = Content()
            raise


class IsNeverFull(Broken):
    breaks = {"test_volume_that_does_not_fit": "create_volume on full storage must raise FinalDriverError"}

    def _require_capacity(self, *_):
        pass


class PromisesNoMoreThanThereIs(Broken):
    breaks = {
        "test_volume_that_does_not_fit": "of more than is free, on thin storage must succeed; it raised"
    }

    def report(self):
        return replace(super().report(), thin=True)
