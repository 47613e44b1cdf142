"""SQLAlchemy's dialect for SQLite, with explicit transactions and a check of the database's file.

The methods are overridden because listeners would cost more: a single one for the begin of
transactions makes SQLAlchemy look for listeners at every statement.
"""

from __future__ import annotations

import os
import sqlite3
from typing import Any

from sqlalchemy import URL, Engine, create_engine
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite

_STUCK = ("SQLITE_READONLY", "SQLITE_IOERR", "SQLITE_CANTOPEN")
_PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON")


class DatabaseFile:
    """Detects that the file of an open database was removed or replaced.

    Without this, open connections would keep writing to a file without a name, and new ones would
    use whatever has that name now, or create an empty database.
    """

    def __init__(self, path: str | None) -> None:
        """``path`` is None for a database in memory."""
        self._path = path
        self._opened: tuple[int, int] | None = None

    def remember_identity(self) -> None:
        """Remember the present file as the database's, unless one is remembered already."""
        self._opened = self._opened or self._read_identity()

    def check_unchanged(self) -> None:
        """Raise sqlite3.OperationalError if the path does not lead to the file that was opened."""
        if self._opened is not None and self._read_identity() != self._opened:
            raise sqlite3.OperationalError(
                f"{self._path} was removed or replaced while the service runs. Put the same file back, or "
                "stop the service, restore a backup, and start it"
            )

    def _read_identity(self) -> tuple[int, int] | None:
        try:
            found = os.stat(self._path) if self._path else None
        except OSError:
            return None
        return None if found is None else (found.st_dev, found.st_ino)


class SqliteDialect(SQLiteDialect_pysqlite):
    """The dialect ``sqlite+cgflow``. ``begin`` is the statement that begins every transaction."""

    supports_statement_cache = True

    def __init__(self, file: DatabaseFile, begin: str = "BEGIN", **options: Any) -> None:
        super().__init__(**options)
        self._file = file
        self._begin = begin

    def connect(self, *args: Any, **options: Any) -> Any:
        """Open a connection. Raises: sqlite3.OperationalError."""
        self._file.check_unchanged()
        connection = super().connect(*args, **options)
        # Without this, the driver begins transactions itself, late and only before writes.
        connection.isolation_level = None
        for pragma in _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")
        self._file.remember_identity()
        return connection

    def do_begin(self, dbapi_connection: Any) -> None:
        """Begin a transaction. Raises: sqlite3.OperationalError."""
        self._file.check_unchanged()
        dbapi_connection.execute(self._begin)

    def is_disconnect(self, e: Any, connection: Any, cursor: Any) -> bool:
        """Return whether the connection cannot be used after this error.

        A connection that was opened while the file was not writable never writes again.
        """
        name = getattr(e, "sqlite_errorname", None) or ""
        return name.startswith(_STUCK) or super().is_disconnect(e, connection, cursor)


registry.register("sqlite.cgflow", __name__, SqliteDialect.__name__)


def create_engines(url: URL, **options: Any) -> tuple[Engine, Engine]:
    """Return two engines with one pool: one whose transactions only read, one whose transactions write.

    A transaction that writes begins IMMEDIATE: what it reads first cannot change before it writes.
    """
    path = None if url.database == ":memory:" else url.database
    url, file = url.set(drivername="sqlite+cgflow"), DatabaseFile(path)
    reading = create_engine(url, file=file, **options)
    return reading, create_engine(url, file=file, begin="BEGIN IMMEDIATE", pool=reading.pool)
