"""Frozen records of database rows: what ``cgflow.db`` returns to the rest of cgflow.

Sizes are in GiB. Times are UTC without a zone. ``claimed_by`` is the id of the flow that holds the
resource, None if it is free; ``reason`` says why it is in an error status.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from cgflow.drivers.contract import Report, SnapshotSpec, VolumeSpec
from cgflow.status import AttachmentStatus, FlowState, Status


@dataclass(frozen=True, kw_only=True)
class Backend:
    """One configured backend with its last report. ``name`` is ``host@backend``.

    ``disabled_at`` is when an operator disabled it for new resources, None if it is enabled;
    ``frozen_at`` is when changes of its resources were forbidden as well.
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
    """A named kind of group, with group specs that state its requirements."""

    id: str
    name: str
    description: str | None
    is_public: bool
    created_at: datetime
    group_specs: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Resource:
    """Fields that all resources have."""

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

    ``cgsnapshot_id`` or ``source_cgid`` names its source, which may be deleted by now.
    """

    availability_zone: str
    host: str | None
    group_type_id: str
    cgsnapshot_id: str | None
    source_cgid: str | None
    volume_type_ids: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Attachment:
    """A current or planned use of a volume by a server (``instance_id``), a host, or both.

    ``mode`` is ``rw`` or ``ro``; ``connector`` is what the client reported about itself;
    ``connection_info`` is what the client needs to connect, None until requested.
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

    ``snapshot_id`` or ``source_volid`` names its source, which may be deleted by now. ``readonly``
    is None until a client sets it. ``is_multiattach``: its type allows several attachments at a
    time. ``is_in_generic_group``: its group is of a group type, and was not made as a consistency
    group.
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
    """A consistent point in time of a consistency group, with the group's type.

    ``evidence`` describes how the cut was made.
    """

    consistencygroup_id: str
    group_type_id: str
    evidence: dict[str, object] | None = None


@dataclass(frozen=True, kw_only=True)
class Snapshot(Resource):
    """A snapshot of a volume, alone or in a cgsnapshot. ``size`` is that of the volume when it was cut.

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
            # A snapshot that was made alone is a cut of its own.
            cgsnapshot_id=self.cgsnapshot_id or self.id,
            group_id=self.group_id,
        )


@dataclass(frozen=True, kw_only=True)
class FlowSummary:
    """A flow in a list. ``epoch`` counts how often it was taken up."""

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
class Flow(FlowSummary):
    """One operation, from its acceptance to its end.

    ``shape`` is what the flow is built from, ``symbols`` are the inputs of its steps; both are
    JSON. ``leftovers`` lists, after a failed rollback, the atoms not undone; ``skipped`` those that
    an operator declared undone. ``cancel_request`` says who requested the cancel of
    ``cancel_reason``, and why. ``committed_at`` is when the flow passed its point of no return,
    None if it has not. ``undo_at`` is when a failed rollback is retried automatically, and
    ``undo_attempts`` how many such retries have been scheduled.
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

    ``duration_ms`` is the time spent in ``from_state``. ``detail`` is the result or the failure of
    the transition.
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
    """The last transition of a flow (``atom`` is None) or of an atom, which the next event follows."""

    seq: int
    atom: str | None
    to_state: str
    at: datetime
    attempt: int


@dataclass(frozen=True, kw_only=True)
class StoredResponse:
    """The stored response to a request with an idempotency key, and the fingerprint of that request.

    ``asked`` are the policy rules that permitted the request, each with its target.
    """

    fingerprint: str
    status: int
    headers: dict[str, str]
    body: str
    asked: tuple[tuple[str, dict[str, str]], ...] = ()


@dataclass(frozen=True, kw_only=True)
class QuotaLine:
    """One quota resource of one project. A ``limit`` of -1 means none."""

    resource: str
    limit: int
    in_use: int
    reserved: int


@dataclass(frozen=True, kw_only=True)
class Service:
    """One process of the service on one host, and when it last reported."""

    binary: str
    host: str
    availability_zone: str
    reported_at: datetime


@dataclass(frozen=True, kw_only=True)
class ServiceState(Service):
    """The current state of a process or backend of the service: up if it has reported lately.

    It is disabled if it takes no new resources, frozen if its resources may not be changed either.
    """

    is_up: bool
    is_disabled: bool = False
    disabled_reason: str | None = None
    is_frozen: bool = False


@dataclass(frozen=True, kw_only=True)
class BackendLoad:
    """What a backend has of one project, or of all projects if ``project_id`` is None."""

    project_id: str | None
    volumes: int
    volume_gib: int
    snapshots: int
    snapshot_gib: int


@dataclass(frozen=True, kw_only=True)
class QosSpec:
    """Limits on the use of a backend by volumes. ``consumer`` says who enforces them."""

    id: str
    name: str
    consumer: str
    specs: dict[str, str]
    created_at: datetime


@dataclass(frozen=True, kw_only=True)
class DefaultType:
    """The volume type that a project uses if a request names none."""

    project_id: str
    volume_type_id: str


@dataclass(frozen=True, kw_only=True)
class TypeEncryption:
    """The encryption of a volume type. ``key_size`` is in bits."""

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
    """An offer of a volume to another project.

    ``project_id`` is the offering project; ``key_hash`` is the salted hash of the key that accepts
    it.
    """

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
    """A message to a user about a failed operation; kept until ``guaranteed_until``."""

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
