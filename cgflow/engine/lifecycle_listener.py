"""Notifies a callback of the start and the end of flows.

The callback runs before the state is saved: after a crash between the two it runs again, so no
notification is lost.
"""

from __future__ import annotations

from collections.abc import Callable

from cgflow import records
from cgflow.engine.flow_run import FlowRun
from cgflow.engine.outcome import Outcome
from cgflow.status import FlowState

LifecycleCallback = Callable[[records.Flow, str, str | None], None]
"""Called with a flow, a phase (``start``; ``end`` for success; ``error`` for failure) and the reason."""


def ignore_lifecycle(_flow: records.Flow, _phase: str, _reason: str | None) -> None:
    """Do nothing."""


class LifecycleListener:
    """Calls the callback, and retries while the database that it reads is unavailable."""

    def __init__(self, announce: LifecycleCallback) -> None:
        self._announce = announce

    def notify_start(self, run: FlowRun) -> None:
        """Notify of the start of an accepted flow; a resumed flow has been notified of."""
        if run.flow.state is FlowState.ACCEPTED:
            self._notify(run, "start", None)

    def notify_end(self, run: FlowRun, verdict: Outcome, *, is_last: bool) -> None:
        """Notify of the end. Of failed rollbacks, only of the first, and of those that need an operator.

        ``is_last``: the rollback is not retried automatically.
        """
        waits_for_a_person = verdict.state is FlowState.ROLLBACK_FAILED and is_last
        if run.flow.undo_attempts == 0 or waits_for_a_person:
            self._notify(run, "end" if verdict.state is FlowState.SUCCESS else "error", verdict.reason)

    def _notify(self, run: FlowRun, phase: str, reason: str | None) -> None:
        run.retry_while_unavailable(lambda: self._announce(run.flow, phase, reason), f"flow {run.flow.id}")
