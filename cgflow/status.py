"""The statuses of resources and the states of flows.

The values are those of the API, most of them Cinder's.
"""

from collections.abc import Iterable, Mapping
from enum import Flag, StrEnum, auto
from functools import cache
from typing import Protocol


class Status(StrEnum):
    """Status of a consistency group, volume, cgsnapshot or snapshot."""

    CREATING = "creating"
    AVAILABLE = "available"
    IN_USE = "in-use"
    RESERVED = "reserved"
    ATTACHING = "attaching"
    DETACHING = "detaching"
    AWAITING_TRANSFER = "awaiting-transfer"
    UPDATING = "updating"
    EXTENDING = "extending"
    RETYPING = "retyping"
    REVERTING = "reverting"
    DELETING = "deleting"
    DELETED = "deleted"
    ERROR = "error"
    ERROR_DELETING = "error_deleting"
    ERROR_EXTENDING = "error_extending"

    # Further statuses of Cinder: no operation sets them, but an administrator may reset a status to one.
    MAINTENANCE = "maintenance"
    MANAGING = "managing"
    ERROR_MANAGING = "error_managing"
    UNMANAGING = "unmanaging"
    DOWNLOADING = "downloading"
    UPLOADING = "uploading"
    BACKING_UP = "backing-up"
    ERROR_BACKING_UP = "error_backing-up"
    RESTORING_BACKUP = "restoring-backup"
    ERROR_RESTORING = "error_restoring"
    RESTORING = "restoring"


class Trait(Flag):
    """What a status means for a resource that has it."""

    AT_REST = auto()
    """No operation is changing the resource."""
    TRANSITIONAL = auto()
    """An operation is changing the resource. The opposite of ``AT_REST``."""
    USABLE = auto()
    """The resource is healthy, and operations on its data can begin."""
    FAILED = auto()
    """An operation failed and left the resource so."""
    ATTACHMENT = auto()
    """The status follows from the attachments of a volume."""
    DELETABLE = auto()
    """The resource can be deleted without force."""
    RESETTABLE = auto()
    """An administrator can set the status. Where a deletion can be forced, it is accepted in this status."""


_AT_REST = Trait.AT_REST | Trait.RESETTABLE
_USABLE = _AT_REST | Trait.USABLE
_FAILED = _AT_REST | Trait.FAILED
_TRANSITIONAL = Trait.TRANSITIONAL | Trait.RESETTABLE

_COMMON = {
    Status.CREATING: _TRANSITIONAL,
    Status.AVAILABLE: _USABLE | Trait.DELETABLE,
    Status.ERROR: _FAILED | Trait.DELETABLE,
    Status.ERROR_DELETING: _FAILED | Trait.DELETABLE,
    Status.DELETED: Trait.AT_REST,
}

STATUSES: Mapping[str, Mapping[Status, Trait]] = {
    "volume": {
        **_COMMON,
        Status.IN_USE: _USABLE | Trait.ATTACHMENT,
        Status.RESERVED: _AT_REST | Trait.ATTACHMENT,
        Status.ATTACHING: _AT_REST | Trait.ATTACHMENT,
        Status.DETACHING: _AT_REST | Trait.ATTACHMENT,
        Status.AWAITING_TRANSFER: _AT_REST,
        Status.EXTENDING: _TRANSITIONAL,
        Status.ERROR_EXTENDING: _AT_REST | Trait.DELETABLE,
        Status.RETYPING: _TRANSITIONAL,
        Status.REVERTING: Trait.TRANSITIONAL,
        Status.DELETING: Trait.TRANSITIONAL,
        Status.MAINTENANCE: _TRANSITIONAL,
        Status.MANAGING: _TRANSITIONAL,
        Status.ERROR_MANAGING: _AT_REST | Trait.DELETABLE,
        Status.DOWNLOADING: _TRANSITIONAL,
        Status.UPLOADING: _TRANSITIONAL,
        Status.BACKING_UP: _TRANSITIONAL,
        Status.ERROR_BACKING_UP: _AT_REST,
        Status.RESTORING_BACKUP: _TRANSITIONAL,
        Status.ERROR_RESTORING: _AT_REST | Trait.DELETABLE,
    },
    "snapshot": {
        **_COMMON,
        Status.UPDATING: _TRANSITIONAL,
        Status.DELETING: _TRANSITIONAL,
        Status.UNMANAGING: _TRANSITIONAL,
        Status.BACKING_UP: _TRANSITIONAL,
        Status.RESTORING: _TRANSITIONAL,
    },
    "consistencygroup": {
        **_COMMON,
        # It is deleted again with force only, as in Cinder.
        Status.ERROR_DELETING: _FAILED,
        Status.UPDATING: _TRANSITIONAL,
        Status.REVERTING: Trait.TRANSITIONAL,
        Status.DELETING: _TRANSITIONAL,
    },
    "cgsnapshot": {
        **_COMMON,
        Status.UPDATING: _TRANSITIONAL,
        Status.DELETING: _TRANSITIONAL,
    },
}
"""The statuses of each resource type, and what each means. Those that can be reset are Cinder's."""

