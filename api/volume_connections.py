"""Connections to volumes and snapshots. They are requested from the driver directly, without a flow.

They change no record, and every call is idempotent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from api.request_scope import caller, runtime
from cgflow import records
from cgflow.db.repositories import snapshot as snapshots
from cgflow.db.repositories import volume as volumes
from cgflow.drivers.contract import Connection, GroupSnapshots, StorageDriver, SupportsHostFiles
from cgflow.errors import InvalidInput, InvalidState
from cgflow.status import Trait, statuses_with

FILE = "cgflow:file"
"""The key of a connector that requests a file on the backend's host besides the network address."""

FILE_RULE = "cgflow:host_file"
Details = Mapping[str, Any] | None

_REACHABLE = statuses_with("volume", Trait.USABLE | Trait.ATTACHMENT)


def connect_volume(volume_id: str, details: Details = None) -> Connection:
    """Return the connection to a volume, with a file on the host if the connector requests one.

    Raises: NotFound; InvalidState; DriverError.
    """
    with runtime().database.read() as session:
        volume = volumes.get(session, volume_id, caller().scope)
    _require_connectable_status("volume", volume)
    driver = _driver_of(volume.host)
    if _requests_host_file(details):
        found = _require_host_files(driver).serve_file(volume.spec())
    else:
        found = driver.connection(volume.spec())
    return replace(found, data={**found.data, "access_mode": "ro" if volume.readonly else "rw"})


def disconnect_volume(volume_id: str, details: Details) -> None:
    """Remove the file of a volume on the backend's host, if the connector names it. The export stays.

    Raises: as ``connect_volume``, and DriverError while the file is open.
    """
    with runtime().database.read() as session:
        volume = volumes.get(session, volume_id, caller().scope)
    if _requests_host_file(details):
        _require_host_files(_driver_of(volume.host)).withdraw_file(volume.spec())


def connect_snapshot(snapshot_id: str, details: Details) -> Connection:
    """Export a snapshot for reading and return its connection. Raises: as ``connect_volume``."""
    snapshot, driver = _read_snapshot_and_driver(snapshot_id)
    _require_connectable_status("snapshot", snapshot)
    wants_file = _requests_host_file(details)
    files = _require_host_files(driver) if wants_file else None
    found = driver.export_snapshot(snapshot.spec())
    return found if files is None else files.serve_file(snapshot.spec())


def disconnect_snapshot(snapshot_id: str) -> None:
    """Remove the export of a snapshot, and its file. Raises: as ``connect_volume``."""
    snapshot, driver = _read_snapshot_and_driver(snapshot_id)
    driver.unexport_snapshot(snapshot.spec())


def _read_snapshot_and_driver(snapshot_id: str) -> tuple[records.Snapshot, GroupSnapshots]:
    with runtime().database.read() as session:
        snapshot = snapshots.get(session, snapshot_id, caller().scope)
        # The volume is read without a scope: it cannot be deleted before its snapshots, so whoever may see
        # the snapshot may see the volume.
        volume = volumes.get(session, snapshot.volume_id, None)
    driver = _driver_of(volume.host)
    if not isinstance(driver, GroupSnapshots):
        raise InvalidState(f"The backend of snapshot {snapshot_id} cannot export snapshots.")
    return snapshot, driver


def rules_for_action(rule: str, action: str, details: Details) -> tuple[str, ...]:
    """Return the rules that guard an action: the given one, and that for host files if one is requested."""
    is_about_files = action in ("connect", "disconnect") and _requests_host_file(details)
    return (FILE_RULE, rule) if is_about_files else (rule,)


def _requests_host_file(details: Details) -> bool:
    connector = (details or {}).get("connector")
    value = connector.get(FILE, False) if isinstance(connector, Mapping) else False
    if not isinstance(value, bool):
        raise InvalidInput(f"{FILE} in a connector must be true or false.", FILE)
    return value


def _require_host_files(driver: object) -> SupportsHostFiles:
    if not isinstance(driver, SupportsHostFiles):
        raise InvalidState("The backend cannot serve files on its host. Leave the file out of the connector.")
    return driver


def _driver_of(host: str | None) -> StorageDriver:
    if host is None:
        raise InvalidState("The volume was never placed on a backend, so it has no address.")
    return runtime().drivers[host]


def _require_connectable_status(resource_type: str, record: records.Resource) -> None:
    if record.status not in _REACHABLE:
        raise InvalidState(
            f"Invalid {resource_type}: status must be {' or '.join(_REACHABLE)}, but it is {record.status}."
        )
