"""One request as one transaction: what its parts write is committed together.

Until the first part writes nothing is held: parts that only read have short
transactions of their own, as ever, and a request that writes nothing opens
none that could keep others waiting.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from sqlalchemy.orm import Session

from cgflow.db.database import Database


class RequestTransaction(Database):
    """A database as one request sees it: from its first write on everything is one transaction.

    ``begin`` is called with the session before the first write, and may refuse by raising.
    ``serializable`` makes the database see to it that what was read has not changed at the commit;
    otherwise the transaction fails with ``is_serialization_failure``, having changed nothing.
    """

    def __init__(
        self, database: Database, begin: Callable[[Session], None], *, serializable: bool = False
    ) -> None:
        self.engine = database.engine
        self._database = database
        self._begin = begin
        self._serializable = serializable
        self._stack = ExitStack()
        self._session: Session | None = None

    @property
    def has_written(self) -> bool:
        """Whether any part has written."""
        return self._session is not None

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Open a part that only reads; it sees what the parts before it wrote."""
        if self._session is None:
            with self._database.read() as session:
                yield session
        else:
            with _savepoint(self._session) as session:
                yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Open a part that writes; it is committed with the whole."""
        if self._session is None:
            self._session = self._stack.enter_context(self._database.write())
            # SQLite lets one writer in at a time, so there it is so anyhow.
            if self._serializable and not self.is_sqlite:
                self._session.connection(execution_options={"isolation_level": "SERIALIZABLE"})
            self._begin(self._session)
        with _savepoint(self._session) as session:
            yield session

    def close(self) -> None:
        """Do nothing: the connections belong to the database of the service."""

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit at the end, or leave nothing when an exception escapes."""
        with self._stack:
            yield


@contextmanager
def _savepoint(session: Session) -> Iterator[Session]:
    yield session
    session.flush()
    # The next part reads afresh, as it would in a transaction of its own.
    session.expire_all()