TRANSITIONAL: Mapping[Status, Status] = {
    Status.CREATING: Status.ERROR,
    Status.DELETING: Status.ERROR_DELETING,
    **dict.fromkeys(
        (
            Status.UPDATING,
            Status.EXTENDING,
            Status.RETYPING,
            Status.REVERTING,
            Status.MAINTENANCE,
            Status.MANAGING,
            Status.UNMANAGING,
            Status.DOWNLOADING,
            Status.UPLOADING,
            Status.BACKING_UP,
            Status.RESTORING_BACKUP,
            Status.RESTORING,
        ),
        Status.AVAILABLE,
    ),
}
"""The transitional statuses, and the status at rest of a resource that no operation is changing any more."""


@cache
def statuses_with(resource_type: str, traits: Trait) -> tuple[Status, ...]:
    """Return the statuses of a resource type that have any of the traits, in the order of the table."""
    return tuple(status for status, own in STATUSES[resource_type].items() if own & traits)


def status_at_rest(status: Status, *, is_created: bool) -> Status:
    """Return the status of a resource once no flow holds it.

    ``is_created`` says that its creation is committed.
    """
    if status is Status.CREATING and is_created:
        return Status.AVAILABLE
    return TRANSITIONAL.get(status, status)


def is_rolled_back(resource_type: str, *, consumes_quota: bool) -> bool:
    """Return whether a resource exists on no backend, because its creation was undone.

    The resource must not be in creation: it consumes quota only from the commit on. A cgsnapshot
    never consumes quota itself; its snapshots do.
    """
    return not consumes_quota and resource_type != "cgsnapshot"


class AttachmentStatus(StrEnum):
    """Status of an attachment: reserved, being connected, or in use. An ended attachment has no row."""

    RESERVED = "reserved"
    ATTACHING = "attaching"
    ATTACHED = "attached"


class HasAttachmentStatus(Protocol):
    """An attachment, of which only the status matters."""

    @property
    def status(self) -> AttachmentStatus:
        """The status of the attachment."""
        ...


def status_from_attachments(attachments: Iterable[HasAttachmentStatus]) -> Status:
    """Return the status of a healthy volume with these attachments; the most advanced attachment decides."""
    present = {attachment.status for attachment in attachments}
    for attachment_status, volume_status in _STATUS_OF_ATTACHMENT.items():
        if attachment_status in present:
            return volume_status
    return Status.AVAILABLE


_STATUS_OF_ATTACHMENT = {
    AttachmentStatus.ATTACHED: Status.IN_USE,
    AttachmentStatus.ATTACHING: Status.ATTACHING,
    AttachmentStatus.RESERVED: Status.RESERVED,
}
"""The most advanced attachment comes first."""


class FlowState(StrEnum):
    """State of a flow.

    ``accepted`` flows wait for a conductor. ``running`` and ``reverting`` flows have a conductor,
    or had one and are taken up again at a restart. All other states are final, except that a
    ``rollback_failed`` flow can be retried: its undo failed and left something, which the flow's
    record lists. An ``abandoned`` flow was given up by an operator.
    """

    ACCEPTED = "accepted"
    RUNNING = "running"
    REVERTING = "reverting"
    SUCCESS = "success"
    REVERTED = "reverted"
    ROLLBACK_FAILED = "rollback_failed"
    ABANDONED = "abandoned"


UNFINISHED = (FlowState.ACCEPTED, FlowState.RUNNING, FlowState.REVERTING)
"""States of flows that a conductor has to take up when it starts."""

OPEN = (*UNFINISHED, FlowState.ROLLBACK_FAILED)
"""States of flows that hold resources: unfinished, or with a failed undo that has left something."""

ENDED = tuple(state for state in FlowState if state not in OPEN)
"""States of flows that hold nothing and that nothing changes any more."""


class ReservationState(StrEnum):
    """State of a quota reservation: held, turned into usage, or given back."""

    RESERVED = "reserved"
    COMMITTED = "committed"
    CANCELLED = "cancelled"
