"""Quota charged by existing resources, which deleting them gives back exactly."""

from __future__ import annotations

from collections.abc import Iterable

from cgflow import records
from cgflow.quota import deltas
from cgflow.quota.deltas import Deltas


def charges_of(things: Iterable[records.Resource], *, no_snapshot_gb_quota: bool) -> dict[str, Deltas]:
    """Return the quota that these resources charge now, by project. Rolled-back resources charge nothing."""
    held: dict[str, Deltas] = {}
    for thing in things:
        if thing.consumes_quota:
            counted = _counted(thing, no_snapshot_gb_quota)
            held[thing.project_id] = deltas.total(held.get(thing.project_id, {}), counted)
    return held


def _counted(thing: records.Resource, no_snapshot_gb_quota: bool) -> Deltas:
    match thing:
        case records.ConsistencyGroup():
            return charge("consistencygroup", 0, None)
        case records.Volume():
            return charge("volume", thing.size, thing.volume_type_name)
        case records.Snapshot():
            size, kind = thing.size, thing.volume_type_name
            return charge("snapshot", size, kind, no_snapshot_gb_quota=no_snapshot_gb_quota)
        case _:
            return charge("cgsnapshot", 0, None)


def charge(noun: str, size: int, type_name: str | None, *, no_snapshot_gb_quota: bool = False) -> Deltas:
    """Return the quota that one resource charges, by its type, size in GiB and volume type."""
    match noun:
        case "consistencygroup":
            return deltas.for_group()
        case "volume":
            return deltas.for_volume(size, type_name)
        case "snapshot":
            return deltas.for_snapshots([(size, type_name)], no_snapshot_gb_quota=no_snapshot_gb_quota)
        case _:
            # A cgsnapshot is charged through its members.
            return {}
