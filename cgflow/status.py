"""The statuses a resource can rest in or pass through, and the states of a flow.

The words are the field's own, and the values are the wire's.
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


class AttachmentStatus(StrEnum):
    """Status of an attachment: meant for somebody, being connected, in use. One that has ended is gone."""

    RESERVED = "reserved"
    ATTACHING = "attaching"
    ATTACHED = "attached"


class FlowState(StrEnum):
    """State of a flow.

    ``accepted`` flows wait for a conductor; ``running`` and ``reverting`` ones
    have one, or had one that is gone and will be taken up again at its restart.
    The others are ends; ``rollback_failed`` means that undo itself failed and
    something is left, which the flow's record lists, until it is tried again;
    ``abandoned`` that an operator has given it up.
    """

    ACCEPTED = "accepted"
    RUNNING = "running"
    REVERTING = "reverting"
    SUCCESS = "success"
    REVERTED = "reverted"
    ROLLBACK_FAILED = "rollback_failed"
    ABANDONED = "abandoned"


UNFINISHED = (FlowState.ACCEPTED, FlowState.RUNNING, FlowState.REVERTING)
"""States a conductor has to take up when it starts."""


class ReservationState(StrEnum):
    """State of a quota reservation: held, turned into usage, or given back."""

    RESERVED = "reserved"
    COMMITTED = "committed"
    CANCELLED = "cancelled"
