"""Drivers that lose or find too much when they are restarted, which is only a call of ``start`` here."""

from cgflow.drivers.memory.state import Content
from cgflow.errors import ConfigError
from tests.support.contract_breakers.base import BrokenDriver


class FailsToStartEmpty(BrokenDriver):
    breaks = {
        "test_restart_of_empty_backend": (
            "a start after a crash with nothing there must succeed; it raised ConfigError"
        )
    }

    def start(self):
        if not self._state.groups:
            raise ConfigError("there is no backend here")


class FailsToStartAfterStop(BrokenDriver):
    breaks = {"test_stop_and_start": "a start after a crash after stop must succeed"}

    def stop(self):
        self.start = self.refuse

    def refuse(self):
        raise ConfigError("was stopped")


class LosesContentOnRestart(BrokenDriver):
    breaks = {
        "test_restart_keeps_groups_and_volumes": "after a restart: the volume at byte 0 must read as 'A'"
    }

    def start(self):
        for volume in self._state.volumes.values():
            volume.content = Content()


class ForgetsResizesOnRestart(BrokenDriver):
    breaks = {"test_restart_keeps_sizes": "with a volume of 2 GiB, provisioned_gib must be 2, not 1"}

    def start(self):
        self._state.provisioned_gib = len(self._state.volumes)


class DropsPreparedSnapshotsOnRestart(BrokenDriver):
    breaks = {
        "test_restart_keeps_prepared_snapshots": r"a restart with prepared snapshots, .* snapshots: too many"
    }

    def start(self):
        for snapshot in list(self._state.snapshots.values()):
            if snapshot.content is None:
                super().delete_snapshot(snapshot.spec)


class ForgetsExportsOnRestart(BrokenDriver):
    breaks = {"test_restart_keeps_exports": r"in its exports: too many \[\], missing"}

    def start(self):
        for snapshot in self._state.snapshots.values():
            snapshot.is_exported = False


class RecreatesDeletedSnapshotsOnRestart(BrokenDriver):
    breaks = {
        "test_restart_does_not_bring_back_deleted_objects": (
            "after a restart after snapshots were deleted, .* snapshots: too"
        )
    }

    def start(self):
        for spec in self.__dict__.get("dead", []):
            super().prepare(spec)

    def delete_snapshot(self, snapshot):
        self.__dict__.setdefault("dead", []).append(snapshot)
        super().delete_snapshot(snapshot)
