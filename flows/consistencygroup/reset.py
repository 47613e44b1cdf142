"""Status reset of a consistency group or a cgsnapshot by an operator. Only the record changes."""

from __future__ import annotations

from cgflow.context import RequestContext
from cgflow.db.repositories.registry import REPOSITORIES
from cgflow.errors import Busy, InvalidState
from cgflow.status import Status
from flows.reset import known_status
from flows.runtime import Runtime

FAILED = (Status.ERROR, Status.ERROR_DELETING)


def reset(runtime: Runtime, context: RequestContext, noun: str, id_: str, status: str) -> None:
    """Set the status of a resource that no flow holds. Raises: NotFound, Busy, InvalidInput, InvalidState.

    A resource that was rolled back does not exist on any backend, so it cannot be made usable.
    """
    rows, target = REPOSITORIES[noun], known_status(noun, status)
    with runtime.database.write() as session:
        thing = rows.lock(session, id_, context.scope)
        if thing.claimed_by is not None:
            busy = rows.busy_message(session, thing.id, thing.claimed_by)
            raise Busy(f"{busy} Cancel, retry or abandon the flow if it is stuck.")
        if not thing.consumes_quota and thing.status in FAILED and target not in FAILED and _is_charged(noun):
            raise InvalidState(
                f"Invalid status: {rows.noun} {thing.id} was rolled back and holds nothing; "
                f"it cannot be {target}. Delete it."
            )
        reason = f"Its status was reset by {context.user_id}." if target is not Status.AVAILABLE else None
        rows.update_unclaimed(session, thing.id, status=target.value, reason=reason)


def _is_charged(noun: str) -> bool:
    """Return whether a resource of this type is charged itself; a cgsnapshot is charged by its members."""
    return noun != "cgsnapshot"
