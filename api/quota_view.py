"""Quota under the names that clients know.

Cinder's clients call the quota of consistency groups ``groups``, older ones
``consistencygroups``: both are shown and taken. They also show backups, of
which there are none here, and a largest volume, which is not limited.
"""

from __future__ import annotations

from collections.abc import Mapping

from cgflow.errors import InvalidInput
from cgflow.quota.limits import UNLIMITED
from cgflow.quota.resources import GROUPS
from cgflow.records import QuotaLine

_ALIAS = "groups"
_ABSENT = {"backups": 0, "backup_gigabytes": 0, "per_volume_gigabytes": UNLIMITED}


def limits(found: Mapping[str, int]) -> dict[str, object]:
    """Return limits by every name that clients look for."""
    return {**found, _ALIAS: found[GROUPS], **_ABSENT}


def usages(lines: list[QuotaLine]) -> dict[str, object]:
    """Return limit, usage and reservations by every name that clients look for."""
    known = {line.resource: _line(line.limit, line.in_use, line.reserved) for line in lines}
    absent = {name: _line(limit, 0, 0) for name, limit in _ABSENT.items()}
    return {**known, _ALIAS: known[GROUPS], **absent}


def resources(asked: Mapping[str, int]) -> dict[str, int]:
    """Return limits by the names of the ledger. Raises: InvalidInput, if two names contradict each other."""
    known = {GROUPS if name == _ALIAS else name: limit for name, limit in asked.items()}
    if {GROUPS, _ALIAS} <= asked.keys() and asked[GROUPS] != asked[_ALIAS]:
        raise InvalidInput(f"'{_ALIAS}' and '{GROUPS}' are one quota: give one limit.", _ALIAS)
    return known


def absolute(lines: list[QuotaLine]) -> dict[str, int]:
    """Return the totals as ``/limits`` names them."""
    by_name = {line.resource: line for line in lines}
    volumes, gigabytes, snapshots = (by_name[name] for name in ("volumes", "gigabytes", "snapshots"))
    return {
        "maxTotalVolumes": volumes.limit,
        "maxTotalSnapshots": snapshots.limit,
        "maxTotalVolumeGigabytes": gigabytes.limit,
        "maxTotalBackups": _ABSENT["backups"],
        "maxTotalBackupGigabytes": _ABSENT["backup_gigabytes"],
        "totalVolumesUsed": volumes.in_use,
        "totalGigabytesUsed": gigabytes.in_use,
        "totalSnapshotsUsed": snapshots.in_use,
        "totalBackupsUsed": 0,
        "totalBackupGigabytesUsed": 0,
    }


def _line(limit: int, in_use: int, reserved: int) -> dict[str, int]:
    return {"limit": limit, "in_use": in_use, "reserved": reserved}
