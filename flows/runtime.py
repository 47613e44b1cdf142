"""The objects of a process that accept requests: database, settings, drivers, conductor.

They carry the transaction of a request, and the calls that follow its commit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace

from sqlalchemy.orm import Session

from cgflow.config import Settings
from cgflow.db.database import Database
from cgflow.db.request_transaction import RequestTransaction
from cgflow.db.transient_errors import is_serialization_failure, is_unavailable
from cgflow.drivers.contract import StorageDriver
from cgflow.engine.conductor import Conductor
from cgflow.engine.definition import Definition
from cgflow.engine.event_signal import FlowEventSignal
from cgflow.errors import FlowMismatch


@dataclass(frozen=True)
class Runtime:
    """The collaborators that are needed to accept a request.

    ``define`` returns the definition of an operation by its name. It is injected, so that the
    acceptance of one operation does not import the flows of all.

    ``on_commit_hooks`` collects calls while a request is one transaction. They run after its
    commit.
    """

    database: Database
    settings: Settings
    drivers: Mapping[str, StorageDriver]
    conductor: Conductor
    define: Callable[[str], Definition]
    on_commit_hooks: list[Callable[[], None]] | None = None

    @property
    def event_signal(self) -> FlowEventSignal:
        """The signal that wakes clients waiting for a flow's next event."""
        return self.conductor.watch

    def version_of(self, operation: str) -> int:
        """Return the version of an operation's flow. Raises: FlowMismatch, if this build does not have it."""
        return self.define(operation).version

    def remedy_of(self, operation: str) -> str:
        """Return what to do about a committed operation; empty if this build does not have the operation."""
        try:
            return self.define(operation).remedy
        except FlowMismatch:
            return ""

    def on_commit(self, call: Callable[[], None]) -> None:
        """Run a call after the commit: now, or at the end of the request's transaction."""
        if self.on_commit_hooks is None:
            call()
        else:
            self.on_commit_hooks.append(call)

    @contextmanager
    def in_one_transaction(self, database: RequestTransaction) -> Iterator[Runtime]:
        """Yield a runtime that accepts everything in one transaction; the flows start after its commit."""
        on_commit_hooks: list[Callable[[], None]] = []
        is_complete = False
        try:
            with database.transaction():
                yield replace(self, database=database, on_commit_hooks=on_commit_hooks)
                is_complete = True
        except Exception as error:
            # The commit may have succeeded and only its answer been lost.
            if is_complete and is_unavailable(error) and not is_serialization_failure(error):
                _call_all(on_commit_hooks)
            raise
        _call_all(on_commit_hooks)

    @contextmanager
    def accepting_transaction(self, flow_id: str) -> Iterator[Session]:
        """Open a transaction about a flow, and wake the flow if the commit's outcome is unknown.

        If the database becomes unavailable during the commit, nobody knows whether it succeeded.
        The conductor then looks for the flow when the database is available again.

        Raises: SessionFenced, in a process that no longer takes up flows.
        """
        self.conductor.check_not_fenced()
        is_complete = False
        try:
            with self.database.write() as session:
                yield session
                session.flush()
                is_complete = True
        except Exception as error:
            if is_complete and is_unavailable(error):
                self.conductor.submit_flow(flow_id)
            raise


def _call_all(calls: list[Callable[[], None]]) -> None:
    for call in calls:
        call()
