"""Groups and volumes: groups of images that are cut together, and images."""

# ruff: noqa: D102
# The contract documents each call.

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from cgflow.drivers.contract import Connection, StorageDriver, VolumeSpec
from cgflow.drivers.rbd import names
from cgflow.drivers.rbd.base import RbdBase, require_image, require_no_client, require_no_restore
from cgflow.drivers.rbd.records import (
    CutRecord,
    DeletedImageRecord,
    GroupRecord,
    Record,
    RestoreRecord,
    SnapshotRecord,
    VolumeRecord,
)
from cgflow.errors import FinalDriverError


class RbdVolumes(RbdBase, StorageDriver):
    """The mandatory calls for groups and volumes."""

    def create_group(self, group_id: str) -> None:
        with self._locks.acquire(f"group {group_id}"):
            self._session.call("group_create", group=names.group(group_id))
            self._records.write({GroupRecord.key(group_id): GroupRecord()})

    def delete_group(self, group_id: str) -> None:
        key = GroupRecord.key(group_id)
        with self._locks.acquire(f"group {group_id}"):
            if self._records.find(GroupRecord, key) is None:
                return
            volumes = self._records.all(VolumeRecord, VolumeRecord.key(""))
            left = sorted(id for id, volume in volumes.items() if volume.group == group_id)
            if left:
                raise FinalDriverError(
                    f"group {group_id} still has {len(left)} volumes; the first is {left[0]}"
                )
            self._records.write({key: GroupRecord(is_gone=True)})
            self._remove_deferred_deletes()

    def create_volume(self, volume: VolumeSpec) -> None:
        key, image = VolumeRecord.key(volume.id), names.image(volume.id)
        if volume.size_gib <= 0:
            raise FinalDriverError(f"volume {volume.id} cannot have a size of {volume.size_gib} GiB")
        with self._locks.acquire(f"volume {volume.id}"):
            record = self._records.find(VolumeRecord, key)
            if record is not None and record.doing == "delete":
                self._delete_volume_and_image(volume.id, record)
                record = None
            if record is None:
                if volume.group_id is not None:
                    self._records.require_group(volume.group_id)
                record = VolumeRecord(volume.size_gib, volume.group_id, doing="create")
                self._records.write({key: record})
            if record.doing != "create":
                require_image(volume.id, self._image_stat(image))
                return
            self._session.call("image_create", name=image, size=record.size_gib * names.GIB)
            self._join_recorded_group(volume.id, record)

    def delete_volume(self, volume: VolumeSpec) -> None:
        with self._locks.acquire(f"volume {volume.id}"):
            record = self._records.find(VolumeRecord, VolumeRecord.key(volume.id))
            if record is not None:
                self._delete_volume_and_image(volume.id, record)

    def extend_volume(self, volume: VolumeSpec, new_size_gib: int) -> None:
        key, image = VolumeRecord.key(volume.id), names.image(volume.id)
        if new_size_gib <= 0:
            raise FinalDriverError(f"volume {volume.id} cannot have a size of {new_size_gib} GiB")
        with self._locks.acquire(f"volume {volume.id}"):
            record = self._records.require_volume(volume.id)
            if record.size_gib == new_size_gib and record.doing is None:
                return
            require_no_restore(volume.id, record)
            require_image(volume.id, self._image_stat(image))
            changed = replace(record, size_gib=new_size_gib)
            self._records.write({key: replace(changed, doing="extend")})
            self._session.call("image_resize", name=image, size=new_size_gib * names.GIB)
            self._records.write({key: changed})

    def connection(self, volume: VolumeSpec) -> Connection:
        self._records.require_volume(volume.id)
        image = names.image(volume.id)
        stat = self._image_stat(image)
        require_image(volume.id, stat)
        return Connection(
            "rbd", {**self._connection_info(image), "volume_id": volume.id, "size_bytes": stat["size"]}
        )

    def _connection_info(self, image: str) -> dict[str, object]:
        """Return how a client reaches an image, with the keys of Cinder's connection_info."""
        access, monitors = self._session.access, self._session.facts["monitors"]
        return {
            "name": f"{access.pool}/{image}",
            "pool": access.pool,
            "image": image,
            "hosts": [monitor.rsplit(":", 1)[0] for monitor in monitors],
            "ports": [monitor.rsplit(":", 1)[1] for monitor in monitors],
            "cluster_name": "ceph",
            "fsid": self._session.facts["fsid"],
            "conf": access.conf,
            "auth_enabled": True,
            "auth_username": access.user,
            "secret_type": "ceph",
            "discard": True,
            "read_only": False,
        }

    def _join_recorded_group(self, volume_id: str, volume: VolumeRecord) -> None:
        """Put an image into the group of its record and no other, and mark the volume as idle."""
        image = names.image(volume_id)
        group = None if volume.group is None else names.group(volume.group)
        stat = self._image_stat(image)
        require_image(volume_id, stat)
        if stat["group"] not in (None, group):
            self._session.call("group_remove_image", group=stat["group"], image=image)
        if group is not None:
            self._session.call("group_add_image", group=group, image=image)
        self._records.write({VolumeRecord.key(volume_id): replace(volume, doing=None, image_id=stat["id"])})

    def _delete_volume_and_image(self, volume_id: str, volume: VolumeRecord) -> None:
        key, image = VolumeRecord.key(volume_id), names.image(volume_id)
        copies = self._records.all(SnapshotRecord, SnapshotRecord.key(volume_id, ""))
        if copies:
            raise FinalDriverError(
                f"volume {volume_id} still has {len(copies)} snapshots; the first is {sorted(copies)[0]}"
            )
        stat = self._image_stat(image)
        if stat is not None:
            require_no_client(volume_id, stat["watchers"])
            ours = [snap["id"] for snap in _snapshots_to_remove(volume_id, stat["snaps"], volume.restore)]
            self._records.write({key: replace(volume, doing="delete")})
            for id in ours:
                self._session.call("snap_remove", name=image, id=id)
            if stat["group"] is not None:
                self._session.call("group_remove_image", group=stat["group"], image=image)
            self._remove_or_empty_image(image, stat["id"])
        if volume.doing == "clone":
            self._session.call("image_remove", name=names.incomplete_clone(volume_id))
        put, drop = self._restore_without_volume(volume_id, volume.restore)
        self._records.write(put, [key, *drop])
        self._remove_deferred_deletes()

    def _remove_or_empty_image(self, image: str, id: str) -> None:
        cuts = self._records.all(CutRecord, CutRecord.key(""))
        counting = tuple(cgsnapshot for cgsnapshot, cut in cuts.items() if image in cut.images)
        if not counting:
            self._session.call("image_remove", name=image)
            return
        # A group snapshot cannot be removed when one of its images is missing. An empty image costs nothing.
        self._records.write({DeletedImageRecord.key(names.deleted_image(id)): DeletedImageRecord(counting)})
        self._session.call("image_resize", name=image, size=0)
        self._session.call("image_rename", name=image, to=names.deleted_image(id))

    def _restore_without_volume(
        self, volume_id: str, restore_id: str | None
    ) -> tuple[dict[str, Record], list[str]]:
        """Return the records to write and the keys to drop to remove a volume from a restore."""
        if restore_id is None:
            return {}, []
        key = RestoreRecord.key(restore_id)
        restore = self._records.find(RestoreRecord, key)
        if restore is None:
            return {}, []
        left = {copy: volume for copy, volume in restore.copies.items() if volume != volume_id}
        return ({key: replace(restore, copies=left)}, []) if left else ({}, [key])


def _snapshots_to_remove(
    volume_id: str, snaps: Iterable[dict[str, Any]], restore_id: str | None
) -> list[dict[str, Any]]:
    """Return the RBD snapshots to remove with a volume. Raises: FinalDriverError, if one is not cgflow's."""
    ours = []
    for snap in snaps:
        is_part = snap["is_trash"] or (snap["of_group"] or "").startswith(names.GROUP_SNAPSHOT_PREFIX)
        if not is_part and (restore_id is None or snap["name"] != names.previous_content(restore_id)):
            raise FinalDriverError(
                f"the image of volume {volume_id} has a snapshot {snap['name']} that cgflow did not take: "
                "remove that first"
            )
        ours.append(snap)
    return ours
