"""Drivers that cut only whole groups, or too much."""

from cgflow.errors import FinalDriverError
from tests.support.contract_breakers.base import Broken


class KnowsOnlyGroups(Broken):
    breaks = {
        "test_plain_snapshot_of_a_volume_in_no_group": "prepare of a plain snapshot must succeed; it raised"
    }

    def prepare(self, snapshot):
        if snapshot.group_id is None:
            raise FinalDriverError("is in no group")
        super().prepare(snapshot)


class CutsOnlyWholeGroups(Broken):
    breaks = {
        "test_plain_snapshot_of_a_member": "cut of a plain snapshot must succeed; it raised",
        "test_cut_of_some_members": "cut must succeed; it raised",
    }

    def cut(self, cgsnapshot_id, group_id, snapshots):
        if {s.volume_id for s in snapshots} != self.inventory(group_id).volumes:
            raise FinalDriverError("members are missing")
        return super().cut(cgsnapshot_id, group_id, snapshots)


class CutsAnything(Broken):
    breaks = {
        "test_cut_of_volumes_in_no_group": "cut of two volumes outside any group must raise FinalDriverError"
    }

    def cut(self, cgsnapshot_id, group_id, snapshots):
        return {} if group_id is None else super().cut(cgsnapshot_id, group_id, snapshots)


class LooksForTheVolumeOfAPlainSnapshot(Broken):
    breaks = {
        "test_undo_of_no_plain_snapshot": "delete_snapshot of a plain snapshot that never was must succeed"
    }

    def delete_snapshot(self, snapshot):
        if snapshot.group_id is None and snapshot.volume_id not in self._state.volumes:
            raise FinalDriverError("there is no such volume")
        super().delete_snapshot(snapshot)
