"""One transaction for all writes of a request.

Before the first write no transaction is held: reads have short transactions of their own, and a
request that writes nothing blocks no other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from sqlalchemy.orm import Session

from cgflow.db.database import Database


class RequestTransaction(Database):
    """A database for one request, in which everything from the first write on is one transaction.

    ``begin`` is called with the session before the first write, and may refuse by raising.
    ``serializable`` makes the transaction serializable: if what it read has changed by the commit,
    it fails with ``is_serialization_failure`` and changes nothing.
    """

    def __init__(
        self, database: Database, begin: Callable[[Session], None], *, serializable: bool = False
    ) -> None:
        self.engine, self.writing_engine = database.engine, database.writing_engine
        self._database = database
        self._begin = begin
        self._serializable = serializable
        self._stack = ExitStack()
        self._session: Session | None = None

    @property
    def has_written(self) -> bool:
        """Whether the request has written anything."""
        return self._session is not None

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Open a part that only reads; it sees the writes of the parts before it."""
        if self._session is None:
            with self._database.read() as session:
                yield session
        else:
            with _flush_and_expire_after_part(self._session) as session:
                yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Open a part that writes; it is committed with the whole transaction."""
        if self._session is None:
            self._session = self._stack.enter_context(self._database.write())
            # SQLite has one writer at a time, which makes its transactions serializable anyway.
            if self._serializable and not self.is_sqlite:
                self._session.connection(execution_options={"isolation_level": "SERIALIZABLE"})
            self._begin(self._session)
        with _flush_and_expire_after_part(self._session) as session:
            yield session

    def close(self) -> None:
        """Do nothing: the connections belong to the service's database."""

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit at the end, or roll back when an exception escapes."""
        with self._stack:
            yield


@contextmanager
def _flush_and_expire_after_part(session: Session) -> Iterator[Session]:
    yield session
    session.flush()
    # The next part reloads from the database, as in a transaction of its own.
    session.expire_all()
