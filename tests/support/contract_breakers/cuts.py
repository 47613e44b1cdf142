"""Drivers whose cut is not at one instant for all members, or not all-or-nothing."""

import threading

from cgflow.errors import FinalDriverError
from tests.support.contract_breakers.base import Broken


class CutsMemberByMember(Broken):
    breaks = {
        "test_cut_keeps_the_order_of_writes": "must be one instant .* order: .* writes are missing although"
    }

    def cut(self, cgsnapshot_id, group_id, snapshots):
        early = {}
        for snapshot in snapshots:
            early[snapshot.id] = self.frozen(snapshot.volume_id)
            self.await_writes(50)
        evidence = super().cut(cgsnapshot_id, group_id, snapshots)
        for id, content in early.items():
            self._state.snapshots[id].content = content
        return evidence


class CutsAtPrepare(Broken):
    breaks = {
        "test_write_after_prepare_is_in_the_cut": "the cut is the instant, not prepare: the snapshot at",
        "test_cut_keeps_the_order_of_writes": "lost: .* acknowledged before the call are not there",
    }

    def __init__(self):
        super().__init__()
        self.early = {}

    def prepare(self, snapshot):
        super().prepare(snapshot)
        self.early[snapshot.id] = self.frozen(snapshot.volume_id)
        if threading.current_thread() is not threading.main_thread():
            # Only the rule for write order has running clients.
            self.await_writes(50)

    def cut(self, cgsnapshot_id, group_id, snapshots):
        evidence = super().cut(cgsnapshot_id, group_id, snapshots)
        for snapshot in snapshots:
            self._state.snapshots[snapshot.id].content = self.early[snapshot.id]
        return evidence


class CutsAtExport(Broken):
    breaks = {
        "test_cut_freezes_content": "a copy holds what was written before the cut: the snapshot at byte 0",
        "test_cut_keeps_the_order_of_writes": "future: .* issued after the return are there",
        "test_cgsnapshots_of_one_group_differ": "each cgsnapshot holds its own instant: the snapshot at",
        "test_copy_is_immutable": "a copy exported again reads as it was cut: the snapshot at byte 0",
        "test_copy_outlives_a_resize_of_its_volume": "does not follow a resize of its volume: the snapshot",
    }

    def export_snapshot(self, snapshot):
        connection = super().export_snapshot(snapshot)
        if threading.current_thread() is not threading.main_thread():
            # Only the rule for write order has running clients.
            self.await_writes(50)
        self._state.snapshots[snapshot.id].content = self.frozen(snapshot.volume_id)
        return connection


class LeavesHalfOfARefusedCut(Broken):
    breaks = {
        "test_cut_with_one_member_unprepared_cuts_none": "snapshot of a member of a refused cut must raise"
    }

    def cut(self, cgsnapshot_id, group_id, snapshots):
        try:
            return super().cut(cgsnapshot_id, group_id, snapshots)
        except FinalDriverError:
            for snapshot in snapshots:
                if snapshot.id in self._state.snapshots:
                    self._state.snapshots[snapshot.id].content = self.frozen(snapshot.volume_id)
            raise


class SkipsUnpreparedMembers(Broken):
    breaks = {
        "test_cut_with_one_member_unprepared_cuts_none": "cut with a member that is not prepared must raise"
    }

    def cut(self, cgsnapshot_id, group_id, snapshots):
        return super().cut(cgsnapshot_id, group_id, [s for s in snapshots if s.id in self._state.snapshots])


class CutsEveryGroup(Broken):
    breaks = {"test_cut_leaves_other_groups_alone": "snapshot of a copy in a group not cut must raise Final"}

    def cut(self, cgsnapshot_id, group_id, snapshots):
        for copy in self._state.snapshots.values():
            copy.content = copy.content or self.frozen(copy.spec.volume_id)
        return super().cut(cgsnapshot_id, group_id, snapshots)


class CutsWhoeverIsThereAtTheFirst(Broken):
    """Cuts every volume with the first member, and returns that content for all later cuts."""

    breaks = {
        "test_cuts_of_single_members_are_seen_not_to_be_one": "members cut one by one, with writes between"
    }

    def __init__(self):
        super().__init__()
        self.first = {}

    def cut(self, cgsnapshot_id, group_id, snapshots):
        evidence = super().cut(cgsnapshot_id, group_id, snapshots)
        if threading.current_thread() is threading.main_thread() and sum(self.writes.values()):
            with self._lock:
                # Copy all at one instant: otherwise another fault would sometimes be detected.
                for volume_id, volume in self._state.volumes.items():
                    if volume_id not in self.first:
                        self.first[volume_id] = volume.content.snapshot()
            for snapshot in snapshots:
                self._state.snapshots[snapshot.id].content = self.first[snapshot.volume_id]
        return evidence
