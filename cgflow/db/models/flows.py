"""Tables of flows, TaskFlow's details, idempotency keys and messages."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column
from taskflow.persistence.backends.sqlalchemy import tables

from cgflow import clock, records
from cgflow.db.models.base import ID, NAME, STATE, Base
from cgflow.status import FlowState

# An atom's name is the step's own name, followed by a member's id in brackets.
ATOM = String(255)


# The filters of lists of flows, for one project and for an administrator.
LISTED_BY = (
    (),
    ("state",),
    ("operation",),
    ("resource_id",),
    ("group_id",),
    ("project_id",),
    ("project_id", "state"),
    ("project_id", "operation"),
    ("resource_type",),
    ("operation", "state"),
    ("project_id", "resource_type"),
    ("project_id", "operation", "state"),
)


class Flow(Base):
    """One accepted operation. Its id is also that of TaskFlow's logbook and flow detail.

    ``epoch`` is the fence: it rises each time a conductor takes the flow, and every batch of writes
    for the flow must have the current one. ``committed_at`` is when the flow passed its point of no
    return; it is set only in the transaction that commits the operation. ``undo_at`` is when a
    failed rollback is retried automatically; ``undo_attempts`` counts the attempts before that.
    """

    __tablename__ = "flows"
    # An index for each list has its order, up to the unique last key, so that nothing is sorted.
    __table_args__ = (
        *(Index(None, *columns, "created_at", "id") for columns in LISTED_BY),
        Index(None, "state", "undo_at"),
        Index(None, "ended_at", "id"),
    )

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    operation: Mapped[str] = mapped_column(String(64))
    version: Mapped[int]
    fingerprint: Mapped[str | None] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(STATE)
    project_id: Mapped[str] = mapped_column(String(255))
    user_id: Mapped[str] = mapped_column(String(255))
    request_id: Mapped[str] = mapped_column(String(64))
    resource_type: Mapped[str] = mapped_column(String(64))
    resource_id: Mapped[str] = mapped_column(ID)
    group_id: Mapped[str | None] = mapped_column(ID)
    epoch: Mapped[int] = mapped_column(default=0)
    conductor: Mapped[str | None] = mapped_column(NAME)
    reason: Mapped[str | None] = mapped_column(Text)
    cancel_reason: Mapped[str | None] = mapped_column(Text)
    committed_at: Mapped[datetime | None]
    undo_attempts: Mapped[int] = mapped_column(default=0)
    undo_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    # Long columns come last, so that reading what lists show does not read through them.
    leftovers: Mapped[dict[str, Any] | None]
    shape: Mapped[dict[str, Any]]
    symbols: Mapped[dict[str, Any]]

    @staticmethod
    def to_record(row: Any) -> records.Flow:
        """Return the frozen record of a row."""
        return records.Flow(
            id=row.id,
            operation=row.operation,
            version=row.version,
            fingerprint=row.fingerprint,
            state=FlowState(row.state),
            project_id=row.project_id,
            user_id=row.user_id,
            request_id=row.request_id,
            resource_type=row.resource_type,
            resource_id=row.resource_id,
            group_id=row.group_id,
            shape=row.shape,
            symbols=row.symbols,
            epoch=row.epoch,
            conductor=row.conductor,
            reason=row.reason,
            leftovers=tuple((row.leftovers or {}).get("atoms", ())),
            skipped=tuple((row.leftovers or {}).get("skipped", ())),
            cancel_reason=row.cancel_reason,
            cancel_request=(row.leftovers or {}).get("cancel"),
            committed_at=row.committed_at,
            undo_attempts=row.undo_attempts,
            undo_at=row.undo_at,
            created_at=row.created_at,
            started_at=row.started_at,
            ended_at=row.ended_at,
        )


class FlowEvent(Base):
    """One transition, written in the same transaction as the state it describes; never changed."""

    __tablename__ = "flow_events"

    flow_id: Mapped[str] = mapped_column(ID, ForeignKey("flows.id"), primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    at: Mapped[datetime]
    atom: Mapped[str | None] = mapped_column(ATOM)
    from_state: Mapped[str | None] = mapped_column(STATE)
    to_state: Mapped[str] = mapped_column(STATE)
    attempt: Mapped[int]
    duration_ms: Mapped[float | None]
    conductor: Mapped[str | None] = mapped_column(NAME)
    detail: Mapped[dict[str, Any] | None]


LOGBOOKS, FLOWDETAILS, ATOMDETAILS = tables.fetch(Base.metadata)

Index("ix_flowdetails_parent_uuid", FLOWDETAILS.c.parent_uuid)
Index("ix_atomdetails_parent_uuid", ATOMDETAILS.c.parent_uuid)


class IdempotencyKey(Base):
    """One key of one user in one project, stored with what the request changed.

    ``fingerprint`` is a digest of the request. The response is null only within the transaction.
    ``asked`` holds the policy rules that permitted the request. ``size`` is that of the response,
    in characters; it is null in rows that are older than the column.
    """

    __tablename__ = "idempotency_keys"
    __table_args__ = (Index(None, "project_id", "created_at", "size"),)

    project_id: Mapped[str] = mapped_column(NAME, primary_key=True)
    user_id: Mapped[str] = mapped_column(NAME, primary_key=True)
    key: Mapped[str] = mapped_column(NAME, primary_key=True)
    fingerprint: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(index=True)
    status: Mapped[int | None]
    headers: Mapped[dict[str, Any] | None]
    body: Mapped[str | None] = mapped_column(Text)
    asked: Mapped[list[Any] | None] = mapped_column(JSON)
    size: Mapped[int | None]

    def to_record(self) -> records.StoredResponse:
        """Return the frozen record of this row."""
        return records.StoredResponse(
            fingerprint=self.fingerprint,
            status=self.status or 0,
            headers=dict(self.headers or {}),
            body=self.body or "",
            asked=tuple((rule, about) for rule, about in self.asked or ()),
        )


class Message(Base):
    """One message. It outlives its flow, so ``flow_id`` is no foreign key."""

    __tablename__ = "messages"
    __table_args__ = (Index(None, "project_id", "created_at"), Index(None, "resource_uuid"))

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    project_id: Mapped[str] = mapped_column(String(255))
    request_id: Mapped[str] = mapped_column(String(64))
    resource_type: Mapped[str] = mapped_column(String(64))
    resource_uuid: Mapped[str] = mapped_column(ID)
    event_id: Mapped[str] = mapped_column(NAME)
    message_level: Mapped[str] = mapped_column(STATE)
    user_message: Mapped[str] = mapped_column(Text)
    flow_id: Mapped[str] = mapped_column(ID)
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    guaranteed_until: Mapped[datetime] = mapped_column(index=True)

    def to_record(self) -> records.Message:
        """Return the frozen record of this row."""
        return records.Message(
            id=self.id,
            project_id=self.project_id,
            request_id=self.request_id,
            resource_type=self.resource_type,
            resource_uuid=self.resource_uuid,
            event_id=self.event_id,
            message_level=self.message_level,
            user_message=self.user_message,
            flow_id=self.flow_id,
            created_at=self.created_at,
            guaranteed_until=self.guaranteed_until,
        )
