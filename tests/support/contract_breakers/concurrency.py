"""Drivers that are not thread-safe."""

import threading

from cgflow.errors import BusyDriverError, FinalDriverError
from tests.support.contract_breakers.base import SOON, BrokenDriver


class RefusesConcurrentPrepare(BrokenDriver):
    breaks = {
        "test_members_are_prepared_concurrently": "prepare of 12 members at once must succeed; it raised"
    }

    def __init__(self):
        super().__init__()
        self.preparing = threading.Lock()
        self.refused = threading.Event()

    def prepare(self, snapshot):
        if not self.preparing.acquire(blocking=False):
            self.refused.set()
            raise BusyDriverError("preparing another one")
        try:
            self.refused.wait(SOON)
            super().prepare(snapshot)
        finally:
            self.preparing.release()


class ChecksForSnapshotBeforeLocking(BrokenDriver):
    breaks = {
        "test_same_call_made_concurrently": (
            "the same prepare at once must succeed; it raised FinalDriverError: exists"
        )
    }

    def __init__(self):
        super().__init__()
        # The number of threads in which the rule makes the same call at once.
        self.looked = threading.Barrier(6)

    def prepare(self, snapshot):
        if snapshot.id in self._state.snapshots:
            return
        self.looked.wait(SOON)
        with self._lock:
            if snapshot.id in self._state.snapshots:
                raise FinalDriverError("exists")
            self._record_event("prepare", spec=vars(snapshot))


class RefusesSecondGroup(BrokenDriver):
    breaks = {
        "test_groups_are_used_concurrently": (
            "must succeed; it raised BusyDriverError: working on another group"
        )
    }

    def __init__(self):
        super().__init__()
        self.first_group = None
        self.created = threading.Barrier(4)

    def create_group(self, group_id):
        super().create_group(group_id)
        with self._lock:
            self.first_group = self.first_group or group_id
        self.created.wait(SOON)

    def create_volume(self, volume):
        if volume.group_id != self.first_group:
            raise BusyDriverError("working on another group")
        super().create_volume(volume)


class LosesWritesDuringSnapshotDelete(BrokenDriver):
    breaks = {
        "test_clients_write_while_snapshots_are_deleted": (
            "acknowledged while snapshots of the volume were deleted is"
        )
    }

    def delete_snapshot(self, snapshot):
        before = self.frozen(snapshot.volume_id)
        self.await_writes(100, snapshot.volume_id)
        with self._lock:
            self._state.volumes[snapshot.volume_id].content = before
        super().delete_snapshot(snapshot)
