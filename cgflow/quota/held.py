"""What living things count, so that deleting them gives back exactly that."""

from __future__ import annotations

from collections.abc import Iterable

from cgflow import records
from cgflow.quota import resources
from cgflow.quota.resources import Deltas


def held_by(things: Iterable[records.Resource], *, no_snapshot_gb_quota: bool) -> dict[str, Deltas]:
    """Return, for each project, what these things count now. What was rolled back counts nothing."""
    held: dict[str, Deltas] = {}
    for thing in things:
        if thing.consumes_quota:
            counted = _counted(thing, no_snapshot_gb_quota)
            held[thing.project_id] = resources.total(held.get(thing.project_id, {}), counted)
    return held


def _counted(thing: records.Resource, no_snapshot_gb_quota: bool) -> Deltas:
    match thing:
        case records.ConsistencyGroup():
            return resources.for_group()
        case records.Volume():
            return resources.for_volume(thing.size, thing.volume_type_name)
        case records.Snapshot():
            copies = [(thing.size, thing.volume_type_name)]
            return resources.for_snapshots(copies, no_snapshot_gb_quota=no_snapshot_gb_quota)
        case _:
            # A cgsnapshot is counted by its members.
            return {}
