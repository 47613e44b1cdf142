"""Messages to users about failed operations, kept for thirty days."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from sqlalchemy import delete as delete_rows
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from cgflow import clock, records
from cgflow.atom_states import undone_text
from cgflow.db.models import Flow, Message
from cgflow.db.repositories.paging import ListQuery, select_page
from cgflow.db.upsert import insert_missing
from cgflow.errors import NotFound

LIFETIME = timedelta(days=30)

MAX_PER_PROJECT = 5000
"""Number of messages kept for one project; older ones are deleted."""

UNDONE, ROLLBACK_FAILED = "undone", "rollback_failed"

_ROLLBACK_FAILED = "failed, and undoing it failed as well"
_FILTERS = ("id", "project_id", "resource_uuid", "resource_type", "event_id", "request_id", "message_level")

# Cinder's names, where they differ.
_TYPES = {"snapshot": "VOLUME_SNAPSHOT"}


def record(session: Session, flow_id: str, end: str, reason: str) -> None:
    """Record a message to the owner of a flow's resource about how the flow ended and why.

    The message is part of the transaction that records this on the resource. There is one message
    for each kind of end of a flow, however often the step runs.
    """
    flow = session.execute(select(Flow).where(Flow.id == flow_id)).scalar_one()
    now = clock.now()
    words = undone_text(flow.operation) if end == UNDONE else _ROLLBACK_FAILED
    row = {
        "id": str(uuid.uuid5(uuid.UUID(flow_id), end)),
        "project_id": flow.project_id,
        "request_id": flow.request_id,
        "resource_type": _TYPES.get(flow.resource_type, flow.resource_type.upper()),
        "resource_uuid": flow.resource_id,
        "event_id": "_".join(("CGFLOW", *flow.operation.upper().split("."), end.upper())),
        "message_level": "ERROR",
        "user_message": f"{flow.operation} {words}: {reason}",
        "flow_id": flow_id,
        "created_at": now,
        "guaranteed_until": now + LIFETIME,
    }
    insert_missing(session, Message, [row])


def get(session: Session, id: str, scope: str | None) -> records.Message:  # noqa: A002 - the API's name
    """Return a message. Raises: NotFound, also for another project's."""
    row = session.get(Message, id)
    if row is None or (scope is not None and row.project_id != scope):
        raise NotFound(f"Message {id} could not be found.")
    return row.to_record()


def page(session: Session, query: ListQuery, scope: str | None) -> list[records.Message]:
    """Return one page of the messages of a project, or of all. Raises: InvalidInput."""
    statement = select(Message) if scope is None else select(Message).where(Message.project_id == scope)
    rows = select_page(
        session,
        statement,
        Message,
        query,
        sortable=("created_at", *_FILTERS),
        filterable={name: getattr(Message, name) for name in _FILTERS},
    )
    return [row.to_record() for row in rows]


def delete(session: Session, id: str, scope: str | None) -> None:  # noqa: A002
    """Delete a message. Raises: NotFound."""
    get(session, id, scope)
    session.execute(delete_rows(Message).where(Message.id == id))


def delete_expired_and_excess(session: Session, now: datetime) -> None:
    """Delete the expired messages, and the oldest of a project that has too many."""
    session.execute(delete_rows(Message).where(Message.guaranteed_until < now))
    crowded = select(Message.project_id).group_by(Message.project_id).having(func.count() > MAX_PER_PROJECT)
    for project_id in session.scalars(crowded).all():
        of_project = Message.project_id == project_id
        newest = (
            select(Message.id).where(of_project).order_by(Message.created_at.desc(), Message.id.desc())
        ).limit(MAX_PER_PROJECT)
        session.execute(delete_rows(Message).where(of_project, Message.id.not_in(newest)))
