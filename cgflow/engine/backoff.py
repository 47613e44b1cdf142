"""Retries with back-off, for steps that must go forward until they succeed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from taskflow import retry

from cgflow.engine.outcome import reason_from_failures

if TYPE_CHECKING:
    from cgflow.engine.flow_run import FlowRun

FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 60.0
_DOUBLINGS = 20


class Backoff(retry.Times):  # type: ignore[misc]  # TaskFlow ships no types
    """Retry the steps of a sub-flow up to ``attempts`` times, with doubling pauses.

    When the attempts are used up, the whole flow is reverted, not only the sub-flow: with
    TaskFlow's default the steps outside would stay done in a flow whose state is REVERTED. Behind
    the point of no return nothing is reverted: the steps are retried without limit, and the flow's
    reason says why.
    """

    def __init__(self, name: str, attempts: int) -> None:
        super().__init__(attempts=attempts, name=name, revert_all=True)
        self._run: FlowRun | None = None

    def bind_to_run(self, run: FlowRun) -> None:
        """Attach the retry to the run that owns its flow; stopping the run ends a pause."""
        self._run = run

    def on_failure(self, history: Any, *args: object, **kwargs: object) -> str:
        """Return TaskFlow's decision about a failure: retry the steps, or revert the flow."""
        if self._run is not None and self._run.is_committed:
            return str(retry.RETRY)
        return str(super().on_failure(history, *args, **kwargs))

    def execute(self, history: Any, *_: object, **__: object) -> int:
        """Pause before every attempt but the first; return the attempt's number."""
        failed = len(history)
        if failed and self._run is not None:
            if failed >= self._attempts:
                reason = reason_from_failures(failure for _, failure in history.outcomes_iter(failed - 1))
                self._run.save_reason(
                    "Its change is committed, so it is not undone; what follows is retried until it is done. "
                    f"Attempt {failed} failed: {reason}"
                )
            self._run.pause_before_retry(
                min(FIRST_PAUSE_S * 2 ** min(failed - 1, _DOUBLINGS), LONGEST_PAUSE_S)
            )
        return failed + 1
