"""Steps that call the storage driver. Every call is idempotent by the ids that it is given.

Each step verifies the effect that the driver reports (see ``flows.driver_calls``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cgflow.drivers.contract import (
    Cloning,
    GroupSnapshots,
    SnapshotSpec,
    StorageDriver,
    SupportsCompaction,
    VolumeSpec,
)
from cgflow.engine.task import Task
from cgflow.errors import FinalDriverError
from flows.driver_calls import (
    call_with_retry,
    verify_compacted,
    verify_cut_level,
    verify_group,
    verify_no_snapshot,
    verify_no_volume,
    verify_volume,
)

Drivers = Mapping[str, StorageDriver]

Source = Mapping[str, str | None]
"""A snapshot as a driver sees it: ``id``, ``volume_id``, ``cgsnapshot_id`` and ``group_id``."""

ClonedColumns = Mapping[str, dict[str, Any]]
"""The columns that each new volume takes over from its source, by the id of the new volume."""

SLICE_S = 1.0
"""Length in seconds of one driver call. A stop of the service waits at most about this long."""


def group_snapshot_driver(drivers: Drivers, host: str) -> GroupSnapshots:
    """Return the backend's driver, which must support group snapshots. Raises: FinalDriverError."""
    driver = drivers[host]
    if not isinstance(driver, GroupSnapshots):
        raise FinalDriverError(f"Backend {host} cannot cut the volumes of a group at one instant.")
    return driver


def cloning_driver(drivers: Drivers, host: str) -> Cloning:
    """Return the backend's driver, which must support cloning. Raises: FinalDriverError, if it does not."""
    driver = drivers[host]
    if not isinstance(driver, Cloning):
        raise FinalDriverError(f"Backend {host} cannot create a volume from a snapshot.")
    return driver


def compacting_driver(drivers: Drivers, host: str) -> SupportsCompaction:
    """Return the backend's driver, which must support compaction. Raises: FinalDriverError."""
    driver = drivers[host]
    if not isinstance(driver, SupportsCompaction):
        raise FinalDriverError(f"Backend {host} does not support compaction of volumes.")
    return driver


def snapshot_as_symbol(snapshot: SnapshotSpec) -> dict[str, str | None]:
    """Return a snapshot as a JSON value that can be a symbol of a flow."""
    return {
        "id": snapshot.id,
        "volume_id": snapshot.volume_id,
        "cgsnapshot_id": snapshot.cgsnapshot_id,
        "group_id": snapshot.group_id,
    }


class CreateGroup(Task):
    """Create the group on the backend, so that its volumes can be cut together.

    Revert: remove it.
    """

    atom = "driver.create_group"

    def execute(self, drivers: Drivers, host: str, resource_id: str) -> None:
        call_with_retry(drivers[host].create_group, resource_id)
        verify_group(drivers[host], resource_id, exists=True)

    def revert(self, drivers: Drivers, host: str, resource_id: str, **_: object) -> None:
        call_with_retry(drivers[host].delete_group, resource_id)
        verify_group(drivers[host], resource_id, exists=False)


class DeleteGroup(Task):
    """Remove a group without members from the backend.

    Revert: nothing is restored. The revert of the claim step records what is left.
    """

    atom = "driver.delete_group"

    def execute(self, drivers: Drivers, host: str, resource_id: str) -> None:
        call_with_retry(drivers[host].delete_group, resource_id)
        verify_group(drivers[host], resource_id, exists=False)


class CreateVolume(Task):
    """Create an empty volume and export it.

    Revert: remove it.
    """

    atom = "driver.create_volume"

    def execute(self, drivers: Drivers, host: str, resource_id: str, size: int, group_id: str | None) -> None:
        volume = VolumeSpec(resource_id, size, group_id)
        call_with_retry(drivers[host].create_volume, volume)
        verify_volume(drivers[host], volume, size)

    def revert(
        self, drivers: Drivers, host: str, resource_id: str, size: int, group_id: str | None, **_: object
    ) -> None:
        _delete_volume(drivers[host], VolumeSpec(resource_id, size, group_id))


class CloneVolume(CreateVolume):
    """Create and export a volume with the content of a snapshot.

    Revert: remove it.
    """

    atom = "driver.clone_volume"

    def execute(  # type: ignore[override]  # a step is called by the names in its signature
        self, drivers: Drivers, host: str, resource_id: str, size: int, group_id: str | None, source: Source
    ) -> None:
        volume = VolumeSpec(resource_id, size, group_id)
        call_with_retry(cloning_driver(drivers, host).clone_volume, volume, SnapshotSpec(**source))  # type: ignore[arg-type]
        verify_volume(drivers[host], volume, size)


