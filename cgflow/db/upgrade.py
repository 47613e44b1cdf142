"""Upgrade and downgrade of the database's schema. No alembic.ini is needed.

Each call is one transaction: a schema is changed completely or not at all. Two processes that start
at the same time run one after the other; the second finds nothing to do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import URL, Connection, text

from cgflow.db.database import Database
from cgflow.errors import ConfigError

_SCRIPTS = Path(__file__).parent / "migrations"

# The key of the advisory lock; any number, but the same in every cgflow.
_TURN = 0x6367666C


def upgrade(where: Database | URL | str, revision: str = "head") -> None:
    """Apply the missing revisions. Raises: ConfigError, if the schema is newer than this cgflow."""
    _run_alembic(where, lambda config: command.upgrade(config, revision))


def downgrade(where: Database | URL | str, revision: str = "base") -> None:
    """Undo revisions down to the given one. Tables that are dropped lose their contents."""
    _run_alembic(where, lambda config: command.downgrade(config, revision))


def current_revision(where: Database | URL | str) -> str | None:
    """Return the revision of the schema, or None for a database without one."""
    with _open_database(where) as database, database.read() as session:
        return MigrationContext.configure(session.connection()).get_current_revision()


def head_revision() -> str:
    """Return the revision that this cgflow needs."""
    return str(ScriptDirectory(str(_SCRIPTS)).get_current_head())


def _run_alembic(where: Database | URL | str, do: Callable[[Config], None]) -> None:
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    with _open_database(where) as database, database.write() as session:
        connection = session.connection()
        _lock_schema(connection)
        config.attributes["connection"] = connection
        try:
            do(config)
        except CommandError as error:
            raise ConfigError(
                f"The database's schema cannot be changed: {error}. "
                "If it was made by a newer cgflow, run that one."
            ) from error


def _lock_schema(connection: Connection) -> None:
    # SQLite's write transaction locks the database from its beginning.
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:turn)"), {"turn": _TURN})


@contextmanager
def _open_database(where: Database | URL | str) -> Iterator[Database]:
    if isinstance(where, Database):
        yield where
        return
    database = Database(where)
    try:
        yield database
    finally:
        database.close()
