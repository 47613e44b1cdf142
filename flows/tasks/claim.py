"""The first steps of a flow: verify the claims and the reservation made at acceptance; undo both.

Acceptance claims resources and reserves quota before any step runs. The revert of the first step
therefore undoes both, whichever step fails: one transaction cancels the reservation and leaves the
resources in a resting status. The first step is reverted last, after all others have undone their
effects.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import timedelta
from typing import ClassVar

from sqlalchemy.orm import Session
from taskflow.types.failure import Failure

from cgflow import clock, records
from cgflow.config import Settings
from cgflow.db.database import Database
from cgflow.db.repositories import message as messages
from cgflow.db.repositories.registry import REPOSITORIES
from cgflow.drivers.contract import Inventory, StorageDriver
from cgflow.engine.outcome import reason_from_failures
from cgflow.engine.task import Task
from cgflow.errors import DriverError, InvalidState
from cgflow.quota import reservations
from cgflow.quota.deltas import charges_by_project
from cgflow.status import Status, status_from_attachments

LOG = logging.getLogger(__name__)

Claims = Mapping[str, list[str]]
Failures = Mapping[str, Failure]


def verify_claims(session: Session, flow_id: str, claims: Claims) -> None:
    """Raise InvalidState unless the flow holds everything that it has claimed."""
    for noun, ids in claims.items():
        lost = REPOSITORIES[noun].list_unclaimed_ids(session, ids, flow_id)
        if lost:
            raise InvalidState(
                f"Flow {flow_id} no longer holds {noun} {', '.join(lost)}, so it does not change it."
            )


def resting_status_of(session: Session, noun: str, id_: str) -> Status:
    """Return the resting status of a healthy resource: ``available``, or what a volume's attachments say."""
    (resource,) = REPOSITORIES[noun].get_with_deleted(session, [id_])
    return status_from_attachments(resource.attachments if isinstance(resource, records.Volume) else ())


def release_claims(session: Session, flow_id: str, claims: Claims) -> None:
    """Release everything that the flow still holds, with its status unchanged."""
    for noun, ids in claims.items():
        REPOSITORIES[noun].release(session, ids, flow_id)


class Claim(Task):
    """Base of the claim steps: verify that the flow holds what it was accepted for."""

    is_released_with_flow = True
    is_database_only = True

    def execute(self, database: Database, flow_id: str, claims: Claims) -> None:
        with database.read() as session:
            verify_claims(session, flow_id, claims)


class ClaimForChange(Claim):
    """Hold a resource that the flow changes.

    Revert: leave it in its resting status, with the reason why it was not changed.
    """

    atom = "claim.change"
    reverted_status: ClassVar[Status | None] = None
    reverted_columns: ClassVar[Mapping[str, object]] = {}

    def revert(
        self,
        database: Database,
        flow_id: str,
        claims: Claims,
        resource_type: str,
        resource_id: str,
        flow_failures: Failures,
        **_: object,
    ) -> None:
        reason = reason_from_failures(flow_failures.values())
        with database.write() as session:
            reservations.cancel(session, flow_id)
            messages.record(session, flow_id, messages.UNDONE, reason)
            status = self.reverted_status or resting_status_of(session, resource_type, resource_id)
            rows = REPOSITORIES[resource_type]
            rows.release_with_status(session, [resource_id], flow_id, status, reason, **self.reverted_columns)
            release_claims(session, flow_id, claims)


class ClaimForRevert(ClaimForChange):
    """Hold a group that is restored to a cgsnapshot, with its members.

    Revert: leave all of them ``available`` and unchanged, the group with the reason why it was not
    restored.
    """

    def revert(
        self,
        database: Database,
        flow_id: str,
        claims: Claims,
        resource_type: str,
        resource_id: str,
        flow_failures: Failures,
        **_: object,
    ) -> None:
        with database.write() as session:
            REPOSITORIES["volume"].release_with_status(session, claims["volume"], flow_id, Status.AVAILABLE)
        super().revert(database, flow_id, claims, resource_type, resource_id, flow_failures)


