"""Announces that flows start and how they end, to whom the conductor was given.

Each is announced before it is saved: after a crash between the two it is
announced again, rather than never.
"""

from __future__ import annotations

from collections.abc import Callable

from cgflow import records
from cgflow.engine.flow_run import FlowRun
from cgflow.engine.outcome import Outcome
from cgflow.status import FlowState

LifecycleCallback = Callable[[records.Flow, str, str | None], None]
"""Told of a flow that it starts (``start``), has succeeded (``end``) or failed (``error``), and why."""


def ignore_lifecycle(_flow: records.Flow, _phase: str, _reason: str | None) -> None:
    """Tell nobody."""


class LifecycleListener:
    """Announces, and waits for the database that an announcement is read from."""

    def __init__(self, announce: LifecycleCallback) -> None:
        self._announce = announce

    def starts(self, run: FlowRun) -> None:
        """Announce a flow that was accepted; one that is resumed has been announced."""
        if run.flow.state is FlowState.ACCEPTED:
            self._notify(run, "start", None)

    def ended(self, run: FlowRun, verdict: Outcome, *, is_last: bool) -> None:
        """Announce the end. Of failed rollbacks the first, and each after which the flow waits for a person.

        ``is_last``: the rollback is not tried again by itself.
        """
        waits_for_a_person = verdict.state is FlowState.ROLLBACK_FAILED and is_last
        if run.flow.undo_attempts == 0 or waits_for_a_person:
            self._notify(run, "end" if verdict.state is FlowState.SUCCESS else "error", verdict.reason)

    def _notify(self, run: FlowRun, phase: str, reason: str | None) -> None:
        run.retry_while_unavailable(lambda: self._announce(run.flow, phase, reason), f"flow {run.flow.id}")
