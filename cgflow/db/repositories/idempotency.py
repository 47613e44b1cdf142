"""Idempotency keys: taken in the transaction of a request, stored with its response for a day.

A key belongs to one user in one project: ``identity`` is (project id, user id, key).
"""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, func, select, tuple_, update
from sqlalchemy.orm import Session

from cgflow import clock, records
from cgflow.db.models import Attachment, Flow, IdempotencyKey, Message, Transfer
from cgflow.db.repositories.registry import REPOSITORIES
from cgflow.db.upsert import insert_missing
from cgflow.errors import QuotaExceeded

LIFETIME = timedelta(hours=24)

MAX_RESPONSES = 5000
MAX_TOTAL_SIZE = 16 * 1024 * 1024
"""Limits of one project: the number of stored responses, and their total size in characters."""

DELETE_BATCH = 500
"""Number of keys deleted in one transaction."""

KeyIdentity = tuple[str, str, str]


def find_response(session: Session, identity: KeyIdentity, now: datetime) -> records.StoredResponse | None:
    """Return the response stored under a key, if there is one that has not expired."""
    row = session.scalar(
        select(IdempotencyKey).where(
            _identity_condition(identity), IdempotencyKey.created_at > now - LIFETIME
        )
    )
    return None if row is None else row.to_record()


def take_key(session: Session, identity: KeyIdentity, fingerprint: str, now: datetime) -> bool:
    """Take a key for a request, until its transaction ends; return False if it is taken already.

    This waits for another unfinished transaction that has taken the key.
    """
    session.execute(
        delete(IdempotencyKey).where(
            _identity_condition(identity), IdempotencyKey.created_at <= now - LIFETIME
        )
    )
    project_id, user_id, key = identity
    row = {
        "project_id": project_id,
        "user_id": user_id,
        "key": key,
        "fingerprint": fingerprint,
        "created_at": now,
    }
    return insert_missing(session, IdempotencyKey, [row]) == 1


def store_response(session: Session, identity: KeyIdentity, kept: records.StoredResponse) -> None:
    """Store the response to the request that has taken the key.

    Raises: QuotaExceeded, if the project's stored responses reach the limit of their number or
    size.
    """
    size = len(kept.body) + len(json.dumps([kept.headers, kept.asked]))
    since = clock.now() - LIFETIME
    of_project = (IdempotencyKey.project_id == identity[0], IdempotencyKey.created_at > since)
    total = select(func.count(), func.coalesce(func.sum(IdempotencyKey.size), 0)).where(*of_project)
    found = session.execute(total).one()
    count, together = int(found[0] or 0), int(found[1] or 0)
    # The key itself is already counted.
    if count > MAX_RESPONSES or together + size > MAX_TOTAL_SIZE:
        raise QuotaExceeded(
            f"Project {identity[0]} has {count - 1} stored responses of {together} characters; "
            f"at most {MAX_RESPONSES} of {MAX_TOTAL_SIZE} characters are stored for 24 hours. "
            "Send the request without Idempotency-Key."
        )
    answer = {
        "status": kept.status,
        "headers": kept.headers,
        "body": kept.body,
        "asked": list(kept.asked),
        "size": size,
    }
    session.execute(update(IdempotencyKey).where(_identity_condition(identity)).values(answer))


def delete_expired(session: Session, now: datetime) -> int:
    """Delete some of the expired keys; return how many."""
    old = select(IdempotencyKey.project_id, IdempotencyKey.user_id, IdempotencyKey.key)
    found = session.execute(old.where(IdempotencyKey.created_at <= now - LIFETIME).limit(DELETE_BATCH)).all()
    if found:
        session.execute(delete(IdempotencyKey).where(_OWNER.in_([tuple(row) for row in found])))
    return len(found)


def projects_of_resources(session: Session, ids: Collection[str]) -> dict[str, str]:
    """Return the current or last project of each of these resources. Unknown ids are left out."""
    models: list[Any] = [*(rows.model for rows in REPOSITORIES.values()), Attachment, Flow, Message, Transfer]
    return {
        id_: project_id
        for model in models
        for id_, project_id in session.execute(select(model.id, model.project_id).where(model.id.in_(ids)))
    }


_OWNER = tuple_(IdempotencyKey.project_id, IdempotencyKey.user_id, IdempotencyKey.key)


def _identity_condition(identity: KeyIdentity) -> ColumnElement[bool]:
    project_id, user_id, key = identity
    model = IdempotencyKey
    return and_(model.project_id == project_id, model.user_id == user_id, model.key == key)
