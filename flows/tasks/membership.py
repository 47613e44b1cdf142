"""Steps that move volumes into and out of a consistency group.

``moves`` maps the id of each volume to its current group ``from`` (None if it is in none), its new
group ``to`` (None likewise) and its ``size`` in GiB.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cgflow.db.database import Database
from cgflow.db.repositories import consistencygroup, volume
from cgflow.drivers.contract import Regrouping, StorageDriver, VolumeSpec
from cgflow.engine.task import Task
from cgflow.errors import FinalDriverError
from cgflow.status import Status
from flows.driver_calls import call_with_retry, verify_member
from flows.tasks.claim import Claims, release_claims
from flows.tasks.record import CommitRecord

Moves = Mapping[str, Mapping[str, Any]]


class MoveVolume(Task):
    """Move one volume into the group or out of it.

    Revert: move it back.
    """

    atom = "driver.move_volume"

    def execute(
        self, drivers: Mapping[str, StorageDriver], host: str, group_id: str, volume_id: str, moves: Moves
    ) -> None:
        move = moves[volume_id]
        _move_volume(drivers, host, group_id, VolumeSpec(volume_id, move["size"], move["from"]), move["to"])

    def revert(
        self,
        drivers: Mapping[str, StorageDriver],
        host: str,
        group_id: str,
        volume_id: str,
        moves: Moves,
        **_: object,
    ) -> None:
        move = moves[volume_id]
        if isinstance(drivers[host], Regrouping):
            spec = VolumeSpec(volume_id, move["size"], move["to"])
            _move_volume(drivers, host, group_id, spec, move["from"], is_undo=True)
        else:  # A driver without this ability has moved nothing.
            unmoved = VolumeSpec(volume_id, move["size"], move["from"])
            verify_member(drivers[host], group_id, unmoved, is_undo=True)


class CommitMembership(CommitRecord):
    """Record the new members and the group's new name and description, and release all claims."""

    def execute(
        self,
        database: Database,
        flow_id: str,
        resource_id: str,
        claims: Claims,
        moves: Moves,
        changes: dict[str, str],
    ) -> None:
        with database.write() as session:
            for group_id in {move["to"] for move in moves.values()}:
                ids = [volume_id for volume_id, move in moves.items() if move["to"] == group_id]
                volume.REPOSITORY.update_claimed(session, ids, flow_id, consistencygroup_id=group_id)
            consistencygroup.REPOSITORY.release_with_status(
                session, [resource_id], flow_id, Status.AVAILABLE, **changes
            )
            release_claims(session, flow_id, claims)


def _move_volume(
    drivers: Mapping[str, StorageDriver],
    host: str,
    group_id: str,
    spec: VolumeSpec,
    target: str | None,
    *,
    is_undo: bool = False,
) -> None:
    driver = drivers[host]
    if not isinstance(driver, Regrouping):
        raise FinalDriverError(f"Backend {host} cannot move volumes into groups or out of them.")
    call_with_retry(driver.move_volume, spec, target)
    verify_member(driver, group_id, VolumeSpec(spec.id, spec.size_gib, target), is_undo=is_undo)
