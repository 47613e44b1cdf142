"""Steps that call the storage driver. Every call is idempotent by the ids it is given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cgflow.drivers.contract import GroupSnapshots, SnapshotSpec, StorageDriver, VolumeSpec
from cgflow.engine.task import Task
from cgflow.errors import FinalDriverError

Drivers = Mapping[str, StorageDriver]


def group_driver(drivers: Drivers, host: str) -> GroupSnapshots:
    """Return the driver of a backend as one that cuts groups. Raises: FinalDriverError if it can not."""
    driver = drivers[host]
    if not isinstance(driver, GroupSnapshots):
        raise FinalDriverError(f"Backend {host} cannot cut the volumes of a group at one instant.")
    return driver


class CreateGroup(Task):
    """Make the place in which a group's volumes are cut together.

    Revert: remove it.
    """

    atom = "driver.create_group"

    def execute(self, drivers: Drivers, host: str, resource_id: str) -> None:
        drivers[host].create_group(resource_id)

    def revert(self, drivers: Drivers, host: str, resource_id: str, **_: object) -> None:
        drivers[host].delete_group(resource_id)


class DeleteGroup(Task):
    """Remove the place of a group that has no members any more.

    Revert: nothing comes back; what is left is told by the claim's undo.
    """

    atom = "driver.delete_group"

    def execute(self, drivers: Drivers, host: str, resource_id: str) -> None:
        drivers[host].delete_group(resource_id)


class CreateVolume(Task):
    """Make an empty volume and export it.

    Revert: remove it.
    """

    atom = "driver.create_volume"

    def execute(self, drivers: Drivers, host: str, resource_id: str, size: int, group_id: str | None) -> None:
        drivers[host].create_volume(VolumeSpec(resource_id, size, group_id))

    def revert(
        self, drivers: Drivers, host: str, resource_id: str, size: int, group_id: str | None, **_: object
    ) -> None:
        drivers[host].delete_volume(VolumeSpec(resource_id, size, group_id))


class DeleteVolume(Task):
    """Remove a volume.

    Revert: nothing comes back; what is left is told by the claim's undo.
    """

    atom = "driver.delete_volume"

    def execute(self, drivers: Drivers, host: str, resource_id: str, size: int, group_id: str | None) -> None:
        drivers[host].delete_volume(VolumeSpec(resource_id, size, group_id))


class DeleteMember(Task):
    """Remove one member of a group that is being deleted.

    Revert: nothing comes back; what is left is told by the claim's undo.
    """

    atom = "driver.delete_volume"

    def execute(
        self, drivers: Drivers, host: str, group_id: str, volume_id: str, sizes: Mapping[str, int]
    ) -> None:
        drivers[host].delete_volume(VolumeSpec(volume_id, sizes[volume_id], group_id))


class ExtendVolume(Task):
    """Give a volume its new size.

    Revert: give it the old one.
    """

    atom = "driver.extend"

    def execute(
        self, drivers: Drivers, host: str, resource_id: str, size: int, new_size: int, group_id: str | None
    ) -> None:
        drivers[host].extend_volume(VolumeSpec(resource_id, size, group_id), new_size)

    def revert(
        self, drivers: Drivers, host: str, resource_id: str, size: int, group_id: str | None, **_: object
    ) -> None:
        drivers[host].extend_volume(VolumeSpec(resource_id, size, group_id), size)


class MemberCopy(Task):
    """Base of the steps that make one member's copy.

    Revert: remove the copy, whatever became of it.
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
        group_driver(drivers, host).delete_snapshot(spec)


class PrepareSnapshot(MemberCopy):
    """Do the slow work for one member's copy, outside the cut."""

    atom = "driver.prepare"

    def execute(
        self, drivers: Drivers, host: str, group_id: str, resource_id: str, volume_id: str, snapshot_id: str
    ) -> None:
        spec = SnapshotSpec(snapshot_id, volume_id, resource_id, group_id)
        group_driver(drivers, host).prepare(spec)


class CutGroup(Task):
    """Cut every member at one instant, in one call.

    Revert: remove every copy that the cut may have made.
    """

    atom = "driver.cut"
    default_provides = "evidence"

    def execute(
        self, drivers: Drivers, host: str, group_id: str, resource_id: str, members: list[dict[str, str]]
    ) -> dict[str, Any]:
        specs = _specs(group_id, resource_id, members)
        return group_driver(drivers, host).cut(resource_id, group_id, specs)

    def revert(
        self,
        drivers: Drivers,
        host: str,
        group_id: str,
        resource_id: str,
        members: list[dict[str, str]],
        **_: object,
    ) -> None:
        driver = group_driver(drivers, host)
        for spec in _specs(group_id, resource_id, members):
            driver.delete_snapshot(spec)


class TakeSnapshot(MemberCopy):
    """Verify that one member's copy is there and can be read."""

    atom = "driver.snapshot"

    def execute(
        self, drivers: Drivers, host: str, group_id: str, resource_id: str, volume_id: str, snapshot_id: str
    ) -> dict[str, Any]:
        spec = SnapshotSpec(snapshot_id, volume_id, resource_id, group_id)
        return group_driver(drivers, host).snapshot(spec)


class DeleteSnapshot(Task):
    """Remove one member's copy.

    Revert: nothing comes back; what is left is told by the claim's undo.
    """

    atom = "driver.delete_snapshot"

    def execute(
        self, drivers: Drivers, host: str, group_id: str, resource_id: str, volume_id: str, snapshot_id: str
    ) -> None:
        spec = SnapshotSpec(snapshot_id, volume_id, resource_id, group_id)
        group_driver(drivers, host).delete_snapshot(spec)


def _specs(group_id: str, cgsnapshot_id: str, members: list[dict[str, str]]) -> list[SnapshotSpec]:
    return [
        SnapshotSpec(member["snapshot_id"], member["volume_id"], cgsnapshot_id, group_id)
        for member in members
    ]
