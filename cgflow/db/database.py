"""The connection to the database: short read transactions and ordered write transactions.

SQLite, the embedded default, runs with a write-ahead log, ``synchronous=FULL`` (an acknowledged
commit survives a power cut) and foreign keys on. SQLite allows one writer at a time and makes the
others poll; here they queue on a lock instead. Each write transaction begins IMMEDIATE, so that
what it reads first cannot change before it writes.

Neither ``read`` nor ``write`` waits for an unavailable database: flows wait with ``transient_errors``, and
requests report the error to their caller.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from sqlalchemy import URL, Connection, Engine, create_engine, exc, make_url
from sqlalchemy.orm import Session, sessionmaker

from cgflow.db.disk_reserve import DiskReserve, may_use_disk_reserve
from cgflow.db.sqlite_dialect import create_engines as create_sqlite_engines
from cgflow.db.transient_errors import OutageLog

# Seconds before the database counts as unavailable: for another process that holds SQLite's lock, for the
# queue of this process's writers, and for a connection to a server.
_BUSY_TIMEOUT_S = 5
_TURN_TIMEOUT_S = 30
_CONNECT_TIMEOUT_S = 5

Guard = Callable[[], AbstractContextManager[Callable[[Session], None]]]
"""Surrounds a write transaction. What it yields is called first in the transaction, and may refuse it by
raising."""


class Database:
    """One database, given by its SQLAlchemy URL."""

    def __init__(self, url: str | URL, reserve: DiskReserve | None = None) -> None:
        """``reserve`` is disk space that only transactions which free space may use."""
        made = make_url(url)
        self._reserve = reserve
        self._outages = OutageLog()
        self._frees_space = False
        self.engine, self.writing_engine = _create_engines(made)
        self._readers = sessionmaker(self.engine, expire_on_commit=False)
        self._writers = sessionmaker(self.writing_engine, expire_on_commit=False)
        self._write_lock = threading.Lock() if self.is_sqlite else None
        self._guard: Guard = _no_guard

    @property
    def is_sqlite(self) -> bool:
        """Whether this is the embedded database."""
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Open a transaction that only reads; it sees one state of the database."""
        with self._outages.track("reads"), self._readers() as session, session.begin():
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Open a transaction that commits at the end, or rolls back when an exception escapes."""
        with self._guard() as begin, self._open_for_writing(), self._writers() as session, session.begin():
            begin(session)
            yield session

    @contextmanager
    def write_rows(self) -> Iterator[Connection]:
        """Open the same transaction without the ORM, for statements that are prepared once."""
        with self._open_for_writing(), self.writing_engine.begin() as connection:
            yield connection

    @contextmanager
    def _open_for_writing(self) -> Iterator[None]:
        kind = "writes that free space" if self._frees_space else "writes"
        with self._outages.track(kind), self._hold_write_lock(), self._check_disk_reserve():
            yield

    def with_guard(self, guard: Guard) -> Database:
        """Return the same database, with a guard around each write transaction.

        These transactions belong to accepted operations, which have to end, so they may use the
        reserve.
        """
        guarded = self.with_disk_reserve()
        guarded._guard = guard  # noqa: SLF001 - an instance of this class
        return guarded

    def with_disk_reserve(self) -> Database:
        """Return the same database, whose transactions may use the reserve."""
        freeing = copy.copy(self)
        freeing._frees_space = True  # noqa: SLF001 - an instance of this class
        return freeing

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()

    @property
    def has_full_reserve(self) -> bool:
        """Whether the reserve has its full size; if not, only deleting is accepted."""
        return self._reserve is None or self._reserve.has_full_size

    @contextmanager
    def _check_disk_reserve(self) -> Iterator[None]:
        if self._reserve is None:
            yield
            return
        with may_use_disk_reserve() if self._frees_space else nullcontext():
            self._reserve.free_or_refill()
            yield

    @contextmanager
    def _hold_write_lock(self) -> Iterator[None]:
        if self._write_lock is None:
            yield
            return
        if not self._write_lock.acquire(timeout=_TURN_TIMEOUT_S):
            raise exc.TimeoutError(f"no turn to write within {_TURN_TIMEOUT_S} s")
        try:
            yield
        finally:
            self._write_lock.release()


def _no_guard() -> AbstractContextManager[Callable[[Session], None]]:
    return nullcontext(lambda _: None)


def _create_engines(url: URL) -> tuple[Engine, Engine]:
    """Return the engine for transactions that only read, and the one for transactions that write."""
    if url.get_backend_name() == "sqlite":
        options = {"connect_args": {"timeout": _BUSY_TIMEOUT_S}, "pool_size": 32, "max_overflow": 32}
        return create_sqlite_engines(url, **options)
    timeout = {} if "connect_timeout" in url.query else {"connect_timeout": _CONNECT_TIMEOUT_S}
    # Do not hand out a connection that broke while idle, as when the server restarted.
    engine = create_engine(url, connect_args=timeout, pool_pre_ping=True)
    return engine, engine
