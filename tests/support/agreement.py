"""Whether rows and backend tell of the same things."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from cgflow import records
from cgflow.db.repositories import snapshot
from cgflow.drivers.contract import StorageDriver


def disagreements(living: Callable[[str], list[Any]], driver: StorageDriver) -> Iterator[str]:
    """Name what the rows (``living`` returns those of a noun) and the backend tell differently."""
    really = driver.inventory()
    found = {
        "consistencygroup": really.groups,
        "volume": really.volumes,
        "snapshot": really.snapshots,
    }
    for noun, there in found.items():
        placed = {t.id for t in living(noun) if t.host is not None and not _never_was(t)}
        if placed != there:
            yield f"rows of {noun} are {sorted(placed)}, the backend has {sorted(there)}"
    for group_id in really.groups:
        members = {t.id for t in living("volume") if t.host and t.consistencygroup_id == group_id}
        held = driver.inventory(group_id).volumes
        if members != held:
            yield f"rows of members of {group_id} are {sorted(members)}, the backend has {sorted(held)}"
    if really.problems:
        yield f"the backend reports {really.problems}"


def _never_was(thing: Any) -> bool:
    return isinstance(thing, records.Snapshot) and snapshot.never_was(thing)
