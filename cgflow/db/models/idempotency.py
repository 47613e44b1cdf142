"""Answers that were given to requests with an idempotency key."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from cgflow import records
from cgflow.db.models.base import NAME, Base


class IdempotencyKey(Base):
    """One key of one user in one project, stored with what the request changed.

    ``fingerprint`` is that of the request. The answer is null within the transaction alone. ``size``
    is what the answer takes, in characters; answers that were kept before it was noted have none.
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

    def to_record(self) -> records.KeptAnswer:
        """Return the frozen record of this row."""
        return records.KeptAnswer(
            fingerprint=self.fingerprint,
            status=self.status or 0,
            headers=dict(self.headers or {}),
            body=self.body or "",
            asked=tuple((rule, about) for rule, about in self.asked or ()),
        )
