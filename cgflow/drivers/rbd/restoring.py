"""Restores of volumes to their snapshots. An RBD snapshot of each image keeps the previous content.

The content of all volumes is kept before the first one is changed. The record of the restore holds its
progress: a repeated call continues, and an undo goes all the way back, wherever the restore was interrupted.
"""

# ruff: noqa: D102
# The contract documents each call.

from __future__ import annotations

from dataclasses import replace
from typing import Any

from cgflow.drivers.contract import Restoring, SnapshotSpec
from cgflow.drivers.rbd import names
from cgflow.drivers.rbd.base import (
    RbdBase,
    call_in_parallel,
    require_intact_image,
    require_no_client,
    require_no_restore,
    volume_lock_names,
)
from cgflow.drivers.rbd.records import RestoreRecord, VolumeRecord
from cgflow.errors import FinalDriverError

_BEGUN, _MADE, _ENDING = "begun", "made", "ending"


class RbdRestoring(RbdBase, Restoring):
    """The ability to restore volumes to their snapshots."""

    def restore(self, restore_id: str, snapshots: list[SnapshotSpec]) -> None:
        ids = {snapshot.id: snapshot.volume_id for snapshot in snapshots}
        groups = {snapshot.group_id for snapshot in snapshots}
        alone = None in groups and len(snapshots) > 1
        if not snapshots or len(set(ids.values())) != len(snapshots) or len(groups) > 1 or alone:
            raise FinalDriverError(
                f"restore {restore_id} needs one snapshot of each volume, all of one group"
            )
        key = RestoreRecord.key(restore_id)
        with self._locks.acquire(*volume_lock_names(snapshots)):
            record = self._records.find(RestoreRecord, key)
            if record is not None and (record.copies != ids or record.state == _ENDING):
                raise FinalDriverError(
                    f"restore {restore_id} was made of the snapshots {sorted(record.copies)}, or is ending"
                )
            if record is not None and record.state == _MADE:
                return
            copies = {
                snapshot.volume_id: self._find_rbd_snapshot(
                    snapshot, self._records.require_cut_snapshot(snapshot)
                )
                for snapshot in snapshots
            }
            if record is None:
                record = RestoreRecord(snapshots[0].group_id, _BEGUN, ids)
                self._begin_restore(restore_id, record, copies)
            self._keep_previous_and_restore(restore_id, copies)
            self._records.write({key: replace(record, state=_MADE)})

    def undo_restore(self, restore_id: str, snapshots: list[SnapshotSpec]) -> None:
        with self._locks.acquire(*volume_lock_names(snapshots)):
            record = self._records.find(RestoreRecord, RestoreRecord.key(restore_id))
            if record is None:
                return
            if record.state != _ENDING:
                self._roll_back_images(restore_id, record)
            self._end_restore(restore_id, record)

    def finish_restore(self, restore_id: str, snapshots: list[SnapshotSpec]) -> None:
        with self._locks.acquire(*volume_lock_names(snapshots)):
            record = self._records.find(RestoreRecord, RestoreRecord.key(restore_id))
            if record is not None:
                self._end_restore(restore_id, record)

    def _begin_restore(self, restore_id: str, record: RestoreRecord, copies: dict[str, Any]) -> None:
        """Check and reserve the volumes, or change nothing. Raises: FinalDriverError, BusyDriverError."""
        volumes = {id: self._records.require_volume(id) for id in copies}
        stats = self._image_stats(names.image(id) for id in copies)
        for id, copy in copies.items():
            if volumes[id].group != record.group:
                raise FinalDriverError(f"volume {id} is not in {record.group or 'no group'}")
            require_no_restore(id, volumes[id])
            stat = stats[names.image(id)]
            require_intact_image(id, volumes[id], stat)
            if copy["size"] > stat["size"]:
                raise FinalDriverError(
                    f"the snapshot of {copy['size'] / names.GIB:g} GiB is larger than volume {id} "
                    f"of {stat['size'] / names.GIB:g} GiB: extend the volume first"
                )
            require_no_client(id, stat["watchers"])
        reserved = {
            VolumeRecord.key(id): replace(volume, restore=restore_id) for id, volume in volumes.items()
        }
        self._records.write({**reserved, RestoreRecord.key(restore_id): record})

    def _keep_previous_and_restore(self, restore_id: str, copies: dict[str, Any]) -> None:
        kept = names.previous_content(restore_id)
        ids = {names.image(volume): snap["id"] for volume, snap in copies.items()}
        call_in_parallel(lambda image: self._session.call("snap_create", name=image, snap=kept), ids)
        call_in_parallel(lambda image: self._session.call("image_restore", name=image, id=ids[image]), ids)

    def _roll_back_images(self, restore_id: str, record: RestoreRecord) -> None:
        kept = names.previous_content(restore_id)
        stats = self._image_stats(names.image(id) for id in record.copies.values())
        for id in record.copies.values():
            require_no_client(id, (stats[names.image(id)] or {"watchers": []})["watchers"])
        keeping = [image for image, stat in stats.items() if _find_snapshot_id(stat, kept) is not None]
        call_in_parallel(lambda image: self._session.call("snap_rollback", name=image, snap=kept), keeping)

    def _end_restore(self, restore_id: str, record: RestoreRecord) -> None:
        """Discard the previous content. No undo is possible from here on."""
        key, kept = RestoreRecord.key(restore_id), names.previous_content(restore_id)
        self._records.write({key: replace(record, state=_ENDING)})
        stats = self._image_stats(names.image(id) for id in record.copies.values())
        keeping = {
            image: id for image, stat in stats.items() if (id := _find_snapshot_id(stat, kept)) is not None
        }
        call_in_parallel(
            lambda image: self._session.call("snap_remove", name=image, id=keeping[image]), keeping
        )
        volumes = self._records.read(VolumeRecord, map(VolumeRecord.key, record.copies.values()))
        freed = {
            place: replace(volume, restore=None)
            for place, volume in volumes.items()
            if volume.restore == restore_id
        }
        self._records.write(freed, [key])


def _find_snapshot_id(stat: Any, name: str) -> int | None:
    """Return the id of the RBD snapshot with this name, or None."""
    return next((snap["id"] for snap in (stat or {"snaps": []})["snaps"] if snap["name"] == name), None)
