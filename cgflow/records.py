"""Frozen records of database rows: what ``cgflow.db`` returns to the rest of cgflow.

Sizes are in GiB. Moments are UTC without a zone. ``claimed_by`` is the id of
the flow that holds the thing, None when it is free; ``reason`` says in words
why it is in an error status.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from cgflow.drivers.contract import Report, SnapshotSpec, VolumeSpec
from cgflow.status import AttachmentStatus, FlowState, Status


@dataclass(frozen=True, kw_only=True)
class Backend:
    """One configured backend as it last reported. ``name`` is ``host@backend``.

    ``disabled_at`` is since when an operator lets it take nothing new, None if it may;
    ``frozen_at`` since when nothing that it holds may be changed either.
    """

    name: str
    availability_zone: str
    report: Report
    reported_at: datetime
    is_up: bool
    reason: str | None = None
    disabled_at: datetime | None = None
    disabled_reason: str | None = None
    frozen_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class VolumeType:
    """A named service class with the extra specs that select its backends."""

    id: str
    name: str
    description: str | None
    is_public: bool
    created_at: datetime
    qos_specs_id: str | None = None
    extra_specs: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class GroupType:
    """A named kind of group, with the group specs that tell what it asks for."""

    id: str
    name: str
    description: str | None
    is_public: bool
    created_at: datetime
    group_specs: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Resource:
    """What every operated thing has."""

    id: str
    user_id: str
    project_id: str
    name: str | None
    description: str | None
    status: Status
    reason: str | None
    claimed_by: str | None
    flow_id: str | None
    consumes_quota: bool
    created_at: datetime
    updated_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class ConsistencyGroup(Resource):
    """Volumes that share one point in time. ``host`` is the backend's name, None until placed.

    ``cgsnapshot_id`` or ``source_cgid`` names what it was made from, which may be gone since.
    """

    availability_zone: str
    host: str | None
    group_type_id: str
    cgsnapshot_id: str | None
    source_cgid: str | None
    volume_type_ids: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Attachment:
    """Who uses a volume, or is about to: a server (``instance_id``), a host, or both.

    ``mode`` is ``rw`` or ``ro``; ``connector`` is what the client told of itself,
    ``connection_info`` what it was told of the volume, None until it asked.
    """

    id: str
    volume_id: str
    project_id: str
    status: AttachmentStatus
    instance_id: str | None
    host_name: str | None
    mountpoint: str | None
    mode: str
    connector: dict[str, object] | None
    connection_info: dict[str, object] | None
    attached_at: datetime | None
    created_at: datetime


@dataclass(frozen=True, kw_only=True)
class Volume(Resource):
    """A block volume, a member of a consistency group if ``consistencygroup_id`` is set.

    ``snapshot_id`` or ``source_volid`` names what it was made from, which may be gone since.
    ``readonly`` is None until somebody has said whether it is. ``is_multiattach``: its type
    asks for that, and the backend lets several users have it at a time. ``is_in_generic_group``:
    the group is of a group type, and was not made as a consistency group.
    """

    size: int
    availability_zone: str
    host: str | None
    volume_type_id: str | None
    volume_type_name: str | None
    consistencygroup_id: str | None
    snapshot_id: str | None
    source_volid: str | None
    metadata: dict[str, str] = field(default_factory=dict)
    bootable: bool = False
    readonly: bool | None = None
    image_metadata: dict[str, str] = field(default_factory=dict)
    attachments: tuple[Attachment, ...] = ()
    is_multiattach: bool = False
    is_in_generic_group: bool = False

    def spec(self) -> VolumeSpec:
        """Return the volume as a driver sees it."""
        return VolumeSpec(id=self.id, size_gib=self.size, group_id=self.consistencygroup_id)


@dataclass(frozen=True, kw_only=True)
class Cgsnapshot(Resource):
    """The consistent point in time of a consistency group, whose type it tells.

    ``evidence`` tells how the cut was made.
    """

    consistencygroup_id: str
    group_type_id: str
    evidence: dict[str, object] | None = None


@dataclass(frozen=True, kw_only=True)
class Snapshot(Resource):
    """A copy of a volume, alone or one of a cgsnapshot. ``size`` is that of the volume when it was cut.

    ``group_id`` is the consistency group that its volume is in now, ``host`` the volume's backend.
    """

    volume_id: str
    cgsnapshot_id: str | None
    consistencygroup_id: str | None
    group_id: str | None
    host: str | None
    size: int
    progress: str
    volume_type_id: str | None
    volume_type_name: str | None
    metadata: dict[str, str] = field(default_factory=dict)

    def spec(self) -> SnapshotSpec:
        """Return the snapshot as a driver sees it."""
        return SnapshotSpec(
            id=self.id,
            volume_id=self.volume_id,
            # One that was made alone is a cut of its own.
            cgsnapshot_id=self.cgsnapshot_id or self.id,
            group_id=self.group_id,
        )


@dataclass(frozen=True, kw_only=True)
class FlowLine:
    """A flow as a line of a list. ``epoch`` counts the conductors that have owned it."""

    id: str
    operation: str
    version: int
    state: FlowState
    project_id: str
    user_id: str
    request_id: str
    resource_type: str
    resource_id: str
    group_id: str | None
    epoch: int
    conductor: str | None
    reason: str | None
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class Flow(FlowLine):
    """One operation, from acceptance to its end and beyond.

    ``shape`` is what the story is built from, ``symbols`` what its steps are
    given; both are JSON. ``leftovers`` lists, after a failed rollback, the atoms
    not undone; ``skipped`` those that an operator declared undone. ``cancel_request``
    says who asked for the cancel that ``cancel_reason`` tells of, and why.
    ``committed_at`` is when it passed its point of no return, None if it has not.
    ``undo_at`` is when a failed rollback is tried again by itself, for which it
    has been set ``undo_attempts`` times.
    """

    fingerprint: str | None
    shape: dict[str, object]
    symbols: dict[str, object]
    leftovers: tuple[dict[str, object], ...]
    skipped: tuple[dict[str, object], ...]
    cancel_reason: str | None
    committed_at: datetime | None
    cancel_request: dict[str, object] | None = None
    undo_attempts: int
    undo_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class FlowEvent:
    """One transition of a flow (``atom`` is None) or of one of its atoms.

    ``duration_ms`` is the time spent in ``from_state``. ``detail`` is the
    result or the failure that came with the transition.
    """

    seq: int
    flow_id: str
    at: datetime
    atom: str | None
    from_state: str | None
    to_state: str
    attempt: int
    duration_ms: float | None
    conductor: str | None
    detail: dict[str, object] | None


@dataclass(frozen=True, kw_only=True)
class LastEvent:
    """What a flow (``atom`` is None) or one of its atoms last moved to: what its next event follows."""

    seq: int
    atom: str | None
    to_state: str
    at: datetime
    attempt: int


@dataclass(frozen=True, kw_only=True)
class KeptAnswer:
    """The answer to a request with an idempotency key, and the fingerprint of that request.

    ``asked`` are the rules of the policy that permitted it, each with what it was asked about.
    """

    fingerprint: str
    status: int
    headers: dict[str, str]
    body: str
    asked: tuple[tuple[str, dict[str, str]], ...] = ()


@dataclass(frozen=True, kw_only=True)
class QuotaLine:
    """One resource of one project. A ``limit`` of -1 means none."""

    resource: str
    limit: int
    in_use: int
    reserved: int


@dataclass(frozen=True, kw_only=True)
class Service:
    """One part of the service on one host, and when it last reported."""

    binary: str
    host: str
    availability_zone: str
    reported_at: datetime


@dataclass(frozen=True, kw_only=True)
class ServiceState(Service):
    """A part of the service as it is now: up if it has reported lately.

    It is disabled if it may take nothing new, frozen if nothing that it holds may be changed either.
    """

    is_up: bool
    is_disabled: bool = False
    disabled_reason: str | None = None
    is_frozen: bool = False


@dataclass(frozen=True, kw_only=True)
class Load:
    """What a backend holds of one project, or of all together if ``project_id`` is None."""

    project_id: str | None
    volumes: int
    volume_gib: int
    snapshots: int
    snapshot_gib: int


@dataclass(frozen=True, kw_only=True)
class QosSpec:
    """What volumes may take of a backend. ``consumer`` says who is to see to it."""

    id: str
    name: str
    consumer: str
    specs: dict[str, str]
    created_at: datetime


@dataclass(frozen=True, kw_only=True)
class DefaultType:
    """The volume type that a project takes when it names none."""

    project_id: str
    volume_type_id: str


@dataclass(frozen=True, kw_only=True)
class TypeEncryption:
    """How volumes of a type are to be encrypted. ``key_size`` is in bits."""

    volume_type_id: str
    encryption_id: str
    provider: str
    control_location: str
    cipher: str | None
    key_size: int | None
    created_at: datetime
    updated_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class Transfer:
    """An offer to hand a volume over. ``project_id`` is who offers, ``key_hash`` what the key is known by."""

    id: str
    volume_id: str
    name: str | None
    project_id: str
    destination_project_id: str | None
    salt: str
    key_hash: str
    no_snapshots: bool
    created_at: datetime


@dataclass(frozen=True, kw_only=True)
class Message:
    """What a user is told of an operation that failed; kept until ``guaranteed_until``."""

    id: str
    project_id: str
    request_id: str
    resource_type: str
    resource_uuid: str
    event_id: str
    message_level: str
    user_message: str
    flow_id: str
    created_at: datetime
    guaranteed_until: datetime
