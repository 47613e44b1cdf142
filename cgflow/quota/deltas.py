"""The quota resources, and how much of each an operation takes or gives back, or a resource charges.

``consistencygroups``, ``volumes`` and ``snapshots`` count resources; ``gigabytes`` counts the GiB
of volumes and snapshots together. The last three are also counted for each volume type, as
``volumes_<type>`` and so on. ``per_volume_gigabytes`` limits the size of each volume and has no
usage. ``backups`` and ``backup_gigabytes`` have no usage, because there are no backups.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from cgflow import records

GROUPS = "consistencygroups"
VOLUMES = "volumes"
SNAPSHOTS = "snapshots"
GIGABYTES = "gigabytes"

TOTALS = (GROUPS, VOLUMES, SNAPSHOTS, GIGABYTES)
BACKUPS, BACKUP_GIGABYTES = "backups", "backup_gigabytes"
PER_VOLUME_GIGABYTES = "per_volume_gigabytes"
UNCOUNTED = (BACKUPS, BACKUP_GIGABYTES, PER_VOLUME_GIGABYTES)
PER_TYPE = (VOLUMES, SNAPSHOTS, GIGABYTES)

Deltas = dict[str, int]
"""The amount of each quota resource that is taken (positive) or given back (negative)."""


def type_resource_name(resource: str, type_name: str) -> str:
    """Return the name of a quota resource for one volume type."""
    return f"{resource}_{type_name}"


def type_resource_names(type_names: Iterable[str]) -> list[str]:
    """Return the names of all per-type quota resources of these volume types."""
    return [type_resource_name(resource, name) for name in type_names for resource in PER_TYPE]


def for_group() -> Deltas:
    """Return the quota of a consistency group, without its volumes."""
    return {GROUPS: 1}


def for_volume(size: int, type_name: str | None) -> Deltas:
    """Return the quota of a volume of ``size`` GiB."""
    return for_volumes([(size, type_name)])


def for_volumes(volumes: Iterable[tuple[int, str | None]]) -> Deltas:
    """Return the total quota of several volumes, given by size in GiB and type."""
    return sum_deltas(*(_add_type_deltas({VOLUMES: 1, GIGABYTES: size}, name) for size, name in volumes))


def for_extend(more: int, type_name: str | None) -> Deltas:
    """Return the additional quota of a volume that is extended by ``more`` GiB."""
    return _add_type_deltas({GIGABYTES: more}, type_name)


def for_snapshots(
    snapshots: Iterable[tuple[int, str | None]], *, no_snapshot_gb_quota: bool = False
) -> Deltas:
    """Return the total quota of the snapshots of a cgsnapshot, given by size in GiB and type.

    With ``no_snapshot_gb_quota`` snapshots are counted, but their GiB are not.
    """
    each = (({SNAPSHOTS: 1} if no_snapshot_gb_quota else {SNAPSHOTS: 1, GIGABYTES: size}, name)
            for size, name in snapshots)  # fmt: skip
    return sum_deltas(*(_add_type_deltas(deltas, name) for deltas, name in each))


def negate(deltas: Mapping[str, int]) -> Deltas:
    """Return the deltas that give these deltas back."""
    return {resource: -delta for resource, delta in deltas.items()}


def sum_deltas(*deltas: Mapping[str, int]) -> Deltas:
    """Return the sum of several deltas."""
    added: Counter[str] = Counter()
    for one in deltas:
        added.update(one)
    return dict(added)


def _add_type_deltas(deltas: Deltas, type_name: str | None) -> Deltas:
    if type_name is None:
        return deltas
    return deltas | {type_resource_name(resource, type_name): delta for resource, delta in deltas.items()}


def charges_by_project(
    things: Iterable[records.Resource], *, no_snapshot_gb_quota: bool
) -> dict[str, Deltas]:
    """Return the quota that these resources charge now, by project. Rolled-back resources charge nothing."""
    held: dict[str, Deltas] = {}
    for thing in things:
        if thing.consumes_quota:
            counted = _charge_of_record(thing, no_snapshot_gb_quota)
            held[thing.project_id] = sum_deltas(held.get(thing.project_id, {}), counted)
    return held


def _charge_of_record(thing: records.Resource, no_snapshot_gb_quota: bool) -> Deltas:
    match thing:
        case records.ConsistencyGroup():
            return charge_of("consistencygroup", 0, None)
        case records.Volume():
            return charge_of("volume", thing.size, thing.volume_type_name)
        case records.Snapshot():
            size, kind = thing.size, thing.volume_type_name
            return charge_of("snapshot", size, kind, no_snapshot_gb_quota=no_snapshot_gb_quota)
        case _:
            return charge_of("cgsnapshot", 0, None)


def charge_of(noun: str, size: int, type_name: str | None, *, no_snapshot_gb_quota: bool = False) -> Deltas:
    """Return the quota that one resource charges, by its type, size in GiB and volume type."""
    match noun:
        case "consistencygroup":
            return for_group()
        case "volume":
            return for_volume(size, type_name)
        case "snapshot":
            return for_snapshots([(size, type_name)], no_snapshot_gb_quota=no_snapshot_gb_quota)
        case _:
            # A cgsnapshot is charged through its members.
            return {}