class ClaimForCreate(ClaimForChange):
    """Hold the new record, and the resources that it is created in or from.

    Revert: leave the record in ``error`` with the reason and charge no quota for it; release the
    rest.
    """

    atom = "claim.create"
    reverted_status = Status.ERROR
    reverted_columns: ClassVar[Mapping[str, object]] = {"consumes_quota": False}


class ReserveQuota(Task):
    """Ensure that the reservation made at acceptance exists; its id is the flow's id.

    Revert: cancel it, whatever state it reached.
    """

    atom = "quota.reserve"
    is_database_only = True
    is_released_with_flow = True

    def execute(
        self, database: Database, settings: Settings, flow_id: str, project_id: str, deltas: dict[str, int]
    ) -> None:
        with database.read() as session:
            if reservations.is_held(session, flow_id):
                return
        expires = clock.now() + timedelta(seconds=settings.reservation_expire_s)
        with database.write() as session:
            reservations.reserve(session, flow_id, project_id, deltas, expires)

    def revert(self, database: Database, flow_id: str, **_: object) -> None:
        with database.write() as session:
            reservations.cancel(session, flow_id)


class ClaimForDelete(Claim):
    """Hold the resources that are deleted.

    Revert: read from the backend what is left. The records of deleted resources are deleted and
    their quota is released. The rest is left in ``error_deleting`` with the reason. If the backend
    cannot report everything, no record is deleted.
    """

    atom = "claim.delete"

    def revert(
        self,
        database: Database,
        drivers: Mapping[str, StorageDriver],
        settings: Settings,
        flow_id: str,
        claims: Claims,
        host: str | None,
        group_id: str | None,
        deleting: list[str],
        flow_failures: Failures,
        **_: object,
    ) -> None:
        reason = reason_from_failures(flow_failures.values())
        remaining = _read_complete_inventory(drivers, host, group_id)
        with database.write() as session:
            messages.record(session, flow_id, messages.UNDONE, reason)
            for noun in deleting:
                ids = claims[noun]
                if remaining is not None:
                    removed = [id_ for id_ in ids if id_ not in _present_ids(remaining, noun, ids)]
                    delete_and_refund(session, settings, flow_id, noun, removed)
                REPOSITORIES[noun].release_with_status(session, ids, flow_id, Status.ERROR_DELETING, reason)
            release_claims(session, flow_id, claims)


def delete_and_refund(session: Session, settings: Settings, flow_id: str, noun: str, ids: list[str]) -> None:
    """Delete rows and release their quota in the same transaction. Deleted rows are left unchanged."""
    rows = REPOSITORIES[noun]
    existing = rows.list_by_ids(session, ids)
    charges = charges_by_project(existing, no_snapshot_gb_quota=settings.no_snapshot_gb_quota)
    for project_id, deltas in sorted(charges.items()):
        reservations.give_usage_back(session, project_id, deltas)
    rows.soft_delete(session, ids, flow_id)


def _read_complete_inventory(
    drivers: Mapping[str, StorageDriver], host: str | None, group_id: str | None
) -> Inventory | None:
    if host is None:
        return None
    try:
        inventory = drivers[host].inventory(group_id)
    except DriverError as error:
        LOG.warning("backend %s cannot report what is left, so all records are kept: %s", host, error)
        return None
    if inventory.problems:
        # The backend does not list what it cannot read, although that may exist.
        LOG.warning(
            "backend %s cannot report all that is left, so all records are kept: %s", host, inventory.problems
        )
        return None
    return inventory


def _present_ids(remaining: Inventory, noun: str, ids: list[str]) -> frozenset[str]:
    """Return the ids that still exist. A cgsnapshot exists until its deletion is committed."""
    known = {
        "volume": remaining.volumes,
        "snapshot": remaining.snapshots,
        "consistencygroup": remaining.groups,
    }
    return known.get(noun, frozenset(ids))
