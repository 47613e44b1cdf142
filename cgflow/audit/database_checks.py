"""Comparison of records with quota, reservations, claims and each other.

Each invariant holds at every moment, because both sides change in one transaction. So one read
suffices, and every finding is real. Where an undo takes several transactions, what it is undoing is
left out (``_quota_being_refunded``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from cgflow.audit.database_snapshot import DatabaseSnapshot, Row
from cgflow.audit.findings import Finding, finding_about_row
from cgflow.quota.deltas import charge_of
from cgflow.quota.usage import Usage
from cgflow.status import TRANSITIONAL, FlowState, ReservationState, Status, is_rolled_back, status_at_rest

QuotaTotals = Counter[tuple[str, str]]


def find_contradictions(rows: DatabaseSnapshot, *, no_snapshot_gb_quota: bool) -> Iterator[Finding]:
    """Return all contradictions between the rows of the database."""
    yield from _find_wrong_quota(rows, no_snapshot_gb_quota)
    yield from _find_stale_reservations(rows)
    for row in rows.resources.values():
        yield from _find_stale_claim_or_status(row, rows)
    yield from _find_incomplete_cgsnapshots(rows)
    yield from _find_snapshots_of_deleted_cgsnapshots(rows)
    yield from _find_broken_attachments_and_transfers(rows)


def status_without_flow(row: Row) -> Status:
    """Return the status of a resource that no flow holds; ``error``, if it was rolled back."""
    # A resource that counts against the quota exists: its creation was committed.
    status = status_at_rest(Status(row.status), is_created=row.consumes_quota)
    if status is Status.AVAILABLE and is_rolled_back(row.noun, consumes_quota=row.consumes_quota):
        return Status.ERROR
    return status


def charged_quota(rows: DatabaseSnapshot, *, no_snapshot_gb_quota: bool) -> QuotaTotals:
    """Return the total quota that the records charge, by project and quota resource."""
    totals: QuotaTotals = Counter()
    each = Counter(
        (row.project_id, row.noun, row.size, row.type_name)
        for row in rows.resources.values()
        if row.consumes_quota
    )
    for (project_id, noun, size, kind), number in each.items():
        for resource, delta in charge_of(noun, size, kind, no_snapshot_gb_quota=no_snapshot_gb_quota).items():
            totals[project_id, resource] += delta * number
    return totals


def reserved_quota(rows: DatabaseSnapshot) -> QuotaTotals:
    """Return the total of the reservations, by project and quota resource. Refunds reserve nothing."""
    totals: QuotaTotals = Counter()
    for reservation in rows.reservations:
        if reservation.state is ReservationState.RESERVED:
            totals[reservation.project_id, reservation.resource] += max(reservation.delta, 0)
    return totals


def _find_wrong_quota(rows: DatabaseSnapshot, no_snapshot_gb_quota: bool) -> Iterator[Finding]:
    in_use = charged_quota(rows, no_snapshot_gb_quota=no_snapshot_gb_quota)
    reserved = reserved_quota(rows)
    refunded = _quota_being_refunded(rows)
    for key in sorted(rows.usages.keys() | in_use.keys() | reserved.keys()):
        usage = rows.usages.get(key, Usage())
        message = f"Project {key[0]} has {{}} {key[1]} {{}}, but {{}} {{}}."
        if usage.in_use != in_use[key] and key not in refunded:
            text = message.format(usage.in_use, "in use", in_use[key], "by its records")
            yield _quota_finding("quota.usage", key, text, in_use[key])
        if usage.reserved != reserved[key]:
            text = message.format(usage.reserved, "reserved", reserved[key], "by its reservations")
            yield _quota_finding("quota.reserved", key, text, reserved[key])


def _quota_finding(code: str, key: tuple[str, str], message: str, right: int) -> Finding:
    project_id, resource = key
    return Finding(
        code=code,
        subject=f"{project_id}/{resource}",
        message=message,
        noun="quota",
        name=resource,
        facts={"project_id": project_id, "resource": resource, "right": right},
    )


def _quota_being_refunded(rows: DatabaseSnapshot) -> set[tuple[str, str]]:
    """Return the quota that an undo is giving back: it changes usage and records in separate transactions."""
    undoing = (FlowState.REVERTING, FlowState.ROLLBACK_FAILED)
    return {
        (reservation.project_id, reservation.resource)
        for reservation in rows.reservations
        if reservation.flow_state in undoing and reservation.state is not ReservationState.RESERVED
    }


def _find_stale_reservations(rows: DatabaseSnapshot) -> Iterator[Finding]:
    stale = {
        reservation.flow_id: reservation
        for reservation in rows.reservations
        if reservation.state is ReservationState.RESERVED and reservation.flow_id not in rows.open_flows
    }
    for flow_id, reservation in sorted(stale.items()):
        message = (
            f"Flow {flow_id} is {reservation.flow_state}, but project {reservation.project_id} has quota "
            "reserved for it."
        )
        facts = {"project_id": reservation.project_id}
        yield Finding(
            code="reservation.left", subject=flow_id, message=message, noun="reservation", facts=facts
        )


def _find_stale_claim_or_status(row: Row, rows: DatabaseSnapshot) -> Iterator[Finding]:
    if row.claimed_by is not None:
        if row.claimed_by not in rows.open_flows:
            message = f"{row.noun} {row.id} is claimed by flow {row.claimed_by}, which has ended."
            yield finding_about_row("claim.left", row, message)
    elif row.status in TRANSITIONAL and row.flow_id not in rows.open_flows:
        message = f"{row.noun} {row.id} is {row.status}, but no flow is changing it."
        yield finding_about_row("status.passing", row, message)


def _find_incomplete_cgsnapshots(rows: DatabaseSnapshot) -> Iterator[Finding]:
    snapshots = Counter(row.cgsnapshot_id for row in rows.rows_of_type("snapshot") if row.consumes_quota)
    for row in rows.rows_of_type("cgsnapshot"):
        count, cut = snapshots[row.id], row.members if row.members is not None else 1
        if _is_unclaimed(row, rows) and row.status == Status.AVAILABLE and count < cut:
            message = f"cgsnapshot {row.id} is available, but has {count} snapshots of {cut} members."
            yield finding_about_row("cgsnapshot.incomplete", row, message)


def _find_snapshots_of_deleted_cgsnapshots(rows: DatabaseSnapshot) -> Iterator[Finding]:
    for row in rows.rows_of_type("snapshot"):
        if row.cgsnapshot_gone and _is_unclaimed(row, rows):
            message = f"snapshot {row.id} names cgsnapshot {row.cgsnapshot_id}, which is deleted."
            yield finding_about_row("snapshot.cgsnapshot_gone", row, message)


def _is_unclaimed(row: Row, rows: DatabaseSnapshot) -> bool:
    return row.claimed_by is None and row.flow_id not in rows.open_flows


def _find_broken_attachments_and_transfers(rows: DatabaseSnapshot) -> Iterator[Finding]:
    for id_, volume_id in rows.attachments_of_deleted:
        message = f"Attachment {id_} is of volume {volume_id}, which is deleted."
        yield Finding(code="attachment.volume_gone", subject=id_, message=message, noun="attachment")
    for id_, volume_id, is_waiting in rows.transfers:
        if not is_waiting:
            message = f"Transfer {id_} offers volume {volume_id}, which does not await a transfer."
            yield Finding(code="transfer.not_waiting", subject=id_, message=message, noun="transfer")
    offered = {volume_id for _, volume_id, _ in rows.transfers}
    for row in rows.rows_of_type("volume"):
        if row.status == Status.AWAITING_TRANSFER and row.id not in offered and row.claimed_by is None:
            message = f"volume {row.id} awaits a transfer, but there is none."
            yield finding_about_row("volume.unoffered", row, message)
