"""Quota reservations, which become usage or are given back.

A reservation is made before an operation begins and is committed at its end; its id is the id of
the flow. All of it is made, or none. Negative deltas are refunds: they hold nothing while reserved,
and count once committed.

    reserve -> reserved --commit--> committed
                  |  ^                  |
               cancel |reserve        cancel
                  v  |                  |
               cancelled <--------------+

Unless stated otherwise, a repeated call has no effect. All changes are part of the caller's session
and take effect when its transaction commits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, insert, select, update
from sqlalchemy.orm import Session

from cgflow.db.models import Flow, Reservation
from cgflow.db.prepared_statements import execute, execute_many
from cgflow.errors import InvalidState, QuotaExceeded
from cgflow.quota import usage
from cgflow.quota.deltas import GIGABYTES, GROUPS, PER_TYPE
from cgflow.quota.limits import effective_limits
from cgflow.status import UNFINISHED, ReservationState

_INSERT = insert(Reservation)
_SELECT = (
    select(Reservation.resource, Reservation.project_id, Reservation.delta, Reservation.state)
    .where(Reservation.id == bindparam("id"))
    .order_by(Reservation.resource)
)
_UPDATE = (
    update(Reservation)
    .where(Reservation.id == bindparam("of"), Reservation.resource == bindparam("for_resource"))
    .values(state=bindparam("new_state"), delta=bindparam("new_delta"))
)


def reserve(
    session: Session, reservation_id: str, project_id: str, deltas: Mapping[str, int], expires_at: datetime
) -> None:
    """Reserve the deltas for a project. A reservation that is reserved or committed already is unchanged.

    A cancelled or expired one is made again, with the same check of the limits. The record of the
    flow must exist before.
    Raises: QuotaExceeded, and reserves nothing.
    """
    deltas = {resource: delta for resource, delta in sorted(deltas.items()) if delta}
    if not deltas:
        return
    usage.lock_project(session, project_id)
    earlier = _select_rows(session, reservation_id)
    if any(row.state != ReservationState.CANCELLED for row in earlier):
        return
    taken = {resource: delta for resource, delta in deltas.items() if delta > 0}
    if taken:
        _reserve_within_limits(session, project_id, taken)
    if earlier:
        session.execute(delete(Reservation).where(Reservation.id == reservation_id))
    rows = [
        {
            "id": reservation_id,
            "resource": resource,
            "project_id": project_id,
            "delta": delta,
            "state": ReservationState.RESERVED.value,
            "expires_at": expires_at,
        }
        for resource, delta in deltas.items()
    ]
    execute_many(session, _INSERT, rows)


def is_held(session: Session, reservation_id: str) -> bool:
    """Return whether a reservation exists and was not cancelled."""
    return any(row.state != ReservationState.CANCELLED for row in _select_rows(session, reservation_id))


def commit(session: Session, reservation_id: str) -> None:
    """Turn a reservation into usage, refunds included. A missing one is ignored.

    Raises: InvalidState, if it was cancelled or has expired: its quota is no longer reserved.
    """
    rows = _lock_rows(session, reservation_id)
    if any(row.state == ReservationState.CANCELLED for row in rows):
        raise InvalidState(
            f"Quota reservation {reservation_id} was given back and cannot be committed; reserve it again."
        )
    held = [row for row in rows if row.state == ReservationState.RESERVED]
    if not held:
        return
    project_id = held[0].project_id
    usages = usage.read(session, project_id, [row.resource for row in held])
    changed = []
    for row in held:
        usages[row.resource].reserved -= max(row.delta, 0)
        added = usage.add_in_use(usages, project_id, row.resource, row.delta)
        # Store the amount actually given back, so that cancelling restores exactly that.
        changed.append(_new_state(reservation_id, row.resource, ReservationState.COMMITTED, added))
    execute_many(session, _UPDATE, changed)
    usage.write(session, project_id, usages)


def commit_and_delete(session: Session, reservation_id: str) -> None:
    """Turn a reservation into usage and delete it, so that a later cancel has no effect.

    Raises: InvalidState, like ``commit``.
    """
    commit(session, reservation_id)
    session.execute(delete(Reservation).where(Reservation.id == reservation_id))


def cancel(session: Session, reservation_id: str) -> None:
    """Give a reservation back, whether reserved or committed. A missing or cancelled one is ignored."""
    live = [row for row in _lock_rows(session, reservation_id) if row.state != ReservationState.CANCELLED]
    if not live:
        return
    project_id = live[0].project_id
    usages = usage.read(session, project_id, [row.resource for row in live])
    for row in live:
        if row.state == ReservationState.RESERVED:
            usages[row.resource].reserved -= max(row.delta, 0)
        else:
            usage.add_in_use(usages, project_id, row.resource, -row.delta)
    cancelled = [
        _new_state(reservation_id, row.resource, ReservationState.CANCELLED, row.delta) for row in live
    ]
    execute_many(session, _UPDATE, cancelled)
    usage.write(session, project_id, usages)


def give_usage_back(session: Session, project_id: str, deltas: Mapping[str, int]) -> None:
    """Give usage back at once, in positive amounts, in the transaction that deletes the resources.

    Not idempotent: the caller deletes the rows that counted in the same transaction.
    """
    held = {resource: delta for resource, delta in deltas.items() if delta}
    if not held:
        return
    usage.lock_project(session, project_id)
    usages = usage.read(session, project_id, list(held))
    for resource, delta in held.items():
        usage.add_in_use(usages, project_id, resource, -delta)
    usage.write(session, project_id, usages)


def move_usage(session: Session, source: str, target: str, deltas: Mapping[str, int]) -> None:
    """Move usage, in positive amounts, from one project to another at once.

    Not idempotent: the caller changes the owner in the same transaction.
    Raises: QuotaExceeded, and moves nothing.
    """
    held = {resource: delta for resource, delta in sorted(deltas.items()) if delta}
    if not held or source == target:
        return
    for project_id in sorted((source, target)):
        usage.lock_project(session, project_id)
    _reserve_within_limits(session, target, held)
    usages = usage.read(session, target, list(held))
    for resource, delta in held.items():
        usages[resource].reserved -= delta
        usages[resource].in_use += delta
    usage.write(session, target, usages)
    give_usage_back(session, source, held)


def cancel_expired(session: Session, now: datetime) -> list[str]:
    """Cancel the expired reservations of flows that have ended; return their ids.

    The reservation of an unfinished flow is kept, however old: the flow will commit or cancel it.
    """
    over = (
        select(Reservation.id)
        .join(Flow, Flow.id == Reservation.id)
        .where(Reservation.state == ReservationState.RESERVED, Reservation.expires_at < now)
        .where(Flow.state.not_in(UNFINISHED))
        .group_by(Reservation.id, Reservation.project_id)
        .order_by(Reservation.project_id, Reservation.id)
    )
    expired = list(session.scalars(over))
    for reservation_id in expired:
        cancel(session, reservation_id)
    return expired


def _select_rows(session: Session, reservation_id: str) -> Sequence[Any]:
    return execute(session, _SELECT, id=reservation_id).all()


def _lock_rows(session: Session, reservation_id: str) -> Sequence[Any]:
    """Return the rows of a reservation, after locking its project. A reservation's project never changes."""
    rows = _select_rows(session, reservation_id)
    if not rows:
        return []
    usage.lock_project(session, rows[0].project_id)
    return _select_rows(session, reservation_id)


