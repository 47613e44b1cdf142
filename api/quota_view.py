"""Quota under the names that clients use.

Cinder's clients call the quota of consistency groups ``groups``; older ones call it ``consistencygroups``.
Both names are shown and accepted.
"""

from __future__ import annotations

from collections.abc import Mapping

from cgflow.errors import InvalidInput
from cgflow.quota.deltas import BACKUP_GIGABYTES, BACKUPS, GIGABYTES, GROUPS, SNAPSHOTS, VOLUMES
from cgflow.records import QuotaLine

_ALIAS = "groups"


def limits(found: Mapping[str, int]) -> dict[str, object]:
    """Return limits by every name that clients use."""
    return {**found, _ALIAS: found[GROUPS]}


def usages(lines: list[QuotaLine]) -> dict[str, object]:
    """Return limit, usage and reservations by every name that clients use."""
    known = {line.resource: _line(line.limit, line.in_use, line.reserved) for line in lines}
    return {**known, _ALIAS: known[GROUPS]}


def by_resource(asked: Mapping[str, int]) -> dict[str, int]:
    """Return limits by resource name. Raises: InvalidInput, if two names of one quota contradict."""
    known = {GROUPS if name == _ALIAS else name: limit for name, limit in asked.items()}
    if {GROUPS, _ALIAS} <= asked.keys() and asked[GROUPS] != asked[_ALIAS]:
        raise InvalidInput(f"'{_ALIAS}' and '{GROUPS}' are one quota: give one limit.", _ALIAS)
    return known


def absolute(lines: list[QuotaLine]) -> dict[str, int]:
    """Return the totals under the names of ``/limits``."""
    by_name = {line.resource: line for line in lines}
    volumes, gigabytes, snapshots = (by_name[name] for name in (VOLUMES, GIGABYTES, SNAPSHOTS))
    return {
        "maxTotalVolumes": volumes.limit,
        "maxTotalSnapshots": snapshots.limit,
        "maxTotalVolumeGigabytes": gigabytes.limit,
        "maxTotalBackups": by_name[BACKUPS].limit,
        "maxTotalBackupGigabytes": by_name[BACKUP_GIGABYTES].limit,
        "totalVolumesUsed": volumes.in_use,
        "totalGigabytesUsed": gigabytes.in_use,
        "totalSnapshotsUsed": snapshots.in_use,
        "totalBackupsUsed": 0,
        "totalBackupGigabytesUsed": 0,
    }


def _line(limit: int, in_use: int, reserved: int) -> dict[str, int]:
    return {"limit": limit, "in_use": in_use, "reserved": reserved}
