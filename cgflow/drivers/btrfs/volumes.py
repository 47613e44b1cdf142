"""Groups and volumes on btrfs: created, resized, removed, and their addresses."""

# ruff: noqa: D102
# The contract documents each call.

from __future__ import annotations

import os

from cgflow.drivers.btrfs import intent_recovery, system_calls
from cgflow.drivers.btrfs.base import GIB, BtrfsBase, local_connection
from cgflow.drivers.btrfs.layout import require_file_name
from cgflow.drivers.btrfs.state import Intent
from cgflow.drivers.contract import Connection, StorageDriver, VolumeSpec
from cgflow.errors import AmbiguousDriverError, FinalDriverError


class BtrfsVolumes(BtrfsBase, StorageDriver):
    """The mandatory calls for groups and volumes."""

    def create_group(self, group_id: str) -> None:
        require_file_name(group_id)
        with self._lock_homes(group_id) as state:
            if group_id in state.groups:
                return
            self._require_unused_home(group_id)
            intent = Intent(f"group {group_id}", intent_recovery.CREATE_GROUP, (group_id,), {})
            with self._undo_on_failure(intent):
                self._layout.create_home(group_id)
                self._layout.trace("group:after-folders")
                self._record_event({"do": "group", "id": group_id, "ends": intent.key})

    def delete_group(self, group_id: str) -> None:
        with self._lock_homes(group_id) as state:
            if group_id not in state.groups:
                return
            left = sorted(volume.id for volume in list(state.volumes.values()) if volume.group_id == group_id)
            if left:
                raise FinalDriverError(
                    f"group {group_id} still has {len(left)} volumes; the first is {left[0]}"
                )
            self._execute_intent(Intent(f"group {group_id}", intent_recovery.DELETE_GROUP, (group_id,), {}))

    def create_volume(self, volume: VolumeSpec) -> None:
        with self._lock_homes(volume.group_id or volume.id) as state:
            if volume.id not in state.volumes:
                self._make_volume(volume, None)

    def delete_volume(self, volume: VolumeSpec) -> None:
        with self._lock_homes(volume.group_id or volume.id) as state:
            known = state.volumes.get(volume.id)
            if known is None:
                return
            known = self._require_volume(volume.id, volume.group_id)
            left = [copy.spec.id for copy in state.snapshots_of(volume.id)]
            if left:
                raise FinalDriverError(
                    f"volume {volume.id} has snapshots: {', '.join(left)}; delete them first"
                )
            about = {"volume": volume.id}
            self._execute_intent(
                Intent(f"volume {volume.id}", intent_recovery.DELETE_VOLUME, (known.home,), about)
            )

    def extend_volume(self, volume: VolumeSpec, new_size_gib: int) -> None:
        """See the contract. A file grows while clients have it open, but shrinks only if none has."""
        size = new_size_gib * GIB
        with self._lock_homes(volume.group_id or volume.id):
            known = self._require_volume(volume.id, volume.group_id)
            file = self._layout.volume_file(known.home, volume.id)
            if known.size_bytes == size == file.stat().st_size:
                return
            self._require_no_restore(known)
            if size >= file.stat().st_size:
                with system_calls.open_descriptor(file, os.O_RDWR) as grown:
                    self._resize_volume_file(known.home, volume.id, grown, size)
                return
            with system_calls.hold_exclusive_leases(
                {file: system_calls.VOLUME_FLAGS}, f"volume {volume.id} cannot be made smaller"
            ) as leases:
                self._resize_volume_file(known.home, volume.id, leases.files[file], size)

    def connection(self, volume: VolumeSpec) -> Connection:
        self._mount.require_mounted()
        known = self._require_volume(volume.id, volume.group_id)
        file = self._layout.volume_file(known.home, volume.id)
        try:
            return local_connection(file, file.stat().st_size, read_only=False)
        except OSError as error:
            raise FinalDriverError(f"the file of volume {volume.id} is missing: {error}") from error

    def _resize_volume_file(self, home: str, volume_id: str, file: int, size: int) -> None:
        intent = Intent(f"volume {volume_id}", intent_recovery.RESIZE, (home,), {"volume": volume_id})
        with self._undo_on_failure(intent):
            os.ftruncate(file, size)
            try:
                os.fsync(file)
            except OSError as error:
                raise AmbiguousDriverError(
                    f"the size of volume {volume_id} is not durable: {error}"
                ) from error
            self._layout.trace("extend:after-resize")
            self._record_event({"do": "size", "id": volume_id, "size_bytes": size, "ends": intent.key})
