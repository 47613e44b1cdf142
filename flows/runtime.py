"""Acceptance of a request: one transaction, after which the operation cannot be lost.

The transaction contains the checks, the new rows, the claims on the resources, the quota
reservation and the record of the flow. A refusal rolls all of it back, so over-quota, busy and
not-found errors are returned at once and leave nothing behind. A conductor is woken after the
commit. If the process dies before that, the next start finds the flow.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta

from sqlalchemy.orm import Session

from cgflow import clock
from cgflow.config import Settings
from cgflow.context import RequestContext
from cgflow.db.database import Database
from cgflow.db.repositories import backend as backends
from cgflow.db.repositories import flow as flow_rows
from cgflow.db.repositories.registry import REPOSITORIES
from cgflow.db.request_transaction import RequestTransaction
from cgflow.db.transient_errors import is_serialization_failure, is_unavailable
from cgflow.drivers.contract import StorageDriver
from cgflow.engine.conductor import Conductor
from cgflow.engine.definition import Definition
from cgflow.engine.event_signal import FlowEventSignal
from cgflow.engine.takeover import ACCEPTED_EPOCH
from cgflow.errors import FlowMismatch, InvalidInput, NotFound
from cgflow.quota import reservations
from cgflow.status import Status


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


@dataclass(frozen=True)
class Accepted:
    """An accepted operation: the id of its flow, and of the resource that it creates or changes."""

    flow_id: str
    resource_id: str


@dataclass
class Acceptance:
    """An acceptance in progress. ``flow_id`` is also the id of its quota reservation.

    ``conductor`` is the name of the conductor that will run the flow.
    """

    session: Session
    context: RequestContext
    settings: Settings
    version_of: Callable[[str], int]
    flow_id: str
    conductor: str
    claims: dict[str, list[str]] = field(default_factory=dict)
    has_flow: bool = False

    def record_flow(
        self,
        operation: str,
        *,
        resource: tuple[str, str],
        group_id: str | None,
        shape: Mapping[str, object],
        symbols: Mapping[str, object],
        claims: Mapping[str, Collection[str]],
        deltas: Mapping[str, int] | None = None,
    ) -> Accepted:
        """Record the flow and reserve its quota. ``resource`` is the type and id of the flow's resource.

        ``claims`` lists the ids that the flow holds, by resource type. Existing rows are claimed
        with ``claim``; new rows are inserted with the claim.

        Raises: QuotaExceeded; InvalidInput, if the flow's backend is frozen.
        """
        host = symbols.get("host")
        if isinstance(host, str) and backends.is_frozen(self.session, host):
            raise InvalidInput(
                "Invalid input received: Modification operations are not allowed on frozen storage backends. "
                f"Backend {host} is frozen until an administrator thaws it."
            )
        noun, resource_id = resource
        project_id = self._owning_project_id(noun, resource_id)
        self.claims = {name: list(ids) for name, ids in claims.items()}
        self.has_flow = True
        common = {
            "flow_id": self.flow_id,
            "project_id": project_id,
            "resource_type": noun,
            "resource_id": resource_id,
            "group_id": group_id,
            "claims": self.claims,
            "deltas": dict(deltas or {}),
        }
        flow_rows.insert_accepted(
            self.session,
            id=self.flow_id,
            operation=operation,
            version=self.version_of(operation),
            project_id=project_id,
            user_id=self.context.user_id,
            request_id=self.context.request_id,
            resource_type=noun,
            resource_id=resource_id,
            group_id=group_id,
            shape=dict(shape),
            symbols={**common, **symbols},
            epoch=ACCEPTED_EPOCH,
            conductor=self.conductor,
        )
        if deltas:
            expires = clock.now() + timedelta(seconds=self.settings.reservation_expire_s)
            reservations.reserve(self.session, self.flow_id, project_id, dict(deltas), expires)
        return Accepted(self.flow_id, resource_id)

    def _owning_project_id(self, noun: str, resource_id: str) -> str:
        """Return the project that owns a resource; the caller's project if the resource is new."""
        try:
            return str(REPOSITORIES[noun].get(self.session, resource_id, None).project_id)
        except NotFound:
            return self.context.project_id

    def claim(self, noun: str, status: Status | None = None, ids: Collection[str] | None = None) -> None:
        """Claim the flow's resources of one type, or only those with these ids. Raises: Busy."""
        REPOSITORIES[noun].claim(
            self.session, self.claims[noun] if ids is None else ids, self.flow_id, status
        )

    def new_resource_columns(self, **columns: object) -> dict[str, object]:
        """Return the columns that every new resource of this flow starts with, and the given ones."""
        return {
            "user_id": self.context.user_id,
            "project_id": self.context.project_id,
            "status": Status.CREATING.value,
            "claimed_by": self.flow_id,
            "flow_id": self.flow_id,
            **columns,
        }


@contextmanager
def accepting(runtime: Runtime, context: RequestContext) -> Iterator[Acceptance]:
    """Open the transaction of an acceptance, and wake a conductor after its commit.

    A request that needs no flow is completed in that transaction and wakes no conductor.
    """
    flow_id = new_id()
    with runtime.accepting_transaction(flow_id) as session:
        acceptance = Acceptance(
            session, context, runtime.settings, runtime.version_of, flow_id, runtime.conductor.name
        )
        yield acceptance
    if acceptance.has_flow:
        runtime.on_commit(lambda: runtime.conductor.submit_accepted_flow(flow_id))


def _call_all(calls: list[Callable[[], None]]) -> None:
    for call in calls:
        call()


def new_id() -> str:
    """Return a new id. Ids are generated before a flow starts: execute and revert use the same ones."""
    return str(uuid.uuid4())
