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
from dataclasses import dataclass, field
from datetime import timedelta

from sqlalchemy.orm import Session

from cgflow import clock
from cgflow.config import Settings
from cgflow.context import RequestContext
from cgflow.db.repositories import backend as backends
from cgflow.db.repositories import flow as flow_rows
from cgflow.db.repositories.registry import REPOSITORIES
from cgflow.engine.takeover import ACCEPTED_EPOCH
from cgflow.errors import InvalidInput, NotFound
from cgflow.quota import reservations
from cgflow.status import Status
from flows.runtime import Runtime


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


def new_id() -> str:
    """Return a new id. Ids are generated before a flow starts: execute and revert use the same ones."""
    return str(uuid.uuid4())
