"""Contents of a database: the number of rows of each kind, and the bytes they take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import JSON, String, Text, cast, func, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from cgflow.db.database import Database
from cgflow.db.models import Attachment, Base, Flow, IdempotencyKey
from cgflow.db.repositories.registry import REPOSITORIES
from cgflow.status import UNFINISHED

_OF_POSTGRESQL = "SELECT relname, pg_total_relation_size(oid) FROM pg_class WHERE relkind = 'r'"
_OF_SQLITE = (
    "SELECT sqlite_master.tbl_name, sum(dbstat.pgsize) FROM dbstat"
    " JOIN sqlite_master ON sqlite_master.name = dbstat.name GROUP BY sqlite_master.tbl_name"
)


@dataclass(frozen=True)
class Statistic:
    """A kind of rows. ``bytes`` is None if the database cannot report it."""

    name: str
    count: int
    bytes: int | None


def read_statistics(database: Database) -> list[Statistic]:
    """Return the statistics of what grows with use, then of every table with its indexes."""
    sizes = _table_sizes(database)
    with database.read() as session:
        return [
            *_statistics_of_growing_tables(session),
            *(_table_statistic(session, table, sizes) for table in Base.metadata.sorted_tables),
        ]


def _statistics_of_growing_tables(session: Session) -> list[Statistic]:
    connector = func.length(cast(Attachment.connector, Text))
    answers = func.coalesce(func.sum(IdempotencyKey.size), 0)
    found = [
        Statistic("ended flows", _count_rows(session, Flow, Flow.state.not_in(UNFINISHED)), None),
        Statistic("kept answers", _count_rows(session, IdempotencyKey), session.scalar(select(answers))),
        Statistic(
            "connectors",
            _count_rows(session, Attachment, Attachment.connector.is_not(None)),
            session.scalar(select(func.coalesce(func.sum(connector), 0))),
        ),
    ]
    for noun, rows in REPOSITORIES.items():
        gone = rows.model.deleted.is_(True)
        columns = [one for one in rows.model.__table__.columns if isinstance(one.type, String | JSON)]
        lengths = [func.coalesce(func.sum(func.length(cast(column, Text))), 0) for column in columns]
        taken = sum(session.execute(select(*lengths).where(gone)).one())
        found.append(Statistic(f"deleted {noun}s", _count_rows(session, rows.model, gone), taken))
    return found


def _table_statistic(session: Session, table: Any, sizes: dict[str, int]) -> Statistic:
    count = session.execute(select(func.count()).select_from(table)).scalar_one()
    return Statistic(f"table {table.name}", count, sizes.get(table.name))


def _count_rows(session: Session, model: Any, *conditions: Any) -> int:
    return session.execute(select(func.count()).select_from(model).where(*conditions)).scalar_one()


def _table_sizes(database: Database) -> dict[str, int]:
    """Return the bytes of each table, or nothing if SQLite was built without ``dbstat``."""
    try:
        with database.read() as session:
            rows = session.execute(text(_OF_SQLITE if database.is_sqlite else _OF_POSTGRESQL))
            return {name: int(size) for name, size in rows}
    except DBAPIError:
        return {}
