"""What the backends of this process say that they have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cgflow.drivers.contract import Inventory, StorageDriver
from cgflow.drivers.contract.detailed_inventory import (
    SnapshotDetails,
    SupportsDetailedInventory,
    VolumeDetails,
)
from cgflow.error_text import describe
from cgflow.errors import DriverError, SessionFenced

NOTHING = Inventory(frozenset(), frozenset(), frozenset())


@dataclass(frozen=True)
class BackendSnapshot:
    """What one backend has. ``refusal`` is why it could not say; ``is_detailed``, whether it told sizes."""

    inventory: Inventory
    volumes: Mapping[str, VolumeDetails]
    copies: Mapping[str, SnapshotDetails]
    is_detailed: bool
    refusal: str | None = None

    @property
    def is_whole(self) -> bool:
        """Whether what is not listed is gone: a backend that cannot read all is believed about nothing."""
        return self.refusal is None and not self.inventory.problems


def read(driver: StorageDriver) -> BackendSnapshot:
    """Ask a backend what it has; one that cannot say so gives its reason."""
    try:
        if isinstance(driver, SupportsDetailedInventory):
            message = driver.detail()
            return BackendSnapshot(message.inventory, message.volumes, message.copies, is_detailed=True)
        return BackendSnapshot(driver.inventory(), {}, {}, is_detailed=False)
    except (DriverError, SessionFenced) as error:
        return BackendSnapshot(NOTHING, {}, {}, is_detailed=False, refusal=describe(error))


def intersect(first: BackendSnapshot, second: BackendSnapshot) -> BackendSnapshot:
    """Return what a backend had at both looks, and says in the second of it."""
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
    return BackendSnapshot(inventory, second.volumes, second.copies, first.is_detailed and second.is_detailed)
