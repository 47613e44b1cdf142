"""The addresses at which volumes and snapshots are reached: asked of the driver at once, without a flow.

They change nothing that is recorded, and every call is idempotent.
"""

from __future__ import annotations

from dataclasses import replace

from api.current import caller, desk
from cgflow import records
from cgflow.db.repositories import snapshot as snapshots
from cgflow.db.repositories import volume as volumes
from cgflow.drivers.contract import Connection, GroupSnapshots, StorageDriver
from cgflow.errors import InvalidState
from cgflow.status import Status
from flows.attachment.rules import USED

_REACHABLE = (Status.AVAILABLE, *USED)


def connect_volume(volume_id: str) -> Connection:
    """Return the address of a volume. Raises: NotFound; InvalidState; DriverError."""
    with desk().database.read() as session:
        volume = volumes.get(session, volume_id, caller().scope)
    _require_reachable("volume", volume)
    found = _driver(volume.host).connection(volume.spec())
    return replace(found, data={**found.data, "access_mode": "ro" if volume.readonly else "rw"})


def disconnect_volume(volume_id: str) -> None:
    """Note that a client is done with a volume, which stays exported. Raises: NotFound."""
    with desk().database.read() as session:
        volumes.get(session, volume_id, caller().scope)


def connect_snapshot(snapshot_id: str) -> Connection:
    """Make a snapshot readable and return its address. Raises: as for a volume."""
    snapshot, driver = _snapshot(snapshot_id)
    _require_reachable("snapshot", snapshot)
    return driver.export_snapshot(snapshot.spec())


def disconnect_snapshot(snapshot_id: str) -> None:
    """Withdraw the address of a snapshot. Raises: as for a volume."""
    snapshot, driver = _snapshot(snapshot_id)
    driver.unexport_snapshot(snapshot.spec())


def _snapshot(snapshot_id: str) -> tuple[records.Snapshot, GroupSnapshots]:
    with desk().database.read() as session:
        snapshot = snapshots.get(session, snapshot_id, caller().scope)
        # A volume cannot be deleted before its snapshots, so whoever may see one may see the other.
        volume = volumes.get(session, snapshot.volume_id, None)
    driver = _driver(volume.host)
    if not isinstance(driver, GroupSnapshots):
        raise InvalidState(f"The backend of snapshot {snapshot_id} cannot show a snapshot by itself.")
    return snapshot, driver


def _driver(host: str | None) -> StorageDriver:
    if host is None:
        raise InvalidState("It was never placed on a backend, so it has no address.")
    return desk().drivers[host]


def _require_reachable(noun: str, record: records.Resource) -> None:
    if record.status not in _REACHABLE:
        raise InvalidState(
            f"Invalid {noun}: status must be {' or '.join(_REACHABLE)}, but it is {record.status}."
        )
