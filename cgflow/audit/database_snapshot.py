"""The state of the database at one instant, read in a fixed number of statements."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.orm import Session, aliased

from cgflow.db.models import (
    Attachment,
    Backend,
    Cgsnapshot,
    ConsistencyGroup,
    Flow,
    QuotaUsage,
    Reservation,
    Snapshot,
    Transfer,
    Volume,
    VolumeType,
)
from cgflow.quota.usage import Usage
from cgflow.status import OPEN, FlowState, ReservationState, Trait, is_rolled_back, statuses_with


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """A live record of a resource, with the fields that the audit compares.

    ``group_id`` is the group of a volume or a cgsnapshot; for a snapshot, the group of its volume.
    ``group_gone`` says that this group is deleted, and ``cgsnapshot_gone`` the same of a snapshot's
    cgsnapshot. ``members`` is the number of snapshots that a cgsnapshot was cut with, None if it
    was not recorded.
    """

    noun: str
    id: str
    name: str | None
    project_id: str
    status: str
    claimed_by: str | None
    flow_id: str | None
    consumes_quota: bool
    host: str | None = None
    size: int = 0
    type_name: str | None = None
    group_id: str | None = None
    group_gone: bool = False
    volume_id: str | None = None
    cgsnapshot_id: str | None = None
    cgsnapshot_gone: bool = False
    members: int | None = None

    @property
    def fields_changed_by_flows(self) -> tuple[object, ...]:
        """The fields that flows change: a flow cannot begin and end without changing one of them."""
        return (
            *(self.claimed_by, self.flow_id, self.consumes_quota, self.was_rolled_back),
            *(self.host, self.size, self.group_id),
        )

    @property
    def was_rolled_back(self) -> bool:
        """Whether its creation was undone or abandoned, so that a backend need not have it."""
        has_failed = self.status in statuses_with(self.noun, Trait.FAILED)
        return has_failed and is_rolled_back(self.noun, consumes_quota=self.consumes_quota)


@dataclass(frozen=True, kw_only=True)
class OpenFlow:
    """A flow that holds resources. ``names`` has all ids that its shape and symbols contain.

    ``undo_at`` is when a failed undo is retried automatically, and ``undo_attempts`` how many such
    retries have been scheduled.
    """

    id: str
    operation: str
    version: int
    state: FlowState
    epoch: int
    conductor: str | None
    reason: str | None
    undo_attempts: int
    undo_at: datetime | None
    committed_at: datetime | None
    created_at: datetime
    names: frozenset[str]

    @property
    def is_failing(self) -> bool:
        """Whether its change is committed and the steps behind it keep failing, so that it has a reason."""
        return self.state is FlowState.RUNNING and self.committed_at is not None and self.reason is not None

    @property
    def has_failed_undo(self) -> bool:
        """Whether its undo has failed, even if it is being retried at this moment."""
        return self.state is FlowState.ROLLBACK_FAILED or self.undo_attempts > 0


@dataclass(frozen=True, kw_only=True)
class ReservedAmount:
    """The amount of one quota resource in one reservation, with the state of its flow."""

    flow_id: str
    flow_state: FlowState
    project_id: str
    resource: str
    delta: int
    state: ReservationState


@dataclass(frozen=True, kw_only=True)
class DatabaseSnapshot:
    """The whole snapshot. ``usages`` is by project and quota resource; ``resources`` by id."""

    resources: Mapping[str, Row]
    open_flows: Mapping[str, OpenFlow]
    usages: Mapping[tuple[str, str], Usage]
    reservations: tuple[ReservedAmount, ...]
    attachments_of_deleted: tuple[tuple[str, str], ...]
    transfers: tuple[tuple[str, str, bool], ...]
    backends: frozenset[str]

    def rows_of_type(self, noun: str) -> Iterator[Row]:
        """Return the records of one resource type."""
        return (row for row in self.resources.values() if row.noun == noun)


def read_database(session: Session) -> DatabaseSnapshot:
    """Read the snapshot in the session's transaction. Statements: 10."""
    resources = [
        *_read_rows(session, "consistencygroup", _select_groups()),
        *_read_rows(session, "volume", _select_volumes()),
        *_read_rows(session, "cgsnapshot", _select_cgsnapshots()),
        *_read_rows(session, "snapshot", _select_snapshots()),
    ]
    is_open = Flow.state.in_(OPEN)
    flows = [_build_open_flow(row) for row in session.execute(select(*_FLOW).where(is_open)).mappings()]
    usages = select(QuotaUsage.project_id, QuotaUsage.resource, QuotaUsage.in_use, QuotaUsage.reserved)
    is_relevant = (Reservation.state == ReservationState.RESERVED) | is_open
    return DatabaseSnapshot(
        resources={row.id: row for row in resources},
        open_flows={flow.id: flow for flow in flows},
        usages={(project, name): Usage(*counted) for project, name, *counted in session.execute(usages)},
        reservations=tuple(
            _build_reserved_amount(row)
            for row in session.execute(_select_reservations().where(is_relevant)).mappings()
        ),
        attachments_of_deleted=tuple(
            (id_, volume) for id_, volume in session.execute(_select_attachments_of_deleted_volumes())
        ),
        transfers=tuple(
            (id_, volume, bool(waits)) for id_, volume, waits in session.execute(_select_transfers())
        ),
        backends=frozenset(session.scalars(select(Backend.name))),
    )


