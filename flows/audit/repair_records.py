"""Repairs that change records only, in one transaction that verifies each finding again.

A contradiction between records is searched for again in that transaction. A contradiction between a
record and a backend still holds if no flow has changed the record since the audit.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from sqlalchemy.orm import Session

from cgflow import clock
from cgflow.audit import database_checks, database_snapshot
from cgflow.audit.database_snapshot import DatabaseSnapshot, Row
from cgflow.audit.findings import Finding
from cgflow.context import RequestContext
from cgflow.db.repositories import attachment as attachments
from cgflow.db.repositories import cgsnapshot as cgsnapshots
from cgflow.db.repositories import transfer as transfers
from cgflow.db.repositories.registry import REPOSITORIES
from cgflow.errors import InvalidState, NotFound
from cgflow.quota import reservations, usage
from cgflow.quota.deltas import charge_of
from cgflow.status import Status
from flows.runtime import Runtime

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class RepairContext:
    """The values that the repairs of one transaction share."""

    session: Session
    rows: DatabaseSnapshot
    by: str
    no_snapshot_gb_quota: bool

    def reason_for(self, finding: Finding) -> str:
        """Return the reason that a repaired record shows."""
        return f"{finding.message} Repaired ({finding.code}) by {self.by}."


Outcome = dict[str, str | None]
"""Maps the id of a finding to None if it is repaired, or to the reason why it is not."""


def repair(runtime: Runtime, context: RequestContext, findings: Iterable[Finding]) -> Outcome:
    """Repair the findings that still hold and can be repaired, and return the outcome of each."""
    # Usage is corrected first, so that other repairs add to or subtract from the correct value.
    ordered = sorted(findings, key=lambda one: not one.code.startswith("quota."))
    if not ordered:
        return {}
    with runtime.database.write() as session:
        # Lock in the same order as acceptance: resources first, then their quota usage.
        found = (one.row for one in ordered if one.row is not None)
        for row in sorted(found, key=lambda row: (row.noun, row.id)):
            _lock_row_if_present(session, row)
        usage.lock_all_projects(session)
        rows = database_snapshot.read_database(session)
        settings = runtime.settings
        shared = RepairContext(
            session,
            rows,
            f"{context.user_id} ({context.request_id})",
            no_snapshot_gb_quota=settings.no_snapshot_gb_quota,
        )
        outcome = dict(_repair_each(shared, ordered))
    for one in ordered:
        if outcome[one.id] is None:
            LOG.warning("repaired by %s: %s", context.user_id, one)
    return outcome


def _repair_each(repair: RepairContext, findings: list[Finding]) -> Iterator[tuple[str, str | None]]:
    current = {
        one.id: one
        for one in database_checks.find_contradictions(
            repair.rows, no_snapshot_gb_quota=repair.no_snapshot_gb_quota
        )
    }
    for seen in findings:
        if seen.code in _BACKEND_CODES:
            holds = seen if _is_row_unchanged(seen, repair.rows) else None
        else:
            holds = current.get(seen.id)
        if holds is None:
            yield seen.id, "The finding no longer holds. Audit again."
            continue
        try:
            _REPAIRS[holds.code](repair, holds)
        except InvalidState as refusal:
            yield seen.id, refusal.message
        else:
            yield seen.id, None


def _lock_row_if_present(session: Session, row: Row) -> None:
    try:
        REPOSITORIES[row.noun].lock(session, row.id, None)
    except NotFound:
        # The row was deleted after the audit, so its finding no longer holds.
        return


def _is_row_unchanged(finding: Finding, rows: DatabaseSnapshot) -> bool:
    row = finding.row
    now = rows.resources.get(row.id) if row is not None else None
    if row is None or now is None:
        return False
    return (now.fields_changed_by_flows, now.status) == (row.fields_changed_by_flows, row.status)


def _mark_missing(repair: RepairContext, finding: Finding) -> None:
    row, reason = _row_of(finding), repair.reason_for(finding)
    REPOSITORIES[row.noun].update_unclaimed(repair.session, row.id, status=Status.ERROR.value, reason=reason)
    parent = repair.rows.resources.get(row.cgsnapshot_id or "")
    if parent is not None and parent.claimed_by is None and parent.status == Status.AVAILABLE:
        REPOSITORIES["cgsnapshot"].update_unclaimed(
            repair.session, parent.id, status=Status.ERROR.value, reason=reason
        )


def _record_actual_size(repair: RepairContext, finding: Finding) -> None:
    row, size = _row_of(finding), int(finding.facts["size"])
    _charge_or_refund_quota(repair, row, -1, row.size)
    _charge_or_refund_quota(repair, row, 1, size)
    REPOSITORIES[row.noun].update_unclaimed(repair.session, row.id, size=size)


def _end_waiting_for_transfer(repair: RepairContext, finding: Finding) -> None:
    REPOSITORIES["volume"].update_unclaimed(repair.session, finding.subject, status=Status.AVAILABLE.value)


def _mark_incomplete(repair: RepairContext, finding: Finding) -> None:
    reason = repair.reason_for(finding)
    REPOSITORIES["cgsnapshot"].update_unclaimed(
        repair.session, finding.subject, status=Status.ERROR.value, reason=reason
    )


def _recreate_cgsnapshot(repair: RepairContext, finding: Finding) -> None:
    row, rows = _row_of(finding), REPOSITORIES["cgsnapshot"]
    if row.group_id is None or row.group_gone:
        raise InvalidState(
            f"The consistency group of cgsnapshot {row.cgsnapshot_id} is deleted as well, so the cgsnapshot "
            "cannot be restored. Repair volume.group_gone of the snapshot's volume if it is found, then "
            f"delete the snapshot: cgflow snapshot delete {row.id}."
        )
    id_ = str(row.cgsnapshot_id)
    known = {"status": Status.ERROR.value, "reason": repair.reason_for(finding), "claimed_by": None}
    if cgsnapshots.find(repair.session, id_) is not None or rows.undelete(repair.session, id_, **known):
        # The repair of another snapshot has recreated it, or its deleted row was restored.
        return
    snapshot = REPOSITORIES["snapshot"].get(repair.session, row.id, None)
    shared = {name: getattr(snapshot, name) for name in ("user_id", "project_id", "name", "description")}
    columns = {
        "id": id_,
        "consistencygroup_id": row.group_id,
        "consumes_quota": True,
        "created_at": clock.now(),
    }
    rows.add(repair.session, {**columns, **shared, **known})


def _end_transitional_status(repair: RepairContext, finding: Finding) -> None:
    row = _row_of(finding)
    rest = database_checks.status_without_flow(row)
    REPOSITORIES[row.noun].update_unclaimed(
        repair.session, row.id, status=rest.value, reason=repair.reason_for(finding)
    )


def _release_claim(repair: RepairContext, finding: Finding) -> None:
    row, rows = _row_of(finding), REPOSITORIES[_row_of(finding).noun]
    holder, rest = str(row.claimed_by), database_checks.status_without_flow(row)
    if rest == row.status:
        rows.release(repair.session, [row.id], holder)
    else:
        rows.release_with_status(repair.session, [row.id], holder, rest, repair.reason_for(finding))


def _correct_usage(repair: RepairContext, finding: Finding) -> None:
    project_id, resource = finding.facts["project_id"], finding.facts["resource"]
    usages = usage.read(repair.session, project_id, [resource])
    if finding.code == "quota.usage":
        usages[resource].in_use = finding.facts["right"]
    else:
        usages[resource].reserved = finding.facts["right"]
    usage.write(repair.session, project_id, usages)


def _cancel_reservation(repair: RepairContext, finding: Finding) -> None:
    reservations.cancel(repair.session, finding.subject)


def _end_attachment(repair: RepairContext, finding: Finding) -> None:
    attachments.delete(repair.session, finding.subject)


def _end_transfer(repair: RepairContext, finding: Finding) -> None:
    transfers.close(repair.session, finding.subject)


def _charge_or_refund_quota(repair: RepairContext, row: Row, times: int, size: int) -> None:
    """Charge or release (``times`` 1 or -1) a resource of this size, even above the limit."""
    if not row.consumes_quota:
        return
    deltas = charge_of(row.noun, size, row.type_name, no_snapshot_gb_quota=repair.no_snapshot_gb_quota)
    usages = usage.read(repair.session, row.project_id, list(deltas))
    for resource, delta in deltas.items():
        usage.add_in_use(usages, row.project_id, resource, times * delta)
    usage.write(repair.session, row.project_id, usages)


def _row_of(finding: Finding) -> Row:
    assert finding.row is not None  # noqa: S101 - these are found by their records
    return finding.row


_BACKEND_CODES = frozenset({"volume.missing", "snapshot.missing", "volume.larger"})
_REPAIRS: dict[str, Callable[[RepairContext, Finding], None]] = {
    "volume.missing": _mark_missing,
    "snapshot.missing": _mark_missing,
    "volume.larger": _record_actual_size,
    "volume.unoffered": _end_waiting_for_transfer,
    "cgsnapshot.incomplete": _mark_incomplete,
    "snapshot.cgsnapshot_gone": _recreate_cgsnapshot,
    "status.passing": _end_transitional_status,
    "claim.left": _release_claim,
    "quota.usage": _correct_usage,
    "quota.reserved": _correct_usage,
    "reservation.left": _cancel_reservation,
    "attachment.volume_gone": _end_attachment,
    "transfer.not_waiting": _end_transfer,
}
