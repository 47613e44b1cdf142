"""The statuses of resources and the states of flows.

The values are those of the API, most of them Cinder's.
"""

from enum import StrEnum


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


_OF_ALL = (Status.CREATING, Status.AVAILABLE, Status.ERROR, Status.ERROR_DELETING)

RESETTABLE: dict[str, tuple[Status, ...]] = {
    "volume": (
        *_OF_ALL,
        Status.IN_USE,
        Status.RESERVED,
        Status.ATTACHING,
        Status.DETACHING,
        Status.AWAITING_TRANSFER,
        Status.EXTENDING,
        Status.ERROR_EXTENDING,
        Status.RETYPING,
        Status.MAINTENANCE,
        Status.MANAGING,
        Status.ERROR_MANAGING,
        Status.DOWNLOADING,
        Status.UPLOADING,
        Status.BACKING_UP,
        Status.ERROR_BACKING_UP,
        Status.RESTORING_BACKUP,
        Status.ERROR_RESTORING,
    ),
    "snapshot": (
        *_OF_ALL,
        Status.UPDATING,
        Status.DELETING,
        Status.UNMANAGING,
        Status.BACKING_UP,
        Status.RESTORING,
    ),
    "consistencygroup": (*_OF_ALL, Status.UPDATING, Status.DELETING),
    "cgsnapshot": (*_OF_ALL, Status.UPDATING, Status.DELETING),
}
"""The statuses that an administrator can set, by resource type, as in Cinder."""

PASSING = {
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
"""The statuses that only an operation leaves, and the status to set if no operation is running."""


class AttachmentStatus(StrEnum):
    """Status of an attachment: reserved, being connected, or in use. An ended attachment has no row."""

    RESERVED = "reserved"
    ATTACHING = "attaching"
    ATTACHED = "attached"


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


class ReservationState(StrEnum):
    """State of a quota reservation: held, turned into usage, or given back."""

    RESERVED = "reserved"
    COMMITTED = "committed"
    CANCELLED = "cancelled"
