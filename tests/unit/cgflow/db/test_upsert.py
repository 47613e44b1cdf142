"""Inserts of rows of which some may exist."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import create_engine, select
from sqlalchemy.orm import Session

from cgflow.db.models import LOGBOOKS, QuotaUsage
from cgflow.db.upsert import insert_missing, insert_or_update, insert_or_update_statement
from cgflow.errors import ConfigError


@pytest.fixture
def session() -> Iterator[Session]:
    engine = create_engine("sqlite://")
    QuotaUsage.metadata.create_all(engine)
    with Session(engine) as session:
        yield session
    engine.dispose()


def usage(resource: str, in_use: int) -> dict[str, object]:
    return {"project_id": "p", "resource": resource, "in_use": in_use, "reserved": 0}


def in_use(session: Session) -> dict[str, int]:
    return dict(session.execute(select(QuotaUsage.resource, QuotaUsage.in_use)).all())


def test_existing_rows_are_kept_by_one_and_overwritten_by_the_other(session: Session) -> None:
    assert insert_missing(session, QuotaUsage, [usage("volumes", 1)]) == 1
    assert insert_missing(session, QuotaUsage, [usage("volumes", 2), usage("snapshots", 3)]) == 1
    assert in_use(session) == {"volumes": 1, "snapshots": 3}
    insert_or_update(session, QuotaUsage, [usage("volumes", 4), usage("groups", 5)])
    assert in_use(session) == {"volumes": 4, "snapshots": 3, "groups": 5}


def test_no_rows_are_no_statement(session: Session) -> None:
    assert insert_missing(session, QuotaUsage, []) == 0
    insert_or_update(session, QuotaUsage, [])


def test_the_statement_keeps_the_fixed_columns(session: Session) -> None:
    statement = insert_or_update_statement("sqlite", LOGBOOKS, frozenset({"name"}))
    assert statement is insert_or_update_statement("sqlite", LOGBOOKS, frozenset({"name"}))
    for name, meta in (("first", {"a": 1}), ("second", {"b": 2})):
        session.execute(statement, [{"uuid": "u", "name": name, "meta": meta}])
    assert session.execute(select(LOGBOOKS.c.name, LOGBOOKS.c.meta)).all() == [("first", {"b": 2})]


def test_an_unknown_dialect_is_refused() -> None:
    with pytest.raises(ConfigError, match="mysql"):
        insert_or_update_statement("mysql", LOGBOOKS, frozenset())
