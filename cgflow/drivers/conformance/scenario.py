"""A backend under test and the objects expected on it. Every step checks the inventory afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from typing import NoReturn
from uuid import uuid4

import pytest

from cgflow.drivers.conformance.assertions import Violation, expect, must_raise_final_error, must_succeed
from cgflow.drivers.conformance.harness import Harness
from cgflow.drivers.contract import (
    JSON,
    Cloning,
    GroupSnapshots,
    Inventory,
    Regrouping,
    Restoring,
    SnapshotSpec,
    StorageDriver,
    SupportsCompaction,
    SupportsDetailedInventory,
    SupportsHostFiles,
    VolumeSpec,
)
from cgflow.errors import BusyDriverError

PIECE_BYTES = 4096
"""Bytes written at one offset."""

MIB = 1 << 20
GIB = 1 << 30
WRITE_OFFSETS = (0, 64 * 1024 - PIECE_BYTES // 2, 700 * MIB, GIB - PIECE_BYTES)
"""Byte offsets of writes: the start, across a common cluster boundary, the middle, the end of 1 GiB."""


def piece_filled_with(letter: str) -> bytes:
    """Return ``PIECE_BYTES`` bytes filled with one letter."""
    return letter.encode() * PIECE_BYTES


class DriverUnderTest:
    """A backend under test."""

    def __init__(self, harness: Harness) -> None:
        self.harness = harness

    @property
    def driver(self) -> StorageDriver:
        """The driver under test."""
        return self.harness.driver

    @property
    def group_snapshot_driver(self) -> GroupSnapshots:
        """The driver under test as ``GroupSnapshots``."""
        driver = self.harness.driver
        if not isinstance(driver, GroupSnapshots):
            _skip_without_ability(driver, "GroupSnapshots")
        return driver

    @property
    def cloning_driver(self) -> Cloning:
        """The driver under test as ``Cloning``."""
        driver = self.harness.driver
        if not isinstance(driver, Cloning):
            _skip_without_ability(driver, "Cloning")
        return driver

    @property
    def regrouping_driver(self) -> Regrouping:
        """The driver under test as ``Regrouping``."""
        driver = self.harness.driver
        if not isinstance(driver, Regrouping):
            _skip_without_ability(driver, "Regrouping")
        return driver

    @property
    def restoring_driver(self) -> Restoring:
        """The driver under test as ``Restoring``."""
        driver = self.harness.driver
        if not isinstance(driver, Restoring):
            _skip_without_ability(driver, "Restoring")
        return driver

    @property
    def detailed_inventory_driver(self) -> SupportsDetailedInventory:
        """The driver under test as ``SupportsDetailedInventory``."""
        driver = self.harness.driver
        if not isinstance(driver, SupportsDetailedInventory):
            _skip_without_ability(driver, "SupportsDetailedInventory")
        return driver

    @property
    def compaction_driver(self) -> SupportsCompaction:
        """The driver under test as ``SupportsCompaction``."""
        driver = self.harness.driver
        if not isinstance(driver, SupportsCompaction):
            _skip_without_ability(driver, "SupportsCompaction")
        return driver

    @property
    def host_file_driver(self) -> SupportsHostFiles:
        """The driver under test as ``SupportsHostFiles``."""
        driver = self.harness.driver
        if not isinstance(driver, SupportsHostFiles):
            _skip_without_ability(driver, "SupportsHostFiles")
        return driver


class Scenario(DriverUnderTest):
    """Steps on a backend. Each step must succeed and must leave exactly the expected objects.

    The parameter ``what`` of a step describes it in failure messages. With ``is_alone`` False, other
    scenarios use the same backend, and only the groups of this one are checked.
    """

    def __init__(self, harness: Harness, *, is_alone: bool = True) -> None:
        super().__init__(harness)
        self._is_alone = is_alone
        self._groups: set[str] = set()
        self._volumes: dict[str, VolumeSpec] = {}
        self._snapshots: dict[str, SnapshotSpec] = {}
        self._exports: set[str] = set()
        self._restores: dict[str, str | None] = {}

    def new_group(self) -> str:
        """Create a group."""
        group = str(uuid4())
        must_succeed("create_group", lambda: self.driver.create_group(group))
        self._groups.add(group)
        self.check_inventory("create_group")
        return group

    def new_volume(self, group: str | None = None) -> VolumeSpec:
        """Create a volume of 1 GiB."""
        volume = VolumeSpec(str(uuid4()), 1, group)
        self.create_volume(volume)
        return volume

    def create_volume(self, volume: VolumeSpec, what: str = "create_volume") -> None:
        """Create a volume."""
        must_succeed(what, lambda: self.driver.create_volume(volume))
        self._volumes[volume.id] = volume
        self.check_inventory(what)

    def new_members(self, count: int) -> list[VolumeSpec]:
        """Create a group with ``count`` volumes."""
        group = self.new_group()
        return [self.new_volume(group) for _ in range(count)]

    def delete_group(self, group: str, what: str = "delete_group") -> None:
        """Delete a group."""
        must_succeed(what, lambda: self.driver.delete_group(group))
        self._groups.discard(group)
        self.check_inventory(what)

    def delete_volume(self, volume: VolumeSpec, what: str = "delete_volume") -> None:
        """Delete a volume."""
        self._disconnect_and_retry_if_busy(what, lambda: self.driver.delete_volume(volume), [volume])
        self._volumes.pop(volume.id, None)
        self.check_inventory(what)

    def extend(self, volume: VolumeSpec, size_gib: int, what: str = "extend_volume") -> None:
        """Disconnect clients and set the size of a volume."""
        self.harness.disconnect(volume)
        must_succeed(what, lambda: self.driver.extend_volume(volume, size_gib))
        self.check_inventory(what)

    def prepare(self, snapshot: SnapshotSpec, what: str = "prepare") -> None:
        """Prepare a snapshot."""
        must_succeed(what, lambda: self.group_snapshot_driver.prepare(snapshot))
        self._snapshots[snapshot.id] = snapshot
        self.check_inventory(what)

    def cut(self, snapshots: list[SnapshotSpec], what: str = "cut") -> JSON:
        """Cut the prepared snapshots of one cgsnapshot; return the evidence."""
        first = snapshots[0]
        evidence = must_succeed(
            what, lambda: self.group_snapshot_driver.cut(first.cgsnapshot_id, first.group_id, snapshots)
        )
        self.check_inventory(what)
        return evidence

    def take_cgsnapshot(self, members: list[VolumeSpec]) -> list[SnapshotSpec]:
        """Prepare and cut a new cgsnapshot of members; return the snapshots in the order of the members."""
        snapshots = new_snapshot_specs(members)
        for snapshot in snapshots:
            self.prepare(snapshot)
        self.cut(snapshots)
        return snapshots

    def take_snapshot(self, volume: VolumeSpec) -> SnapshotSpec:
        """Take a plain snapshot: a cut of one volume."""
        id = str(uuid4())
        snapshot = SnapshotSpec(id, volume.id, id, volume.group_id)
        self.prepare(snapshot, "prepare of a plain snapshot")
        self.cut([snapshot], "cut of a plain snapshot")
        return snapshot

    def clone(
        self, snapshot: SnapshotSpec, group: str | None, size_gib: int = 1, what: str = "clone_volume"
    ) -> VolumeSpec:
        """Clone a snapshot to a new volume in a group, or in none."""
        volume = VolumeSpec(str(uuid4()), size_gib, group)
        self.clone_to(volume, snapshot, what)
        return volume

    def clone_to(self, volume: VolumeSpec, snapshot: SnapshotSpec, what: str) -> None:
        """Clone a snapshot to a volume."""
        must_succeed(what, lambda: self.cloning_driver.clone_volume(volume, snapshot))
        self._volumes[volume.id] = volume
        self.check_inventory(what)

    def move(self, volume: VolumeSpec, group: str | None, what: str = "move_volume") -> VolumeSpec:
        """Disconnect clients and move a volume; return its new spec."""
        self.harness.disconnect(volume)
        must_succeed(what, lambda: self.regrouping_driver.move_volume(volume, group))
        moved = replace(volume, group_id=group)
        self._volumes[volume.id] = moved
        for snapshot in [
            snapshot for snapshot in self._snapshots.values() if snapshot.volume_id == volume.id
        ]:
            self._snapshots[snapshot.id] = replace(snapshot, group_id=group)
        self.check_inventory(what)
        return moved

    def up_to_date_spec(self, snapshot: SnapshotSpec) -> SnapshotSpec:
        """Return the current spec of a snapshot, which changes when its volume is moved."""
        return self._snapshots[snapshot.id]

    def restore(self, restore: str, snapshots: list[SnapshotSpec], what: str = "restore") -> None:
        """Disconnect clients and restore volumes to their snapshots."""
        for snapshot in snapshots:
            self.harness.disconnect(self._volumes[snapshot.volume_id])
        must_succeed(what, lambda: self.restoring_driver.restore(restore, snapshots))
        self._restores[restore] = snapshots[0].group_id
        self.check_inventory(what)

    def undo_restore(self, restore: str, snapshots: list[SnapshotSpec], what: str = "undo_restore") -> None:
        """Undo a restore."""
        volumes = [
            self._volumes[snapshot.volume_id] for snapshot in snapshots if snapshot.volume_id in self._volumes
        ]
        self._disconnect_and_retry_if_busy(
            what, lambda: self.restoring_driver.undo_restore(restore, snapshots), volumes
        )
        self._restores.pop(restore, None)
        self.check_inventory(what)

    def finish_restore(
        self, restore: str, snapshots: list[SnapshotSpec], what: str = "finish_restore"
    ) -> None:
        """Finish a restore."""
        must_succeed(what, lambda: self.restoring_driver.finish_restore(restore, snapshots))
        self._restores.pop(restore, None)
        self.check_inventory(what)

    def delete_snapshot(self, snapshot: SnapshotSpec, what: str = "delete_snapshot") -> None:
        """Delete a snapshot."""
        must_succeed(what, lambda: self.group_snapshot_driver.delete_snapshot(snapshot))
        self._snapshots.pop(snapshot.id, None)
        self._exports.discard(snapshot.id)
        self.check_inventory(what)

    def export(self, snapshot: SnapshotSpec, what: str = "export_snapshot") -> None:
        """Export a snapshot."""
        must_succeed(what, lambda: self.group_snapshot_driver.export_snapshot(snapshot))
        self._exports.add(snapshot.id)
        self.check_inventory(what)

    def unexport(self, snapshot: SnapshotSpec, what: str = "unexport_snapshot") -> None:
        """Unexport a snapshot."""
        must_succeed(what, lambda: self.group_snapshot_driver.unexport_snapshot(snapshot))
        self._exports.discard(snapshot.id)
        self.check_inventory(what)

    def restart(self, when: str) -> None:
        """Restart the driver and check that all objects are still there."""
        must_succeed(f"a start after a crash {when}", self.harness.restart)
        self.check_inventory(f"a restart {when}")

    def _disconnect_and_retry_if_busy(
        self, what: str, call: Callable[[], object], volumes: Iterable[VolumeSpec]
    ) -> None:
        """Make a call that may be busy, with nothing changed, while clients are connected."""
        try:
            must_succeed(what, call, but=BusyDriverError)
        except BusyDriverError:
            self.check_inventory(f"{what}, which was refused as busy")
            for volume in volumes:
                self.harness.disconnect(volume)
            must_succeed(f"{what} when the clients are gone", call)

    def expect_refusal(self, what: str, call: Callable[[], object]) -> None:
        """Check that a call raises FinalDriverError and changes nothing."""
        must_raise_final_error(what, call)
        self.check_inventory(f"the refusal of {what}")

    def add_prepared_snapshots(self, snapshots: list[SnapshotSpec]) -> None:
        """Expect snapshots that were prepared outside this scenario, such as by several threads."""
        self._snapshots.update({snapshot.id: snapshot for snapshot in snapshots})

    def forget_deleted_snapshots(self, snapshots: list[SnapshotSpec]) -> None:
        """Stop expecting snapshots that were deleted outside this scenario."""
        for snapshot in snapshots:
            self._snapshots.pop(snapshot.id, None)
            self._exports.discard(snapshot.id)

    def write(self, volume: VolumeSpec, letter: str, *places: int) -> None:
        """Write ``PIECE_BYTES`` bytes of a letter at each offset (by default at all ``WRITE_OFFSETS``)."""
        for place in places or WRITE_OFFSETS:
            must_succeed("a write", partial(self.harness.write, volume, place, piece_filled_with(letter)))

    def expect_volume(self, volume: VolumeSpec, letter: str, why: str, *places: int) -> None:
        """Check that a volume reads as one letter at each offset (by default at all ``WRITE_OFFSETS``)."""
        for place in places or WRITE_OFFSETS:
            piece = must_succeed("a read", partial(self.harness.read, volume, place, PIECE_BYTES))
            _expect_piece_filled_with(piece, letter, f"{why}: the volume at byte {place}")

    def expect_snapshot(self, snapshot: SnapshotSpec, letter: str, why: str, *places: int) -> None:
        """Export a snapshot if needed, and check that it reads as one letter at each offset."""
        if snapshot.id not in self._exports:
            self.export(snapshot)
        for place in places or WRITE_OFFSETS:
            read = partial(self.harness.read_snapshot, snapshot, place, PIECE_BYTES)
            piece = must_succeed("a read of an exported snapshot", read)
            _expect_piece_filled_with(piece, letter, f"{why}: the snapshot at byte {place}")

    def expect_has_snapshot(self, snapshot: SnapshotSpec, when: str, *, known: bool) -> None:
        """Check the answer of ``has_snapshot``."""
        found = must_succeed("has_snapshot", lambda: self.group_snapshot_driver.has_snapshot(snapshot))
        expect(found is known, f"{when}, has_snapshot must be {known}, not {found!r}")

    @property
    def volumes(self) -> list[VolumeSpec]:
        """The volumes expected now."""
        return list(self._volumes.values())

    @property
    def snapshots(self) -> list[SnapshotSpec]:
        """The snapshots expected now."""
        return list(self._snapshots.values())

    def expected_inventory(self, group: str | None = None) -> Inventory:
        """Return the expected inventory, of everything or of one group."""
        snapshots = {
            snapshot.id for snapshot in self._snapshots.values() if group in (None, snapshot.group_id)
        }
        return Inventory(
            groups=frozenset(id for id in self._groups if group in (None, id)),
            volumes=frozenset(v.id for v in self._volumes.values() if group in (None, v.group_id)),
            snapshots=frozenset(snapshots),
            exports=frozenset(snapshots & self._exports),
            restores=frozenset(id for id, place in self._restores.items() if group in (None, place)),
        )

    def check_inventory(self, after: str) -> None:
        """Compare the inventory, in total and for each group, with the expected one."""
        whole = (None,) if self._is_alone else ()
        for group in (*whole, *sorted(self._groups)):
            where = "inventory()" if group is None else "inventory(group_id)"
            found = must_succeed(where, partial(self.driver.inventory, group))
            expected = self.expected_inventory(group)
            for kind in ("groups", "volumes", "snapshots", "exports", "restores"):
                extra = getattr(found, kind) - getattr(expected, kind)
                missing = getattr(expected, kind) - getattr(found, kind)
                if extra or missing:
                    raise Violation(
                        f"after {after}, {where} is not exact in its {kind}: "
                        f"too many {sorted(extra)}, missing {sorted(missing)}"
                    )
            expect(not found.problems, f"after {after}, {where} reports problems: {found.problems}")


def new_snapshot_specs(members: list[VolumeSpec]) -> list[SnapshotSpec]:
    """Return specs of a new cgsnapshot of members, in their order."""
    cgsnapshot = str(uuid4())
    return [SnapshotSpec(str(uuid4()), volume.id, cgsnapshot, volume.group_id) for volume in members]


def _expect_piece_filled_with(piece: bytes, letter: str, what: str) -> None:
    expected = piece_filled_with(letter)
    if piece != expected:
        odd = sorted({chr(byte) for byte in piece if byte != expected[0]})
        raise Violation(f"{what} must read as {letter!r}; it reads {len(piece)} bytes with {odd} in them")


def _skip_without_ability(driver: StorageDriver, ability: str) -> NoReturn:
    pytest.skip(f"{type(driver).__name__} has no {ability}")
