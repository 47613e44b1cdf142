"""The inventories that the backends of this process report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cgflow.drivers.contract import (
    Inventory,
    SnapshotDetails,
    StorageDriver,
    SupportsDetailedInventory,
    VolumeDetails,
)
from cgflow.errors import DriverError, SessionFenced, describe

NOTHING = Inventory(frozenset(), frozenset(), frozenset())


@dataclass(frozen=True)
class BackendSnapshot:
    """The inventory of one backend.

    ``refusal`` is the reason if it could not report one; ``is_detailed`` is whether it reported
    sizes and groups.
    """

    inventory: Inventory
    volumes: Mapping[str, VolumeDetails]
    snapshots: Mapping[str, SnapshotDetails]
    is_detailed: bool
    refusal: str | None = None

    @property
    def is_complete(self) -> bool:
        """Whether the inventory is complete, so that what it does not list is missing.

        A backend that reports problems could not read everything.
        """
        return self.refusal is None and not self.inventory.problems


def read_backend(driver: StorageDriver) -> BackendSnapshot:
    """Return a backend's inventory, or the reason why it could not report one."""
    try:
        if isinstance(driver, SupportsDetailedInventory):
            detailed = driver.detail()
            return BackendSnapshot(detailed.inventory, detailed.volumes, detailed.snapshots, is_detailed=True)
        return BackendSnapshot(driver.inventory(), {}, {}, is_detailed=False)
    except (DriverError, SessionFenced) as error:
        return BackendSnapshot(NOTHING, {}, {}, is_detailed=False, refusal=describe(error))


def intersect(first: BackendSnapshot, second: BackendSnapshot) -> BackendSnapshot:
    """Return what both snapshots of a backend have, with the details of the second."""
    refusal = first.refusal or second.refusal
    if refusal is not None:
        return BackendSnapshot(NOTHING, {}, {}, is_detailed=False, refusal=refusal)
    one, other = first.inventory, second.inventory
    problems = tuple(text for text in other.problems if text in one.problems)
    inventory = Inventory(
        one.groups & other.groups,
        one.volumes & other.volumes,
        one.snapshots & other.snapshots,
        one.exports & other.exports,
        one.restores & other.restores,
        problems,
    )
    return BackendSnapshot(
        inventory, second.volumes, second.snapshots, first.is_detailed and second.is_detailed
    )
