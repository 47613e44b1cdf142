"""Making a conductor the owner of a flow, after whoever owned it before was shut out of the backend.

Two fences stand behind one another. The epoch keeps a stale owner from the
database: what it saves is dropped. It does not keep it from the backend, where
a call that was in flight may land at any time, even after the new owner has
undone the very step it belongs to. So the old owner's session is fenced at the
storage first, and only then does the epoch rise: if this process dies between
the two, the flow still names the old owner, and whoever comes next fences it
again. A flow whose old owner cannot be shut out is left as it is, with a note,
and tried again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cgflow import records
from cgflow.db.database import Database
from cgflow.db.repositories import flow as flows
from cgflow.engine import persistence
from cgflow.engine.masking import in_words
from cgflow.errors import NotFenced, SessionFenced

Fence = Callable[[records.Flow], None]
"""Shuts the conductor that a flow names out of every backend which the flow may have touched."""

Taken = tuple[records.Flow, list[records.LastEvent], Any]
"""The flow under its new epoch, its last events, and TaskFlow's stored details."""


def take(database: Database, flow_id: str, conductor: str, fence: Fence) -> Taken | None:
    """Take an unfinished flow for a conductor; None if it has ended, or another one was faster.

    Raises: NotFenced, and the flow is left; SessionFenced, if this process was itself shut out.
    """
    with database.read() as session:
        found = flows.find_unfinished(session, flow_id)
    if found is None:
        return None
    if found.conductor not in (None, conductor):
        _shut_out(database, found, fence)
    with database.write() as session:
        # Whoever took it since it was looked at is not the one that was fenced.
        flow = flows.take(session, flow_id, conductor, found.epoch)
        if flow is None:
            return None
        told = flows.last_events(session, flow_id)
        return flow, told, persistence.load(session, flow_id, flow.operation)


def _shut_out(database: Database, flow: records.Flow, fence: Fence) -> None:
    try:
        fence(flow)
    except SessionFenced:
        raise
    except Exception as error:
        # Whatever it is: the session may still be at work.
        why = in_words(
            f"Not taken over yet: conductor {flow.conductor}, which ran this flow before, could not be shut "
            f"out of the backend, so its calls may still land there. It is tried again. {error}"
        )
        with database.write() as session:
            flows.note(session, flow.id, why, epoch=flow.epoch)
        raise NotFenced(f"Flow {flow.id} is left: {why}") from error
