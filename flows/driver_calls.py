"""Driver calls by steps: retry while the backend is busy, and verify the effect of every call.

If a driver reported success without an effect, a volume that does not exist would become
``available``, or an existing one would be forgotten. Steps therefore verify what was created,
removed or resized before they count as done, in both execute and revert. The verification is cheap:
it reads the address of a volume, one snapshot, or the inventory of a group that is created or
removed as a whole. A difference is raised as AmbiguousDriverError.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import ParamSpec, TypeVar

from cgflow.drivers.contract import (
    GroupSnapshots,
    SnapshotSpec,
    StorageDriver,
    SupportsCompaction,
    SupportsDetailedInventory,
    VolumeSpec,
)
from cgflow.drivers.contract.cut_evidence import CutLevel, parse_level
from cgflow.errors import AmbiguousDriverError, BusyDriverError, FinalDriverError

P = ParamSpec("P")
Answer = TypeVar("Answer")

GIB = 1024**3
BUSY_PAUSES_S = (0.1, 0.2, 0.4, 0.8, 1.6)


def call_with_retry(call: Callable[P, Answer], *args: P.args, **kwargs: P.kwargs) -> Answer:
    """Make a driver call, and retry it with pauses while the backend is busy, for about 3 seconds in all.

    Raises: BusyDriverError, if the backend stays busy; any other DriverError at once.
    """
    for pause in BUSY_PAUSES_S:
        try:
            return call(*args, **kwargs)
        except BusyDriverError:
            # A stop of the service does not interrupt the pause: the step would fail and its flow be undone.
            time.sleep(pause)
    return call(*args, **kwargs)


def verify_volume(driver: StorageDriver, volume: VolumeSpec, size_gib: int, *, is_undo: bool = False) -> None:
    """Verify that the volume has an address and this size.

    An undo also accepts a volume without an address that the detailed inventory lists with this
    size and group: if the volume has lost a file, it had no address before either.

    Raises: AmbiguousDriverError.
    """
    try:
        found = call_with_retry(driver.connection, volume).data.get("size_bytes")
    except FinalDriverError as error:
        if is_undo and _is_in_detailed_inventory(driver, volume, size_gib):
            return
        raise _verification_failure(
            f"volume {volume.id} exists", f"its address cannot be read: {error}"
        ) from error
    if found != size_gib * GIB:
        raise _verification_failure(f"volume {volume.id} has {size_gib} GiB", f"it has {found} bytes")


def _is_in_detailed_inventory(driver: StorageDriver, volume: VolumeSpec, size_gib: int) -> bool:
    detail = (
        call_with_retry(driver.detail).volumes.get(volume.id)
        if isinstance(driver, SupportsDetailedInventory)
        else None
    )
    return detail is not None and (detail.size_bytes, detail.group_id) == (size_gib * GIB, volume.group_id)


def verify_no_volume(driver: StorageDriver, volume: VolumeSpec) -> None:
    """Verify that the volume has no address. Raises: AmbiguousDriverError."""
    try:
        call_with_retry(driver.connection, volume)
    except FinalDriverError:
        return
    raise _verification_failure(f"volume {volume.id} was removed", "it still has an address")


def verify_group(driver: StorageDriver, group_id: str, *, exists: bool) -> None:
    """Verify that the group exists on the backend, or does not. Raises: AmbiguousDriverError."""
    if (group_id in call_with_retry(driver.inventory, group_id).groups) is not exists:
        reported, found = ("created", "does not exist") if exists else ("removed", "still exists")
        raise _verification_failure(f"group {group_id} was {reported}", f"it {found}")


def verify_member(driver: StorageDriver, group_id: str, volume: VolumeSpec, *, is_undo: bool = False) -> None:
    """Verify the size of a volume and that it is in the group exactly if its ``group_id`` says so.

    Raises: AmbiguousDriverError.
    """
    wanted = volume.group_id == group_id
    if (volume.id in call_with_retry(driver.inventory, group_id).volumes) is not wanted:
        reported, found = ("into", "is not in it") if wanted else ("out of", "is still in it")
        raise _verification_failure(
            f"volume {volume.id} was moved {reported} group {group_id}", f"it {found}"
        )
    verify_volume(driver, volume, volume.size_gib, is_undo=is_undo)


def verify_no_snapshot(driver: GroupSnapshots, snapshot: SnapshotSpec) -> None:
    """Verify that nothing is left of a snapshot. Raises: AmbiguousDriverError."""
    if call_with_retry(driver.has_snapshot, snapshot):
        raise _verification_failure(f"snapshot {snapshot.id} was removed", "it still exists")


def verify_restore(driver: StorageDriver, restore_id: str, group_id: str | None, *, kept: bool) -> None:
    """Verify that the backend keeps the data from before a restore, or does not.

    Raises: AmbiguousDriverError.
    """
    if (restore_id in call_with_retry(driver.inventory, group_id).restores) is not kept:
        reported, found = (
            ("made", "keeps no previous data") if kept else ("ended", "still keeps previous data")
        )
        raise _verification_failure(f"restore {restore_id} was {reported}", f"it {found}")


def verify_compacted(driver: SupportsCompaction, volume: VolumeSpec) -> None:
    """Verify that no compaction of the volume is due. Raises: AmbiguousDriverError."""
    if volume.id in {due.id for due in call_with_retry(driver.compactions_due, volume.group_id)}:
        raise _verification_failure(f"volume {volume.id} was compacted", "its compaction is still due")


def verify_cut_level(
    evidence: Mapping[str, object], host: str, demanded: str | None, promised: str | None
) -> None:
    """Verify that a cut reached both the level demanded and the level that the backend promised.

    Raises: AmbiguousDriverError.
    """
    reported = evidence.get("level")
    level = parse_level(reported)
    for wanted, source in ((demanded, "was demanded"), (promised, "is in its report")):
        if wanted is not None and (level is None or not level.is_at_least(CutLevel(wanted))):
            cut = "did not report at which level it cut" if reported is None else f"cut at level {reported}"
            raise AmbiguousDriverError(
                f"Backend {host} {cut}, but level {wanted} {source}. The cut is undone."
            )


def _verification_failure(reported: str, found: str) -> AmbiguousDriverError:
    return AmbiguousDriverError(f"The backend reported that {reported}, but {found}.")
