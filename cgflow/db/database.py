"""The connection to the database: short read transactions, and write transactions in order.

SQLite, the embedded default, runs with a write-ahead log, ``synchronous=FULL``
(an acknowledged commit survives a power cut) and foreign keys on. It lets one
writer in at a time and makes the others poll; here they queue on a lock
instead, and each begins IMMEDIATE, so that a transaction which reads first and
writes later can not find that the world has moved under it.

Neither call waits for a database that is away: who can wait does so (see
``db.retry``), who has a caller waiting says so.
"""

from __future__ import annotations

import copy
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from sqlalchemy import URL, Connection, Engine, ExceptionContext, create_engine, event, exc, make_url
from sqlalchemy.orm import Session, sessionmaker

from cgflow.db.outage_log import OutageLog
from cgflow.db.reserve import Reserve, freeing_space

# How long another process may hold SQLite's lock, a queue of our own writers may be, and a server may
# take to answer at all, before the database counts as away.
_BUSY_TIMEOUT_S = 5
_TURN_TIMEOUT_S = 30
_CONNECT_TIMEOUT_S = 5
_WRITES = "cgflow_writes"
_STUCK = ("SQLITE_READONLY", "SQLITE_IOERR", "SQLITE_CANTOPEN")


class Database:
    """One database, given by its SQLAlchemy URL."""

    def __init__(self, url: str | URL, reserve: Reserve | None = None) -> None:
        """``reserve`` is room on the disk that transactions which free space may have."""
        made = make_url(url)
        self._reserve = reserve
        self._outages = OutageLog()
        self._frees_space = False
        self.engine = _sqlite(made) if made.get_backend_name() == "sqlite" else _server(made)
        writing = self.engine.execution_options(**{_WRITES: True})
        self._readers = sessionmaker(self.engine, expire_on_commit=False)
        self._writers = sessionmaker(writing, expire_on_commit=False)
        self._turn = threading.Lock() if self.is_sqlite else None
        self._check: Callable[[Session], None] | None = None

    @property
    def is_sqlite(self) -> bool:
        """Whether this is the embedded database."""
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Open a transaction that only reads; it sees one state of the database."""
        with self._outages.watched("reads"), self._readers() as session, session.begin():
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Open a transaction that commits at the end, or leaves nothing when an exception escapes."""
        kind = "writes that free space" if self._frees_space else "writes"
        with (
            self._outages.watched(kind),
            self._my_turn(),
            self._with_room(),
            self._writers() as session,
            session.begin(),
        ):
            if self._check is not None:
                self._check(session)
            yield session

    def guarded(self, check: Callable[[Session], None]) -> Database:
        """Return the same database, in which each transaction that writes begins with a check.

        What the check raises refuses the transaction. These are transactions of what was accepted, which
        has to end: they may have the reserve.
        """
        guarded = self.with_reserve()
        guarded._check = check  # noqa: SLF001 - one of our own
        return guarded

    def with_reserve(self) -> Database:
        """Return the same database, whose transactions may have the reserve."""
        freeing = copy.copy(self)
        freeing._frees_space = True  # noqa: SLF001 - one of our own
        return freeing

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()

    @property
    def has_room(self) -> bool:
        """Whether the reserve is whole, so that not only deleting is accepted."""
        return self._reserve is None or self._reserve.is_whole

    @contextmanager
    def _with_room(self) -> Iterator[None]:
        if self._reserve is None:
            yield
            return
        with freeing_space() if self._frees_space else nullcontext():
            self._reserve.check()
            yield

    @contextmanager
    def _my_turn(self) -> Iterator[None]:
        if self._turn is None:
            yield
            return
        if not self._turn.acquire(timeout=_TURN_TIMEOUT_S):
            raise exc.TimeoutError(f"no turn to write within {_TURN_TIMEOUT_S} s")
        try:
            yield
        finally:
            self._turn.release()


def _server(url: URL) -> Engine:
    asked = {} if "connect_timeout" in url.query else {"connect_timeout": _CONNECT_TIMEOUT_S}
    # A connection that broke while nobody used it, as in a restart of the server, is not handed out.
    return create_engine(url, connect_args=asked, pool_pre_ping=True)


class _FileIdentity:
    """Notices that the file of an open database was removed or replaced.

    Open connections would go on writing to a file that nobody can find, and new ones would use whatever
    has its name now, or make an empty database.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._opened: tuple[int, int] | None = None

    def remember(self) -> None:
        """Take the present file for the database from here on, if none was opened before."""
        self._opened = self._opened or self._present()

    def check(self) -> None:
        """Raise sqlite3.OperationalError if the path does not lead to the file that was opened."""
        if self._opened is not None and self._present() != self._opened:
            raise sqlite3.OperationalError(
                f"{self._path} was removed or replaced while the service runs. Put the same file back, or "
                "stop the service, restore a backup, and start it"
            )

    def _present(self) -> tuple[int, int] | None:
        try:
            found = os.stat(self._path)
        except OSError:
            return None
        return found.st_dev, found.st_ino


def _sqlite(url: URL) -> Engine:
    engine = create_engine(url, connect_args={"timeout": _BUSY_TIMEOUT_S}, pool_size=32, max_overflow=32)
    # A database in memory has no file.
    identity = _FileIdentity(url.database) if url.database and url.database != ":memory:" else None

    @event.listens_for(engine, "do_connect")
    def check(*_: object) -> None:
        if identity is not None:
            identity.check()

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _record: object) -> None:
        # The driver would begin transactions by itself, late and only before writes.
        connection.isolation_level = None
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")
        if identity is not None:
            identity.remember()

    @event.listens_for(engine, "handle_error")
    def reopen(context: ExceptionContext) -> None:
        # A connection that was opened while the file could not be written to never writes again.
        name = getattr(context.original_exception, "sqlite_errorname", None) or ""
        if name.startswith(_STUCK):
            context.is_disconnect = True

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        try:
            check()
        except sqlite3.OperationalError as error:
            raise exc.OperationalError("BEGIN", None, error) from error
        writes = connection.get_execution_options().get(_WRITES, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine
