"""Retrying with back-off, for steps that go forward until they are done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from taskflow import retry

from cgflow.engine.outcome import reason_from

if TYPE_CHECKING:
    from cgflow.engine.flow_run import FlowRun

FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 60.0
_DOUBLINGS = 20


class Backoff(retry.Times):  # type: ignore[misc]  # TaskFlow ships no types
    """Run the steps below again when one fails, up to ``attempts`` times, with doubling pauses.

    When they are used up the whole flow is undone, not only the part below:
    with TaskFlow's default the steps outside would stay done under a flow that
    calls itself reverted. Behind the point of no return nothing is undone: there
    the steps are run again for as long as it takes, and the flow says why.
    """

    def __init__(self, name: str, attempts: int) -> None:
        super().__init__(attempts=attempts, name=name, revert_all=True)
        self._run: FlowRun | None = None

    def bind(self, run: FlowRun) -> None:
        """Tie the retry to the run that owns its flow; its pauses end when the run is stopped."""
        self._run = run

    def on_failure(self, history: Any, *args: object, **kwargs: object) -> str:
        """Return what is to be done about a failure: run the steps again, or undo the flow."""
        if self._run is not None and self._run.is_committed:
            return str(retry.RETRY)
        return str(super().on_failure(history, *args, **kwargs))

    def execute(self, history: Any, *_: object, **__: object) -> int:
        """Wait before the second attempt and the later ones; return the attempt's number."""
        failed = len(history)
        if failed and self._run is not None:
            if failed >= self._attempts:
                reason = reason_from(failure for _, failure in history.outcomes_iter(failed - 1))
                self._run.show_reason(
                    "Its change is committed, so it is not undone; what follows is retried until it is done. "
                    f"Attempt {failed} failed: {reason}"
                )
            self._run.pause(min(FIRST_PAUSE_S * 2 ** min(failed - 1, _DOUBLINGS), LONGEST_PAUSE_S))
        return failed + 1