def _new_state(reservation_id: str, resource: str, state: ReservationState, delta: int) -> dict[str, object]:
    return {"of": reservation_id, "for_resource": resource, "new_state": state.value, "new_delta": delta}


def _reserve_within_limits(session: Session, project_id: str, taken: Mapping[str, int]) -> None:
    limits = effective_limits(session, project_id, list(taken))
    usages = usage.read(session, project_id, list(taken))
    for resource, delta in taken.items():
        counted = usages[resource].in_use + usages[resource].reserved
        if 0 <= limits[resource] < counted + delta:
            raise QuotaExceeded(_quota_exceeded_message(resource, delta, limits[resource], counted))
        usages[resource].reserved += delta
    usage.write(session, project_id, usages)


def _quota_exceeded_message(resource: str, requested: int, limit: int, counted: int) -> str:
    """Return the API's message for one quota resource, with the requested amount."""
    kind = next((name for name in PER_TYPE if resource.startswith(f"{name}_")), resource)
    if kind == GIGABYTES:
        words = "Gigabytes" if resource == GIGABYTES else resource
        return (
            f"Requested volume or snapshot exceeds allowed {words} quota. Requested {requested}G, "
            f"quota is {limit}G and {counted}G has been consumed."
        )
    things = "groups" if kind == GROUPS else kind
    of_type = "" if kind == resource else f" for quota '{resource}'"
    return f"Maximum number of {things} allowed ({limit}) exceeded{of_type}"