class CloneMember(Task):
    """Create one new volume in the new group, with the content of the snapshot of its source.

    Revert: remove it.
    """

    atom = "driver.clone_volume"

    def execute(
        self,
        drivers: Drivers,
        host: str,
        resource_id: str,
        source_group_id: str,
        cut_id: str,
        new_id: str,
        volume_id: str,
        snapshot_id: str,
        copied: ClonedColumns,
    ) -> None:
        volume = VolumeSpec(new_id, copied[new_id]["size"], resource_id)
        source = SnapshotSpec(snapshot_id, volume_id, cut_id, source_group_id)
        call_with_retry(cloning_driver(drivers, host).clone_volume, volume, source)
        verify_volume(drivers[host], volume, volume.size_gib)

    def revert(
        self, drivers: Drivers, host: str, resource_id: str, new_id: str, copied: ClonedColumns, **_: object
    ) -> None:
        volume = VolumeSpec(new_id, copied[new_id]["size"], resource_id)
        _delete_volume(drivers[host], volume)


class DeleteVolume(Task):
    """Remove a volume.

    Revert: nothing is restored. The revert of the claim step records what is left.
    """

    atom = "driver.delete_volume"

    def execute(self, drivers: Drivers, host: str, resource_id: str, size: int, group_id: str | None) -> None:
        _delete_volume(drivers[host], VolumeSpec(resource_id, size, group_id))


class DeleteMember(Task):
    """Remove one member of a group that is being deleted.

    Revert: nothing is restored. The revert of the claim step records what is left.
    """

    atom = "driver.delete_volume"

    def execute(
        self, drivers: Drivers, host: str, group_id: str, volume_id: str, sizes: Mapping[str, int]
    ) -> None:
        _delete_volume(drivers[host], VolumeSpec(volume_id, sizes[volume_id], group_id))


class DeleteOrphans(Task):
    """Remove snapshots of a group's members that have no record.

    They are left when the undo of a step was skipped or abandoned. They would prevent the removal
    of their volumes, and no user could name them. By record, the group has no cgsnapshots;
    otherwise its deletion would not have been accepted.

    Revert: nothing is restored. The revert of the claim step records what is left.
    """

    atom = "driver.delete_orphans"

    def execute(self, drivers: Drivers, host: str, group_id: str, sizes: Mapping[str, int]) -> None:
        orphans = drivers[host].inventory(group_id).snapshots
        for snapshot_id in sorted(orphans):
            # The snapshot's volume is unknown, so try each: no such snapshot of a volume is success.
            for volume_id in sizes:
                spec = SnapshotSpec(snapshot_id, volume_id, "", group_id)
                group_snapshot_driver(drivers, host).delete_snapshot(spec)


class ExtendVolume(Task):
    """Set the new size of a volume.

    Revert: set the old size.
    """

    atom = "driver.extend"

    def execute(
        self, drivers: Drivers, host: str, resource_id: str, size: int, new_size: int, group_id: str | None
    ) -> None:
        _resize_volume(drivers[host], VolumeSpec(resource_id, size, group_id), new_size)

    def revert(
        self, drivers: Drivers, host: str, resource_id: str, size: int, group_id: str | None, **_: object
    ) -> None:
        _resize_volume(drivers[host], VolumeSpec(resource_id, size, group_id), size, is_undo=True)


class CompactVolume(Task):
    """Compact the volume until nothing is due. A stop or a cancel takes effect between two slices.

    Revert: nothing to undo.
    """

    atom = "driver.compact_volume"

    def execute(self, drivers: Drivers, host: str, resource_id: str, size: int, group_id: str | None) -> None:
        driver = compacting_driver(drivers, host)
        volume = VolumeSpec(resource_id, size, group_id)
        while not call_with_retry(driver.compact_volume, volume, SLICE_S):
            self.check_not_stopped()
        verify_compacted(driver, volume)


