"""Waits for the end of a flow in the same process, which costs less than polling over HTTP."""

from __future__ import annotations

import time

from sqlalchemy import func, select

from cgflow.db.models import Flow, FlowEvent
from cgflow.status import UNFINISHED
from flows.runtime import Runtime


def await_end(runtime: Runtime, flow_id: str, timeout_s: float = 60) -> None:
    """Wait until the flow has ended. Raises: AssertionError, if it has not within ``timeout_s``."""
    newest = select(func.max(FlowEvent.seq)).where(FlowEvent.flow_id == flow_id).scalar_subquery()
    statement = select(Flow.operation, Flow.state, newest).where(Flow.id == flow_id)
    deadline = time.monotonic() + timeout_s
    while True:
        with runtime.database.read() as session:
            operation, state, seq = session.execute(statement).one()
        if state not in UNFINISHED:
            return
        left_s = deadline - time.monotonic()
        assert left_s > 0, f"flow {flow_id} ({operation}) did not end, it is {state}"
        runtime.event_signal.wait(flow_id, seq, min(left_s, 1))