_FLOW = [
    getattr(Flow, name)
    for name in (
        *("id", "operation", "version", "state", "epoch", "conductor", "reason", "created_at"),
        *("undo_attempts", "undo_at", "committed_at", "resource_id", "group_id", "shape", "symbols"),
    )
]


def _common_columns(model: Any) -> list[ColumnElement[Any]]:
    names = ("id", "name", "project_id", "status", "claimed_by", "flow_id", "consumes_quota")
    return [getattr(model, name) for name in names]


def _select_groups() -> Select[Any]:
    return select(*_common_columns(ConsistencyGroup), ConsistencyGroup.host).where(~ConsistencyGroup.deleted)


def _select_volumes() -> Select[Any]:
    group = aliased(ConsistencyGroup)
    return (
        select(
            *_common_columns(Volume),
            Volume.host,
            Volume.size,
            VolumeType.name.label("type_name"),
            Volume.consistencygroup_id.label("group_id"),
            _is_deleted_or_missing(Volume.consistencygroup_id, group).label("group_gone"),
        )
        .outerjoin(VolumeType, VolumeType.id == Volume.volume_type_id)
        .outerjoin(group, group.id == Volume.consistencygroup_id)
        .where(~Volume.deleted)
    )


def _select_cgsnapshots() -> Select[Any]:
    group = aliased(ConsistencyGroup)
    return (
        select(
            *_common_columns(Cgsnapshot),
            group.host,
            Cgsnapshot.consistencygroup_id.label("group_id"),
            group.deleted.label("group_gone"),
            Cgsnapshot.evidence.label("members"),
        )
        .join(group, group.id == Cgsnapshot.consistencygroup_id)
        .where(~Cgsnapshot.deleted)
    )


def _select_snapshots() -> Select[Any]:
    group = aliased(ConsistencyGroup)
    return (
        select(
            *_common_columns(Snapshot),
            Volume.host,
            Snapshot.size,
            VolumeType.name.label("type_name"),
            Volume.consistencygroup_id.label("group_id"),
            Snapshot.volume_id,
            Snapshot.cgsnapshot_id,
            _is_deleted_or_missing(Volume.consistencygroup_id, group).label("group_gone"),
            _is_deleted_or_missing(Snapshot.cgsnapshot_id, Cgsnapshot).label("cgsnapshot_gone"),
        )
        .join(Volume, Volume.id == Snapshot.volume_id)
        .outerjoin(group, group.id == Volume.consistencygroup_id)
        .outerjoin(Cgsnapshot, Cgsnapshot.id == Snapshot.cgsnapshot_id)
        .outerjoin(VolumeType, VolumeType.id == Snapshot.volume_type_id)
        .where(~Snapshot.deleted)
    )


def _is_deleted_or_missing(named: Any, there: Any) -> Any:
    """Return the condition that a row references one that is deleted or missing.

    An administrator may have removed a row by hand.
    """
    return named.is_not(None) & (there.id.is_(None) | there.deleted)


def _select_reservations() -> Any:
    return select(
        Reservation.id.label("flow_id"),
        Flow.state.label("flow_state"),
        Reservation.project_id,
        Reservation.resource,
        Reservation.delta,
        Reservation.state,
    ).join(Flow, Flow.id == Reservation.id)


def _select_attachments_of_deleted_volumes() -> Any:
    return (
        select(Attachment.id, Attachment.volume_id)
        .join(Volume, Volume.id == Attachment.volume_id)
        .where(~Attachment.deleted, Volume.deleted)
    )


def _select_transfers() -> Any:
    waits = (~Volume.deleted) & (Volume.status == "awaiting-transfer")
    return (
        select(Transfer.id, Transfer.volume_id, waits)
        .join(Volume, Volume.id == Transfer.volume_id)
        .where(~Transfer.deleted)
    )


def _read_rows(session: Session, noun: str, statement: Select[Any]) -> Iterator[Row]:
    for mapping in session.execute(statement).mappings():
        columns = dict(mapping)
        columns["consumes_quota"] = bool(columns["consumes_quota"])
        for flag in ("group_gone", "cgsnapshot_gone"):
            columns[flag] = bool(columns.get(flag))
        columns["members"] = _count_members(columns.get("members"))
        yield Row(noun=noun, **columns)


def _count_members(evidence: Any) -> int | None:
    count = evidence.get("members") if isinstance(evidence, Mapping) else None
    return count if isinstance(count, int) else None


def _build_open_flow(columns: Mapping[Any, Any]) -> OpenFlow:
    values = dict(columns)
    sources = [values.pop(name) for name in ("resource_id", "group_id", "shape", "symbols")]
    values["state"] = FlowState(values["state"])
    return OpenFlow(**values, names=frozenset({values["id"], *_collect_strings(sources)}))


def _collect_strings(value: Any) -> Iterator[str]:
    """Yield every string in a JSON value, including keys: a flow may change any resource whose id it has."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield str(key)
            yield from _collect_strings(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _collect_strings(inner)


def _build_reserved_amount(columns: Mapping[Any, Any]) -> ReservedAmount:
    states = {
        "flow_state": FlowState(columns["flow_state"]),
        "state": ReservationState(columns["state"]),
    }
    return ReservedAmount(**{**columns, **states})
