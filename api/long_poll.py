"""Reads of a resource that are held open until no flow holds it."""

from __future__ import annotations

import time
from typing import TypeVar

from api.auth.authorization import Reader, read_authorized
from api.request_scope import caller, runtime
from cgflow import records
from cgflow.db.repositories import flow as flows
from cgflow.status import UNFINISHED

ResourceT = TypeVar("ResourceT", bound=records.Resource)


def read_at_rest(rule: str, read: Reader[ResourceT], id_: str, wait_s: float) -> ResourceT:
    """Return a record as ``read_authorized`` does, once no flow is at work on it.

    Returns at the latest after ``wait_s`` seconds, and at once if no seat is free or the flow runs in another
    process. Raises: NotFound, also when the resource is deleted meanwhile; Forbidden.
    """
    deadline = time.monotonic() + wait_s
    found = read_authorized(rule, read, id_)
    while wait_s and (flow_id := found.claimed_by) is not None:
        with runtime().database.read() as session:
            seq = flows.newest_event_number(session, flow_id)
            has_ended = flows.get_summary(session, flow_id, None).state not in UNFINISHED
        # The record is read after the number, so that each later change of it has a later event.
        found = read_authorized(rule, read, id_)
        left_s = deadline - time.monotonic()
        if has_ended or left_s <= 0:
            break
        # No transaction is open during the wait.
        if found.claimed_by == flow_id and not runtime().event_signal.wait(
            flow_id, seq, left_s, caller().project_id
        ):
            return read_authorized(rule, read, id_)
    return found