class MemberSnapshotTask(Task):
    """Base of the steps that create one member's snapshot.

    Revert: remove the snapshot, whatever its state.
    """

    def revert(
        self,
        drivers: Drivers,
        host: str,
        group_id: str,
        resource_id: str,
        volume_id: str,
        snapshot_id: str,
        **_: object,
    ) -> None:
        spec = SnapshotSpec(snapshot_id, volume_id, resource_id, group_id)
        _delete_snapshot(group_snapshot_driver(drivers, host), spec)


class PrepareSnapshot(MemberSnapshotTask):
    """Do the slow work for one member's snapshot, before the cut."""

    atom = "driver.prepare"

    def execute(
        self, drivers: Drivers, host: str, group_id: str, resource_id: str, volume_id: str, snapshot_id: str
    ) -> None:
        spec = SnapshotSpec(snapshot_id, volume_id, resource_id, group_id)
        call_with_retry(group_snapshot_driver(drivers, host).prepare, spec)


class CutMembers(Task):
    """Cut every member at one instant, in one call.

    Revert: remove every snapshot that the cut may have made.
    """

    atom = "driver.cut"
    default_provides: str | None = "evidence"

    def execute(
        self, drivers: Drivers, host: str, group_id: str, resource_id: str, members: list[dict[str, str]]
    ) -> dict[str, Any]:
        specs = _snapshot_specs(group_id, resource_id, members)
        return call_with_retry(group_snapshot_driver(drivers, host).cut, resource_id, group_id, specs)

    def revert(
        self,
        drivers: Drivers,
        host: str,
        group_id: str,
        resource_id: str,
        members: list[dict[str, str]],
        **_: object,
    ) -> None:
        driver = group_snapshot_driver(drivers, host)
        for spec in _snapshot_specs(group_id, resource_id, members):
            call_with_retry(driver.delete_snapshot, spec)


class CutGroup(CutMembers):
    """Cut every member of a group, and verify the level demanded and the level promised.

    Revert: remove every snapshot that the cut may have made.
    """

    def execute(
        self,
        drivers: Drivers,
        host: str,
        group_id: str,
        resource_id: str,
        members: list[dict[str, str]],
        level: str | None = None,
        promised: str | None = None,
    ) -> dict[str, Any]:
        evidence = super().execute(drivers, host, group_id, resource_id, members)
        verify_cut_level(evidence, host, level, promised)
        return evidence


class VerifySnapshot(MemberSnapshotTask):
    """Verify that one member's snapshot exists and can be read."""

    atom = "driver.snapshot"
    reads_only = True

    def execute(
        self, drivers: Drivers, host: str, group_id: str, resource_id: str, volume_id: str, snapshot_id: str
    ) -> dict[str, Any]:
        spec = SnapshotSpec(snapshot_id, volume_id, resource_id, group_id)
        return call_with_retry(group_snapshot_driver(drivers, host).snapshot, spec)


class DeleteSnapshot(Task):
    """Remove one member's snapshot.

    Revert: nothing is restored. The revert of the claim step records what is left.
    """

    atom = "driver.delete_snapshot"

    def execute(
        self, drivers: Drivers, host: str, group_id: str, resource_id: str, volume_id: str, snapshot_id: str
    ) -> None:
        spec = SnapshotSpec(snapshot_id, volume_id, resource_id, group_id)
        _delete_snapshot(group_snapshot_driver(drivers, host), spec)


class DeleteVolumeSnapshot(DeleteSnapshot):
    """Remove one of several snapshots of the same volume.

    Revert: nothing is restored. The revert of the claim step records what is left.
    """

    key = "snapshot_id"


def _snapshot_specs(group_id: str, cgsnapshot_id: str, members: list[dict[str, str]]) -> list[SnapshotSpec]:
    return [
        SnapshotSpec(member["snapshot_id"], member["volume_id"], cgsnapshot_id, group_id)
        for member in members
    ]


def _delete_volume(driver: StorageDriver, volume: VolumeSpec) -> None:
    call_with_retry(driver.delete_volume, volume)
    verify_no_volume(driver, volume)


def _delete_snapshot(driver: GroupSnapshots, snapshot: SnapshotSpec) -> None:
    call_with_retry(driver.delete_snapshot, snapshot)
    verify_no_snapshot(driver, snapshot)


def _resize_volume(
    driver: StorageDriver, volume: VolumeSpec, size_gib: int, *, is_undo: bool = False
) -> None:
    call_with_retry(driver.extend_volume, volume, size_gib)
    verify_volume(driver, volume, size_gib, is_undo=is_undo)
