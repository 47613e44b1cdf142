"""Drivers whose host files have the wrong content, or are removed too early or too late."""

import os

from cgflow.drivers.contract import Connection, SnapshotSpec
from cgflow.drivers.memory.state import GIB
from cgflow.errors import FinalDriverError
from tests.support.contract_breakers.base import BrokenDriver
from tests.support.file_backed_driver import FileContent


class ServesEmptyFile(BrokenDriver):
    breaks = {"test_file_shows_the_volume": "the file of a volume: at byte 0 it must read as 'A'"}

    def _show(self, export, path):
        path.touch()
        os.truncate(path, GIB)
        return GIB


class ServesFileOfWrongSize(BrokenDriver):
    breaks = {"test_file_shows_the_volume": "must have that size, not 2147483648"}

    def serve_file(self, export):
        told = super().serve_file(export)
        os.truncate(told.data["path"], 2 * GIB)
        return told


class ServesCopyOfVolume(BrokenDriver):
    breaks = {
        "test_file_shows_the_volume": "the file of a volume that another client has written",
        "test_write_to_file_reaches_the_volume": "what was written through the file: the volume",
    }

    def _show(self, export, path):
        if not path.exists():
            FileContent(path, self._require_volume(export.id).content, GIB)
        return GIB


class RecordsContentWhenServed(BrokenDriver):
    """Remembers a volume's content at the time it became a file."""

    def __init__(self):
        super().__init__()
        self.before = {}

    def _show(self, export, path):
        if isinstance(export, SnapshotSpec):
            return super()._show(export, path)
        self.before.setdefault(export.id, self._require_volume(export.id).content.snapshot())
        return super()._show(export, path)


class LosesFileWritesOnRestart(RecordsContentWhenServed):
    breaks = {"test_fsync_of_file_makes_volume_durable": "fsync of the file made durable, after a"}

    def start(self):
        for id, content in self.before.items():
            self._require_volume(id).content = content


class CutsWithoutFileWrites(RecordsContentWhenServed):
    breaks = {
        "test_file_keeps_serving_the_volume_after_a_cut": (
            "a snapshot holds what was written through the file before the cut"
        )
    }

    def cut(self, cgsnapshot_id, group_id, snapshots):
        evidence = super().cut(cgsnapshot_id, group_id, snapshots)
        for snapshot in snapshots:
            self._state.snapshots[snapshot.id].content = self.before[snapshot.volume_id]
        return evidence


class RemovesFilesOnRestart(BrokenDriver):
    breaks = {"test_file_outlives_a_restart": "a file must outlive a restart of the driver: a read of it"}

    def start(self):
        for id in self._state.volumes:
            self.take_away(id)


class ServesNewPathOnRepeatedCall(BrokenDriver):
    breaks = {
        "test_serve_file_twice": "a second serve_file must tell of the same file",
        "test_file_outlives_a_restart": "serve_file after a restart must tell of the same file",
    }

    def __init__(self):
        super().__init__()
        self.served = 0

    def serve_file(self, export):
        told = super().serve_file(export)
        self.served += 1
        another = f"{told.data['path']}-{self.served}"
        os.link(told.data["path"], another)
        return Connection("memory", {**told.data, "path": another})


class EmptiesFileOnRepeatedServe(BrokenDriver):
    breaks = {"test_serve_file_twice": "a file that was served twice: at byte 0 it must read as 'A'"}

    def serve_file(self, export):
        if self.path(export.id).exists():
            os.truncate(self.path(export.id), 0)
            os.truncate(self.path(export.id), GIB)
        return super().serve_file(export)


class KeepsWithdrawnFile(BrokenDriver):
    breaks = {"test_file_is_gone_after_withdraw": "after withdraw_file the file must be gone"}

    def withdraw_file(self, export):
        pass


class LosesFileWritesOnWithdraw(RecordsContentWhenServed):
    breaks = {"test_file_is_gone_after_withdraw": "withdraw_file leaves the volume as it is"}

    def withdraw_file(self, export):
        super().withdraw_file(export)
        self._require_volume(export.id).content = self.before[export.id]


class FailsToWithdrawAbsentFile(BrokenDriver):
    breaks = {
        "test_file_is_gone_after_withdraw": "a second withdraw_file must succeed; it raised FinalDriverError",
        "test_withdraw_of_unserved_file": (
            "withdraw_file of what was never served .* must succeed; it raised FinalDriverError"
        ),
    }

    def withdraw_file(self, export):
        if not self.path(export.id).exists():
            raise FinalDriverError("there is no such file")
        super().withdraw_file(export)


class WithdrawsOpenFile(BrokenDriver):
    breaks = {"test_file_that_is_open_is_not_withdrawn": "must raise BusyDriverError while the file is open"}

    def withdraw_file(self, export):
        self.take_away(export.id)


class ServesWritableSnapshotFile(BrokenDriver):
    breaks = {"test_file_of_a_snapshot": "nobody writes to a snapshot through its file"}

    def _show(self, export, path):
        snapshot = self._state.snapshots.get(export.id)
        if snapshot is not None:
            snapshot.content = FileContent(path, snapshot.content, GIB)
        return GIB


class NeverRemovesFiles(BrokenDriver):
    breaks = {"test_file_is_removed_with_its_export": "after unexport the file must be gone"}

    def take_away(self, id):
        pass


class KeepsFileOfDeletedVolume(BrokenDriver):
    breaks = {"test_file_is_removed_with_its_export": "after delete_volume the file must be gone"}

    def delete_volume(self, volume):
        path = self.path(volume.id)
        os.link(path, f"{path}-left")
        super().delete_volume(volume)
        os.rename(f"{path}-left", path)


class ServesFileOfUnexportedSnapshot(BrokenDriver):
    breaks = {
        "test_serve_file_without_export_is_refused": "not exported .SnapshotSpec. must raise FinalDriverError"
    }

    def serve_file(self, export):
        if isinstance(export, SnapshotSpec) and export.id in self._state.snapshots:
            self._state.snapshots[export.id].is_exported = True
        return super().serve_file(export)
