"""Queries that are common to all resources: get, list, claim, settle, destroy."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Generic, Protocol, TypeVar

from sqlalchemy import Select, false, func, insert, select, update
from sqlalchemy.orm import Session

from cgflow import clock
from cgflow.atom_states import held_resource_text
from cgflow.db.models import Flow
from cgflow.db.repositories.paging import (
    COMPARISONS,
    ListQuery,
    apply_filters,
    has_metadata_item,
    select_page,
)
from cgflow.errors import Busy, NotFound
from cgflow.status import UNFINISHED, FlowState, Status

_COMMON = ("id", "name", "description", "status", "user_id", "project_id")
_TIMES = ("created_at", "updated_at")

RecordT = TypeVar("RecordT", covariant=True)


class _Row(Protocol[RecordT]):
    def to_record(self) -> RecordT: ...


class ResourceRepository(Generic[RecordT]):
    """Queries that are the same for every resource type. A *live* resource is one that is not deleted.

    ``missing`` is the API's message for an unknown id, with ``{id}`` in it. ``filters`` names the
    columns that a list may be filtered and sorted by, besides those that all resources have;
    ``flags`` names those that are boolean, where null is false. ``metadata`` names the column for
    the metadata filter. ``expressions`` maps further filters to the expressions that they are
    compared with.
    """

    def __init__(
        self,
        model: type[Any],
        noun: str,
        missing: str,
        filters: tuple[str, ...] = (),
        flags: tuple[str, ...] = (),
        metadata: str | None = None,
        expressions: Mapping[str, Any] = MappingProxyType({}),
    ) -> None:
        self.model = model
        self.noun = noun
        self._missing = missing
        self._metadata = getattr(model, metadata) if metadata else None
        self._filters: dict[str, Any] = {name: getattr(model, name) for name in (*_COMMON, *filters)}
        self._filters |= {name: func.coalesce(getattr(model, name), false()) for name in flags}
        self._filters |= expressions

    def get(self, session: Session, id: str, scope: str | None) -> RecordT:  # noqa: A002 - the API's name
        """Return the live resource with this id. Raises: NotFound, also for another project's."""
        record: RecordT = self._get_live_row(session, id, scope).to_record()
        return record

    def lock(self, session: Session, id: str, scope: str | None) -> RecordT:  # noqa: A002
        """Return the live resource, locked until the transaction ends. Raises: NotFound."""
        record: RecordT = self._get_live_row(session, id, scope, lock=True).to_record()
        return record

    def page(self, session: Session, query: ListQuery, scope: str | None) -> list[RecordT]:
        """Return one page of the live resources of a project, or of all. Raises: InvalidInput."""
        statement = self._restrict_to_live(select(self.model), scope)
        rows = select_page(
            session,
            statement,
            self.model,
            query,
            sortable=(*_TIMES, *self._filters),
            filterable=self._filters,
            conditions=list(self._time_and_metadata_conditions(session, query)),
        )
        return [row.to_record() for row in rows]

    def count(self, session: Session, query: ListQuery, scope: str | None) -> int:
        """Return how many resources all pages have together. Raises: InvalidInput."""
        conditions = self._time_and_metadata_conditions(session, query)
        counted = self._restrict_to_live(select(func.count(self.model.id)), scope).where(*conditions)
        return int(session.execute(apply_filters(counted, query, self._filters)).scalar_one())

    def _restrict_to_live(self, statement: Select[Any], scope: str | None) -> Select[Any]:
        statement = statement.where(self.model.deleted.is_(False))
        return statement if scope is None else statement.where(self.model.project_id == scope)

    def _time_and_metadata_conditions(self, session: Session, query: ListQuery) -> Iterator[Any]:
        for name, comparisons in query.moments.items():
            column = getattr(self.model, name)
            yield from (COMPARISONS[how](column, moment) for how, moment in comparisons)
        for column, pairs in self._metadata_filters(query):
            yield from (has_metadata_item(session, column, key, value) for key, value in pairs.items())

    def _metadata_filters(self, query: ListQuery) -> Iterator[tuple[Any, dict[str, str]]]:
        if self._metadata is not None:
            yield self._metadata, query.metadata
        if query.image_metadata:
            yield self.model.image_metadata, query.image_metadata

    def list_where(self, session: Session, *conditions: Any) -> list[RecordT]:
        """Return every live resource that meets the conditions, the oldest first."""
        statement = select(self.model).where(self.model.deleted.is_(False), *conditions)
        rows = session.execute(statement.order_by(self.model.created_at, self.model.id)).unique().scalars()
        return [row.to_record() for row in rows]

    def get_with_deleted(self, session: Session, ids: Collection[str]) -> list[RecordT]:
        """Return resources by their ids, including deleted ones."""
        rows = session.execute(select(self.model).where(self.model.id.in_(ids))).unique().scalars()
        return [row.to_record() for row in rows]

    def add(self, session: Session, *rows: dict[str, Any]) -> None:
        """Insert new resources, each given by its columns."""
        session.execute(insert(self.model), list(rows))

    def update_claimed(self, session: Session, ids: Collection[str], flow_id: str, **columns: object) -> None:
        """Set columns of resources that the flow holds."""
        held = (self.model.id.in_(ids), self.model.claimed_by == flow_id)
        session.execute(_without_session_sync(update(self.model).where(*held).values(**columns)))

    def update_any(self, session: Session, id: str, **columns: object) -> None:  # noqa: A002
        """Set columns that no flow uses, such as the name, whichever flow holds the resource."""
        living = (self.model.id == id, self.model.deleted.is_(False))
        columns.setdefault("updated_at", clock.now())
        session.execute(_without_session_sync(update(self.model).where(*living).values(**columns)))

    def update_unclaimed(self, session: Session, id: str, **columns: object) -> None:  # noqa: A002
        """Set columns of a resource that no flow holds. Compare-and-set: raises Busy, if one does."""
        free = (self.model.id == id, self.model.claimed_by.is_(None), self.model.deleted.is_(False))
        columns.setdefault("updated_at", clock.now())
        done = session.execute(_without_session_sync(update(self.model).where(*free).values(**columns)))
        if done.rowcount != 1:  # type: ignore[attr-defined]
            holder = session.execute(select(self.model.claimed_by).where(self.model.id == id)).scalar()
            raise Busy(self.busy_message(session, id, holder))

    def claim(self, session: Session, ids: Collection[str], flow_id: str, status: Status | None) -> None:
        """Claim these resources for a flow, and set a transitional status if one is given.

        Compare-and-set: raises Busy, if any is already claimed, even by the same flow. None is
        claimed once the transaction is rolled back.
        """
        values: dict[str, Any] = {"claimed_by": flow_id, "flow_id": flow_id, "updated_at": clock.now()}
        if status is not None:
            values["status"] = status.value
        free = (self.model.id.in_(ids), self.model.claimed_by.is_(None), self.model.deleted.is_(False))
        done = session.execute(_without_session_sync(update(self.model).where(*free).values(**values)))
        if done.rowcount != len(set(ids)):  # type: ignore[attr-defined]
            held = session.execute(
                select(self.model.id, self.model.claimed_by).where(
                    self.model.id.in_(ids), self.model.claimed_by.is_not(None)
                )
            ).all()
            raise Busy(
                " ".join(self.busy_message(session, id_, by) for id_, by in held if by != flow_id)
                or "A resource was deleted meanwhile."
            )

    def busy_message(self, session: Session, id: str, flow_id: str | None) -> str:  # noqa: A002
        """Return the message for the caller: which flow holds a resource, and what to do about it."""
        statement = select(Flow.operation, Flow.state, Flow.undo_at).where(Flow.id == flow_id)
        holder = session.execute(statement).one_or_none()
        if holder is not None and holder.state == FlowState.ROLLBACK_FAILED:
            return (
                f"{self.noun} {id} is busy: {held_resource_text(flow_id, holder.operation, holder.undo_at)}"
            )
        if holder is not None and holder.state in UNFINISHED:
            return f"{self.noun} {id} is busy: flow {flow_id} is at work on it. Try again when it has ended."
        return (
            f"{self.noun} {id} is busy: flow {flow_id} held it a moment ago. Try again. If that is "
            "refused as well, an administrator repairs that with 'cgflow audit --repair claim.left --apply'."
        )

    def release(self, session: Session, ids: Collection[str], flow_id: str) -> None:
        """Release the flow's claims on these resources. Those it no longer holds are unchanged."""
        self.update_claimed(session, ids, flow_id, claimed_by=None)

    def release_all(self, session: Session, flow_id: str) -> None:
        """Release all claims of the flow on resources of this type."""
        held = self.model.claimed_by == flow_id
        session.execute(_without_session_sync(update(self.model).where(held).values(claimed_by=None)))

    def release_with_status(
        self,
        session: Session,
        ids: Collection[str],
        flow_id: str,
        status: Status | None,
        reason: str | None = None,
        **columns: object,
    ) -> None:
        """Set a final status and release the claims.

        Resources that the flow no longer holds are unchanged.
        """
        if status is not None:
            columns["status"] = status.value
        columns.update(claimed_by=None, reason=reason, updated_at=clock.now())
        self.update_claimed(session, ids, flow_id, **columns)

    def soft_delete(self, session: Session, ids: Collection[str], flow_id: str) -> None:
        """Delete softly: the row is kept for history and no longer listed.

        Deleted resources are unchanged.
        """
        gone = {
            "claimed_by": None,
            "flow_id": flow_id,
            "status": Status.DELETED.value,
            "consumes_quota": False,
            "deleted": True,
            "deleted_at": clock.now(),
        }
        living = (self.model.id.in_(ids), self.model.deleted.is_(False))
        session.execute(_without_session_sync(update(self.model).where(*living).values(**gone)))

    def undelete(self, session: Session, id: str, **columns: object) -> bool:  # noqa: A002
        """Undelete a resource, which then counts against the quota; return whether there was one."""
        back = {"deleted": False, "deleted_at": None, "consumes_quota": True, "updated_at": clock.now()}
        gone = (self.model.id == id, self.model.deleted.is_(True))
        done = session.execute(
            _without_session_sync(update(self.model).where(*gone).values(**back, **columns))
        )
        return bool(done.rowcount)  # type: ignore[attr-defined]

    def _get_live_row(self, session: Session, id: str, scope: str | None, *, lock: bool = False) -> Any:  # noqa: A002
        statement = select(self.model).where(self.model.id == id, self.model.deleted.is_(False))
        if lock:
            statement = statement.with_for_update(of=self.model)
        # Bulk updates bypass the objects that the session has loaded before.
        afresh = statement.execution_options(populate_existing=True)
        row = session.execute(afresh).unique().scalar_one_or_none()
        if row is None or (scope is not None and row.project_id != scope):
            raise NotFound(self._missing.format(id=id))
        return row


def _without_session_sync(statement: Any) -> Any:
    # Callers get records, not rows, so no objects in the session need an update.
    return statement.execution_options(synchronize_session=False)
