"""Takeover of a flow: its earlier owner is shut out of the backend, then a conductor becomes the owner.

There are two fences. The epoch keeps a stale owner out of the database: its saves are dropped. It
does not keep the stale owner out of the backend, where a call in flight may land at any time, even
after the new owner has undone the same step. Therefore the old owner's session is fenced at the
backend first, and only then does the epoch rise. If this process dies between the two, the flow
still names the old owner, and the next conductor fences it again. A flow whose old owner cannot be
shut out is left unchanged, with a reason, and retried. An ``accepted`` flow needs no fence at the
backend: its owner calls the backend only after it has stored that the flow is ``running``.

A flow belongs to the conductor of the process that accepts it from its acceptance on, with epoch 1.
That conductor takes it up without a takeover.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from cgflow import records
from cgflow.atom_states import find_unrecorded_cancel
from cgflow.db.database import Database
from cgflow.db.repositories import flow as flows
from cgflow.engine import persistence
from cgflow.errors import NotFenced, SessionFenced, describe
from cgflow.masking import mask_text
from cgflow.status import FlowState

ACCEPTED_EPOCH = 1
"""The epoch of a flow that no conductor has taken over."""

Fence = Callable[[records.Flow], None]
"""Shuts the conductor that a flow names out of every backend that the flow may have touched."""


@dataclass(frozen=True)
class TakenFlow:
    """A flow under its new epoch, its last events, and TaskFlow's stored details.

    ``resumption`` is the text for the history that says why steps run again. ``unrecorded`` is an
    accepted cancel that is not yet in the history.
    """

    flow: records.Flow
    last_events: list[records.LastEvent]
    stored: Any
    resumption: str
    unrecorded: dict[str, Any] | None


def take_up_accepted(database: Database, flow_id: str, conductor: str) -> TakenFlow | None:
    """Return a flow that was accepted for this conductor, which has not run it yet.

    None if it is not such a flow any more, because another conductor has taken it over.
    """
    with database.read() as session:
        flow = flows.find_unfinished(session, flow_id)
        if flow is None or (flow.epoch, flow.conductor) != (ACCEPTED_EPOCH, conductor):
            return None
        return TakenFlow(
            flow,
            flows.last_event_per_atom(session, flow_id),
            persistence.new_flow_detail(flow_id, flow.operation),
            "",
            _unrecorded_cancel_detail(session, flow),
        )


def take_over(database: Database, flow_id: str, conductor: str, fence: Fence) -> TakenFlow | None:
    """Take an unfinished flow over; None if it has ended, or another conductor was faster.

    Raises: NotFenced, and the flow is left; SessionFenced, if this process was itself shut out.
    """
    with database.read() as session:
        found = flows.find_unfinished(session, flow_id)
    if found is None:
        return None
    is_from_another = found.conductor not in (None, conductor)
    is_accepted = found.state is FlowState.ACCEPTED
    if is_from_another and not is_accepted:
        _fence_earlier_conductor(database, found, fence)
    with database.write() as session:
        # A conductor that took it since the read above is not the one that was fenced.
        flow = flows.take_ownership(session, flow_id, conductor, found.epoch)
        if flow is None:
            return None
        if is_from_another and is_accepted and flow.state is not FlowState.ACCEPTED:
            # Its owner may call the backend by now. The ownership is rolled back.
            raise NotFenced(f"Flow {flow_id} is left: conductor {found.conductor} has begun it meanwhile.")
        return TakenFlow(
            flow,
            flows.last_event_per_atom(session, flow_id),
            persistence.load_flow_detail(session, flow_id, flow.operation),
            _resumption_text(found.conductor, conductor),
            _unrecorded_cancel_detail(session, flow),
        )


def _resumption_text(earlier: str | None, conductor: str) -> str:
    # The events themselves name the conductors.
    if earlier is None:
        return "Its undo is tried again."
    if earlier == conductor:
        return "Begun again: it had stopped, and its conductor took it up again."
    return "Begun again: the conductor that ran it before stopped or was lost."


def _unrecorded_cancel_detail(session: Session, flow: records.Flow) -> dict[str, Any] | None:
    if flow.cancel_request is None:
        return None
    pending = find_unrecorded_cancel(flow, flows.list_flow_actions(session, flow.id))
    return None if pending is None else {"result": {key: pending[key] for key in pending if key != "at"}}


def _fence_earlier_conductor(database: Database, flow: records.Flow, fence: Fence) -> None:
    try:
        fence(flow)
    except SessionFenced:
        raise
    except BaseException as error:
        # Whatever the error, the session may still be active.
        why = mask_text(
            f"Not taken over yet: conductor {flow.conductor}, which ran this flow before, could not be shut "
            f"out of the backend, so its calls may still land there. It is tried again. {describe(error)}"
        )
        with database.write() as session:
            flows.set_reason(session, flow.id, why, epoch=flow.epoch)
        raise NotFenced(f"Flow {flow.id} is left: {why}") from error
